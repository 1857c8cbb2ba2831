"""Jobs at the desk: what is parked and why, without people in it; tried again, dropped with a reason; schedules run now."""

from datetime import timedelta

import pytest
from django.test import Client

from core.clock import now
from core.jobs.schedule import sync
from core.models import Job, JobState, Schedule
from tenants.desk.jobs import without_people
from tests.desk.conftest import Desk
from tests.desk.money_support import audited
from tests.factories.jobs import queued
from tests.factories.tenants import make_user, owner_of
from tests.tenancy.support import ELSEWHERE, MARKETPLACE

TASK = "mail.operator"


def make_jobs(count: int = 1, **fields) -> list[Job]:
    """Rows of the queue."""
    values = {
        "task": TASK,
        "args": {"email": "ada@example.com", "subject": "Hello", "body": "Dear Ada"},
        "state": JobState.PARKED,
        "run_at": now() - timedelta(minutes=5),
        "attempts": 12,
        "max_attempts": 12,
        "last_error": "SMTPException: no\n  File x",
        **fields,
    }
    return Job.objects.bulk_create(Job(**values) for _ in range(count))


def test_nobody_but_operators_gets_in(serving):
    (job,) = make_jobs()
    for path in ("/desk/jobs", f"/desk/jobs/{job.pk}"):
        for person in (None, make_user(), owner_of(serving)):
            assert Desk(person).get(path).status_code == 302
            for action in ("retry", "drop", "retry-task", "run-now"):
                answer = Desk(person).post(path, {"action": action, "job": job.pk, "reason": "x"})
                assert answer.status_code == 302
    assert Job.objects.filter(state=JobState.PARKED).count() == 1


def test_forms_of_others_are_refused(operator):
    (job,) = make_jobs()
    attacker = Client(enforce_csrf_checks=True, HTTP_HOST=MARKETPLACE)
    attacker.force_login(operator)

    assert attacker.post(f"/desk/jobs/{job.pk}", {"action": "drop", "reason": "x"}).status_code == 403
    assert attacker.post("/desk/jobs", {"action": "retry", "job": job.pk}).status_code == 403
    assert Job.objects.get().state == JobState.PARKED


def test_the_queue_in_figures_with_the_oldest_that_waits_and_who_works(desk, tenant):
    make_jobs(2)
    make_jobs(
        3, state=JobState.QUEUED, run_at=now() - timedelta(minutes=7, seconds=3), task="payout.send", args={}
    )
    make_jobs(1, state=JobState.QUEUED, run_at=now() + timedelta(hours=1), task="order.expire", args={})
    make_jobs(1, state=JobState.RUNNING, locked_by="host-a:12:abcd", lease_until=now(), tenant_id=tenant.pk)

    desk.get("/desk/jobs")
    assert "for 7 min" in desk.text
    assert "host-a:12:abcd" in desk.text
    assert desk.text.count('name="job"') == 2
    assert "SMTPException: no" in desk.text
    desk.get("/desk/jobs?state=running")
    assert tenant.name in desk.text
    desk.get("/desk/jobs?state=queued&task=order.expire")
    assert desk.text.count('class="row-link" href="/desk/jobs/') == 1


def test_what_a_job_was_told_about_people_is_hidden(desk):
    secret = "ada.lovelace@example.com"
    args = {
        "email": secret,
        "order_id": ELSEWHERE,
        "event_id": "evt_1",
        "count": 3,
        "is_new": True,
        "names": ["Ada", {"token": "s3cr3t-token"}],
    }
    (job,) = make_jobs(args=args)

    desk.get(f"/desk/jobs/{job.pk}")

    for hidden in (secret, "Ada", "s3cr3t-token", "Hello"):
        assert hidden not in desk.text, hidden
    for shown in (ELSEWHERE, "evt_1", "SMTPException: no", "File x", "12 of 12"):
        assert shown in desk.text, shown
    assert "notice-good" not in desk.text, "an error is no good news"
    assert without_people(args) == {
        "email": "hidden",
        "order_id": ELSEWHERE,
        "event_id": "evt_1",
        "count": 3,
        "is_new": True,
        "names": ["hidden", {"token": "hidden"}],
    }
    desk.get("/desk/jobs")
    assert secret not in desk.text


def test_the_list_asks_few_questions_and_goes_on(desk, tenant, django_assert_max_num_queries):
    rows = make_jobs(120, tenant_id=tenant.pk)
    sync()
    with django_assert_max_num_queries(12):
        desk.get("/desk/jobs")
    assert desk.text.count('name="job"') == 50
    seen, query = set(), "?state=parked"
    while query:
        desk.get(f"/desk/jobs{query}")
        seen |= {row.pk for row in rows if f'/desk/jobs/{row.pk}"' in desk.text}
        query = desk.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert len(seen) == 120


@pytest.mark.parametrize("query", ["state=x", "before=x", "before=99999999999999999999", "task=%00"])
def test_nonsense_in_the_address_is_no_error(desk, query):
    assert desk.get(f"/desk/jobs?{query}").status_code == 200


# Again ------------------------------------------------------------------------------------------------------------


def test_one_several_and_all_of_a_task_are_tried_again(desk):
    one, two, three, four = make_jobs(4)
    (other,) = make_jobs(1, task="image.fetch")

    desk.post(f"/desk/jobs/{one.pk}", {"action": "retry"})
    desk.post("/desk/jobs", {"action": "retry", "job": [two.pk, "x", "99999999"]})
    assert set(Job.objects.filter(state=JobState.QUEUED).values_list("pk", flat=True)) == {one.pk, two.pk}
    one.refresh_from_db()
    assert one.attempts == 0

    desk.post("/desk/jobs", {"action": "retry-task", "task": TASK})
    assert set(Job.objects.filter(state=JobState.PARKED).values_list("pk", flat=True)) == {other.pk}
    assert [entry.facts["count"] for entry in audited("jobs.retried")] == ["1", "1", "2"]
    assert {entry.actor_id for entry in audited("jobs.retried")} == {desk.person.pk}
    assert [three.pk, four.pk]


def test_what_is_not_parked_is_left_alone(desk):
    (running,) = make_jobs(state=JobState.RUNNING, locked_by="w", lease_until=now() + timedelta(minutes=1))

    assert desk.post(f"/desk/jobs/{running.pk}", {"action": "retry"}).status_code == 400
    answer = desk.post(f"/desk/jobs/{running.pk}", {"action": "drop", "reason": "in the way"})
    assert answer.status_code == 400
    assert "done=none" in desk.post("/desk/jobs", {"action": "retry", "job": running.pk})["Location"]
    running.refresh_from_db()
    assert running.state == JobState.RUNNING
    assert audited("jobs.retried") == audited("job.dropped") == []


def test_a_job_that_is_gone_is_not_found(desk):
    assert desk.get("/desk/jobs/99999999").status_code == 404
    for action in ("retry", "drop"):
        answer = desk.post("/desk/jobs/99999999", {"action": action, "reason": "x"})
        assert answer.status_code == 404


# Dropping ---------------------------------------------------------------------------------------------------------


def test_a_parked_job_is_dropped_for_good_with_a_reason(desk, tenant):
    (job,) = make_jobs(tenant_id=tenant.pk)

    assert desk.post(f"/desk/jobs/{job.pk}", {"action": "drop", "reason": " "}).status_code == 400
    assert Job.objects.filter(pk=job.pk).exists()
    assert (
        desk.post(f"/desk/jobs/{job.pk}", {"action": "drop", "reason": "the mailbox is gone"}).status_code
        == 302
    )

    assert not Job.objects.filter(pk=job.pk).exists()
    (entry,) = audited("job.dropped")
    assert (entry.actor_id, entry.tenant, entry.reason) == (desk.person.pk, tenant, "the mailbox is gone")
    assert entry.facts == {"job": str(job.pk), "task": TASK}


# Schedules --------------------------------------------------------------------------------------------------------


def test_a_schedule_is_run_now_once_and_keeps_its_time(desk):
    sync()
    before = Schedule.objects.get(pk="payout.sweep").next_run_at
    desk.get("/desk/jobs")
    assert "payout.sweep" in desk.text

    assert desk.post("/desk/jobs", {"action": "run-now", "name": "payout.sweep"}).status_code == 302
    assert desk.post("/desk/jobs", {"action": "run-now", "name": "payout.sweep"}).status_code == 409
    assert "waits or runs already" in desk.text

    assert len(queued("payout.sweep")) == 1
    assert Schedule.objects.get(pk="payout.sweep").next_run_at == before
    assert [entry.facts["name"] for entry in audited("schedule.run_now")] == ["payout.sweep"]


@pytest.mark.parametrize("name", ["", "mail.operator", "os.system"])
def test_only_schedules_are_run(desk, name):
    sync()
    assert desk.post("/desk/jobs", {"action": "run-now", "name": name}).status_code == 404
    assert not Job.objects.exists()
