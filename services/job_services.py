"""What an operator does about jobs: give parked ones a new start, drop one for good, run a schedule now. All of it audited."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict, IllegalTransition, Invalid, NotFound
from core.jobs import enqueue
from core.jobs.queue import TASKS
from core.jobs.worker import retry_parked
from core.models import Job, JobState, Schedule
from services.audit_services import record_audit
from tenants.models import Tenant

MOST_AT_ONCE = 1_000


class RunsAlready(Conflict):
    """It waits or runs already. Facts: name."""

    code = "runs_already"
    title = "It is in the queue already"
    detail = "{name} waits or runs already."


@marketplace_work
@transaction.atomic
def retry_jobs(*, job_ids: Sequence[int], actor_id: UUID) -> int:
    """Give parked jobs a new start, with all their attempts. Returns how many; others of the ids are left alone."""
    found = Job.objects.filter(pk__in=list(job_ids)[:MOST_AT_ONCE])
    return _retried(retry_parked(found), actor_id, of=", ".join(map(str, sorted(job_ids)[:20])))


@marketplace_work
@transaction.atomic
def retry_task(*, task: str, actor_id: UUID) -> int:
    """Give all parked jobs of a task a new start. Returns how many."""
    return _retried(retry_parked(Job.objects.filter(task=task)), actor_id, of=task)


def _retried(count: int, actor_id: UUID, *, of: str) -> int:
    if count:
        record_audit("jobs.retried", actor_id=actor_id, count=count, of=of)
    return count


@marketplace_work
@transaction.atomic
def drop_job(*, job_id: int, reason: str, actor_id: UUID) -> None:
    """Delete a parked job: what it was to do is never done. Locks it.

    Raises NotFound, Invalid (no reason), IllegalTransition (it is not parked).
    """
    job = Job.objects.select_for_update().filter(pk=job_id).first()
    if job is None:
        raise NotFound(what="job")
    if not reason.strip():
        raise Invalid(field="reason", reason="say why it need not be done")
    if job.state != JobState.PARKED:
        raise IllegalTransition(what="This job", state=job.state, move="drop")
    tenant = Tenant.objects.filter(pk=job.tenant_id).first() if job.tenant_id else None
    record_audit("job.dropped", actor_id=actor_id, tenant=tenant, reason=reason, job=job.pk, task=job.task)
    job.delete()


@marketplace_work
@transaction.atomic
def run_schedule_now(*, name: str, actor_id: UUID) -> None:
    """Queue what runs by schedule, now; the schedule stays as it is. Locks its row. Raises NotFound, RunsAlready."""
    row = Schedule.objects.select_for_update().filter(pk=name).first()
    if row is None or name not in TASKS:
        raise NotFound(what="schedule")
    waits = Job.objects.filter(
        task=name, tenant_id=None, state__in=[JobState.QUEUED, JobState.RUNNING], run_at__lte=now()
    )
    if waits.exists():
        raise RunsAlready(name=name)
    enqueue(name)
    record_audit("schedule.run_now", actor_id=actor_id, name=name)
