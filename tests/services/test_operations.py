"""Long work: done once by a worker, told as it goes, found again, and never left hanging."""

import pytest
from django.db import OperationalError, connection

from core.errors import Conflict, NotFound
from core.jobs.worker import drain
from core.models import Job, OperationState
from services import operation_services
from services.operation_services import (
    Outcome,
    find_operation,
    operations,
    output_of,
    run_operation,
    runner,
    start_operation,
)
from tenants.context import tenant_scope

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
def kind():
    """A kind of work that counts to its `to`, and what was done of it."""
    done: list[int] = []

    @runner("test.count")
    def count(operation, say):
        for number in range(1, operation.params["to"] + 1):
            say(number, operation.params["to"])
            done.append(number)
        if operation.params.get("refuse"):
            raise Conflict(reason="no")
        if operation.params.get("break"):
            raise ZeroDivisionError
        if operation.params.get("weather"):
            raise OperationalError("gone")
        return Outcome(
            report={"counted": len(done)}, output=b"a,b", output_type="text/csv", file_name="c.csv"
        )

    yield done
    del operation_services.RUNNERS["test.count"]


def work_off(tenant):
    """A worker does what is due; then the storefront is served again, as before."""
    drain()
    connection.set_tenant(tenant)


def test_work_is_asked_for_and_done_by_a_worker_and_what_came_of_it_is_kept(kind, serving):
    asked = start_operation("test.count", actor_id=None, upload=b"x" * 10, file_name="../../in.csv", to=3)
    assert find_operation(asked.pk).state == OperationState.QUEUED

    work_off(serving)

    found = find_operation(asked.pk)
    assert (found.state, found.done, found.total, found.report) == ("done", 3, 3, {"counted": 3})
    assert found.finished_at >= found.started_at
    assert bytes(output_of(asked.pk).output) == b"a,b"
    assert operations().get().input is None, "what was given is not kept"


def test_work_that_is_over_is_not_done_again(kind):
    asked = start_operation("test.count", actor_id=None, to=2)
    run_operation(operation_id=asked.pk)

    run_operation(operation_id=asked.pk)

    assert kind == [1, 2]


def test_work_whose_worker_died_starts_over(kind, serving):
    asked = start_operation("test.count", actor_id=None, to=2)
    operations().filter(pk=asked.pk).update(state="running", done=1)

    work_off(serving)

    assert find_operation(asked.pk).state == "done"
    assert kind == [1, 2]


def test_a_refusal_is_the_reason_why_work_failed(kind, serving):
    asked = start_operation("test.count", actor_id=None, to=1, refuse=True)

    work_off(serving)

    found = find_operation(asked.pk)
    assert (found.state, found.error) == ("failed", "Not possible in this state")
    assert not Job.objects.exists()


def test_a_bug_ends_the_work_and_says_nothing_of_itself(kind, serving):
    asked = start_operation("test.count", actor_id=None, to=1, **{"break": True})

    work_off(serving)

    found = find_operation(asked.pk)
    assert found.state == "failed"
    assert "The fault is ours" in found.error
    assert "Zero" not in found.error


def test_in_bad_weather_work_is_tried_again(kind):
    asked = start_operation("test.count", actor_id=None, to=1, weather=True)

    with pytest.raises(OperationalError):
        run_operation(operation_id=asked.pk)

    assert find_operation(asked.pk).state == "running"


def test_work_of_one_storefront_is_not_found_in_another(kind, other_tenant):
    asked = start_operation("test.count", actor_id=None, to=1)

    with tenant_scope(other_tenant), pytest.raises(NotFound):
        find_operation(asked.pk)


def test_the_marketplace_s_work_is_its_own(kind, serving):
    connection.set_schema_to_public()
    asked = start_operation("test.count", actor_id=None, to=1)
    assert type(asked)._meta.app_label == "tenants"
    drain()
    assert find_operation(asked.pk).state == "done"

    with tenant_scope(serving):
        assert not operations().exists()


def test_nobody_asks_for_what_no_runner_does():
    with pytest.raises(LookupError):
        start_operation("test.nothing", actor_id=None)
