"""The job queue: run if and only if committed, by one worker at a time, in the right storefront, and never for ever."""

import gc
import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection, connections, transaction

from core.clock import now
from core.ids import new_id
from core.jobs import MAIL, MONEY, enqueue, schedule
from core.jobs.worker import Worker, claim, drain, impersonal, reap, retry_parked, run_job
from core.models import Job, JobState, Schedule
from tenants.context import tenant_scope
from tenants.models import Tenant
from tests.factories.jobs import make_due
from tests.factories.threads import at_once, failures
from tests.jobs.support import registered

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def ran() -> list:
    """What the jobs of a test did, in order."""
    return []


@pytest.fixture
def noop(ran):
    with registered("test.noop", lambda **args: ran.append(args)):
        yield


# Enqueueing --------------------------------------------------------------------------------------------------------------


def test_a_job_of_a_transaction_that_rolls_back_never_runs_and_of_one_that_commits_always(noop, ran):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        enqueue("test.noop", of="rolled back")
        raise ZeroDivisionError
    with transaction.atomic():
        enqueue("test.noop", of="committed")
    drain()
    assert ran == [{"of": "committed"}]
    assert not Job.objects.exists()


def test_a_job_is_not_seen_before_its_transaction_commits(noop):
    with transaction.atomic():
        enqueue("test.noop")
        (others,) = at_once([lambda: len(claim("other", 10))])
        assert others == 0
    assert len(claim("other", 10)) == 1


def test_a_name_nobody_registered_is_refused_when_it_is_asked_for():
    with pytest.raises(LookupError):
        enqueue("test.nothing")


def test_a_job_for_later_waits(noop, ran):
    enqueue("test.noop", run_at=now() + timedelta(hours=1))
    assert drain() == 0
    make_due()
    assert (drain(), len(ran)) == (1, 1)


def test_ids_in_arguments_are_words_again(noop, ran):
    order = new_id()
    enqueue("test.noop", order_id=order)
    drain()
    assert ran == [{"order_id": str(order)}]


NESTED_LOOP = "".join(
    f"SET LOCAL enable_{way} = off;" for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material")
)
AS_A_PLAIN_SUBQUERY = """
    UPDATE core_job SET state = 'running' WHERE id IN
           (SELECT id FROM core_job WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"""


def test_no_more_jobs_are_claimed_than_asked_for_whatever_the_plan(noop):
    for _ in range(20):
        enqueue("test.noop")
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(NESTED_LOOP)
        cursor.execute("ANALYZE core_job")
        assert [len(claim("worker", limit)) for limit in (1, 2, 5)] == [1, 2, 5]
        cursor.execute(AS_A_PLAIN_SUBQUERY)
        assert cursor.rowcount > 1  # the control


# Whose job ---------------------------------------------------------------------------------------------------------------


def test_each_job_runs_in_its_own_storefront_and_nothing_of_it_stays(tenant, other_tenant, ran):
    def note(**args):
        ran.append(connection.schema_name)
        if args.get("fails"):
            raise ValueError

    with registered("test.note", note, max_attempts=1):
        for whose, args in ((tenant, {}), (other_tenant, {"fails": True}), (None, {}), (tenant, {})):
            if whose:
                with tenant_scope(whose):
                    enqueue("test.note", **args)
            else:
                enqueue("test.note")
        for _ in range(4):
            run_job(claim("w", 1)[0])
            ran.append(f"after: {connection.schema_name}")

    assert ran == [
        tenant.schema_name,
        "after: public",
        other_tenant.schema_name,
        "after: public",
        "public",
        "after: public",
        tenant.schema_name,
        "after: public",
    ]


def test_a_job_that_wanders_off_into_another_storefront_does_not_take_the_next_one_along(tenant, ran):
    def wander(**args):
        ran.append(connection.schema_name)
        connection.set_tenant(Tenant.objects.get(pk=tenant.pk))

    with registered("test.wander", wander):
        enqueue("test.wander")
        enqueue("test.wander")
        drain()
    assert ran == ["public", "public"]


def test_a_job_of_a_storefront_that_is_gone_is_dropped_and_the_queue_moves(noop, ran):
    Job.objects.create(task="test.noop", tenant_id=uuid4(), run_at=now(), max_attempts=3)
    enqueue("test.noop")
    assert drain() == 2
    assert ran == [{}]
    assert not Job.objects.exists()


# Claiming ----------------------------------------------------------------------------------------------------------------


def test_each_of_many_jobs_is_claimed_once_by_eight_workers(ran):
    """2,000 jobs: ten times as many take ten times as long and show the same."""
    lock = threading.Lock()

    def note(*, number: int) -> None:
        with lock:
            ran.append(number)

    def work(name: str) -> int:
        done = 0
        while jobs := claim(name, 5):
            for job in jobs:
                assert run_job(job)
                done += 1
        return done

    with registered("test.note", note):
        Job.objects.bulk_create(
            Job(task="test.note", args={"number": number}, run_at=now(), max_attempts=3)
            for number in range(2000)
        )
        results = at_once([lambda name=name: work(f"worker {name}") for name in range(8)])

    assert failures(results) == []
    assert sum(results) == 2000
    assert sorted(ran) == list(range(2000))
    assert not Job.objects.exists()


def test_control_without_skipping_locked_rows_jobs_are_claimed_many_times(noop):
    Job.objects.bulk_create(Job(task="test.noop", run_at=now(), max_attempts=3) for _ in range(5))
    everybody_has_read = threading.Barrier(3)

    def naive() -> list[int]:
        found = list(Job.objects.filter(state="queued").values_list("pk", flat=True))
        everybody_has_read.wait()
        Job.objects.filter(pk__in=found).update(state="running")
        return found

    assert sum(map(len, at_once([naive] * 3))) == 15


def test_money_does_not_wait_behind_ten_thousand_mails():
    with (
        registered("test.mail", lambda: None, priority=MAIL),
        registered("test.pay", lambda: None, priority=MONEY),
    ):
        Job.objects.bulk_create(
            Job(task="test.mail", priority=MAIL, run_at=now() - timedelta(hours=1), max_attempts=3)
            for _ in range(10_000)
        )
        enqueue("test.pay")
        assert [job.task for job in claim("w", 1)] == ["test.pay"]
        assert [job.task for job in claim("w", 1)] == ["test.mail"]


# Failing -----------------------------------------------------------------------------------------------------------------


def test_a_job_that_always_fails_is_parked_after_its_last_try_and_the_queue_moves(noop, ran):
    def fail():
        ran.append("try")
        raise ValueError("the moon is full")

    with registered("test.fail", fail, max_attempts=3):
        enqueue("test.fail")
        enqueue("test.noop")
        for _ in range(5):
            drain()
            make_due()

    assert ran == ["try", {}, "try", "try"]
    job = Job.objects.get()
    assert (job.state, job.attempts) == (JobState.PARKED, 3)
    assert job.last_error.startswith("ValueError: the moon is full\n")


def test_each_try_waits_longer_than_the_one_before():
    def fail():
        raise ValueError

    pauses = []
    with registered("test.fail", fail, max_attempts=30):
        enqueue("test.fail")
        for _ in range(14):
            drain()
            pauses.append(Job.objects.get().run_at - now())
            make_due()
    assert timedelta(0) < pauses[0] <= timedelta(seconds=2)
    assert pauses[0] < pauses[4] < pauses[8]
    assert max(pauses) <= timedelta(hours=1)


def test_a_job_whose_task_this_release_does_not_know_is_parked_and_not_lost(noop, ran):
    Job.objects.create(task="test.of_another_release", run_at=now(), max_attempts=2, args={"a": 1})
    enqueue("test.noop")
    for _ in range(3):
        drain()
        make_due()
    job = Job.objects.get()
    assert (job.state, job.args, ran) == (JobState.PARKED, {"a": 1}, [{}])


def test_a_job_asked_for_under_a_former_name_still_runs(ran):
    Job.objects.create(task="test.former", run_at=now(), max_attempts=2, args={"a": 1})
    with registered("test.today", lambda **args: ran.append(args), aliases=("test.former",)):
        drain()
    assert ran == [{"a": 1}]


def test_two_tasks_never_share_a_name(noop):
    with pytest.raises(ValueError, match="two tasks"), registered("test.noop", lambda: None):
        pass


def test_the_operator_can_give_parked_jobs_a_new_start(noop, ran):
    Job.objects.create(task="test.noop", run_at=now(), max_attempts=2, attempts=2, state="parked")
    assert retry_parked(Job.objects.all()) == 1
    drain()
    assert ran == [{}]


def test_a_state_nobody_knows_is_refused_by_the_database():
    with pytest.raises(IntegrityError, match="job_state_known"):
        Job.objects.create(task="test.noop", run_at=now(), max_attempts=2, state="lost")


def test_what_failed_is_kept_without_what_the_job_was_told():
    def fail(*, email: str, password: str, people: list) -> None:
        raise ValueError(f"{email} may not enter with {password}, nor {people[0]['name']}")

    with registered("test.fail", fail):
        enqueue(
            "test.fail", email="ada@example.com", password="correct horse", people=[{"name": "Grace Hopper"}]
        )
        drain()
    kept = Job.objects.get().last_error
    for secret in ("ada@example.com", "correct horse", "Grace Hopper"):
        assert secret not in kept
    assert kept.startswith("ValueError: [argument] may not enter with [argument], nor [argument]\n")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("{'ada@example.com': (550, b'no such user')}", "{'[e-mail]': (550, b'no such user')}"),
        ('violates "x"\nDETAIL:  Failing row contains (Ada, Berlin).', 'violates "x"'),
        ("Key (email)=(ada@example.com)", "Key (email)=([e-mail])"),
        ("no such payment intent: pi_123", "no such payment intent: pi_123"),
    ],
)
def test_errors_are_kept_without_people_and_with_ids(text, kept):
    assert impersonal(text, {"intent_id": "pi_123"}) == kept


# Leases ------------------------------------------------------------------------------------------------------------------


def let_the_lease_end() -> None:
    Job.objects.filter(state="running").update(lease_until=now() - timedelta(seconds=1))


def test_a_job_of_a_worker_that_died_runs_again_when_its_lease_has_ended(noop, ran):
    enqueue("test.noop")
    claim("dead", 1)
    assert (reap(), drain()) == (0, 0)
    let_the_lease_end()
    assert (reap(), drain(), ran) == (1, 1, [{}])


def test_a_job_that_kills_each_worker_is_parked(noop, ran):
    enqueue("test.noop")
    Job.objects.update(max_attempts=2)
    for _ in range(2):
        claim("dead", 1)
        let_the_lease_end()
        reap()
    job = Job.objects.get()
    assert (job.state, job.last_error, ran) == (JobState.PARKED, "its worker died each time", [])


def test_a_worker_that_comes_back_late_does_not_end_what_another_has_taken_over(noop):
    def fail():
        raise ValueError

    with registered("test.fail", fail, max_attempts=9):
        for task in ("test.noop", "test.fail"):
            enqueue(task)
            (late,) = claim("late", 1)
            let_the_lease_end()
            reap()
            (taken,) = claim("other", 1)
            run_job(late)
            job = Job.objects.get(pk=taken.pk)
            assert (job.state, job.locked_by, job.attempts) == ("running", "other", 2)
            job.delete()


def test_a_job_longer_than_its_lease_runs_once_while_its_worker_lives(ran, settings):
    settings.JOB_LEASE = timedelta(seconds=0.4)
    finished = threading.Event()

    def slow() -> None:
        ran.append("started")
        if len(ran) == 1:
            finished.wait(1.4)
        finished.set()

    with registered("test.slow", slow):
        enqueue("test.slow")
        workers = [Worker(threads=2, poll_seconds=0.05) for _ in range(2)]
        threads = [threading.Thread(target=worker.run) for worker in workers]
        for thread in threads:
            thread.start()
        assert finished.wait(10)
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join()
        gc.collect()  # closes the connections of the workers' threads
    assert ran == ["started"]
    assert not Job.objects.exists()


def run_until(worker: Worker, is_done, seconds: float = 10) -> None:
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + seconds
    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.stop()
    thread.join()
    gc.collect()  # closes the connections of the worker's threads


def test_a_worker_that_starts_while_the_database_is_away_works_when_it_is_back(ran, settings, monkeypatch):
    settings.JOB_LEASE = timedelta(seconds=0.2)
    real, away = schedule.sync, [OperationalError("the server is starting up")] * 2

    def sync() -> None:
        if away:
            raise away.pop()
        real()

    monkeypatch.setattr(schedule, "sync", sync)
    with registered("test.minutely", lambda: ran.append("ticked"), cron="* * * * *"):
        real()
        Schedule.objects.filter(name="test.minutely").update(next_run_at=now())
        run_until(Worker(threads=1, poll_seconds=0.02, with_scheduler=True), lambda: ran)
    assert (away, ran) == ([], ["ticked"])


def test_a_thread_whose_connection_cannot_be_tidied_takes_the_next_job_all_the_same(noop, ran, monkeypatch):
    def fail(self) -> None:
        raise InterfaceError("the connection is gone")

    monkeypatch.setattr(type(connections["default"]), "close_if_unusable_or_obsolete", fail)
    for number in range(3):
        enqueue("test.noop", number=number)
    run_until(Worker(threads=1, poll_seconds=0.02), lambda: len(ran) == 3)
    assert [each["number"] for each in ran] == [0, 1, 2]
