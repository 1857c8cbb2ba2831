"""Running queued jobs inside a test."""

from django.db import connection

from core.clock import now
from core.db import as_marketplace
from core.jobs.worker import drain
from core.models import Job
from tenants.models import Tenant


def run_jobs() -> int:
    """Run everything that is due, in this thread, and serve the same storefront as before. Returns how many ran."""
    before = connection.tenant
    connection.set_schema_to_public()  # as a worker is
    done = drain()
    if isinstance(before, Tenant):
        connection.set_tenant(before)
    return done


def queued(task: str) -> list[dict]:
    """The arguments of the queued jobs of a task, oldest first."""
    with as_marketplace():
        return list(Job.objects.filter(task=task).order_by("id").values_list("args", flat=True))


def make_due() -> None:
    """Let the pauses of failed jobs be over."""
    with as_marketplace():
        Job.objects.filter(state="queued").update(run_at=now())
