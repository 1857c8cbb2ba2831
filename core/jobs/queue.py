"""Registering tasks, and putting work into the queue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from core.db import tenant_connection
from core.renderers import dumps

# Lower runs first: ten thousand mails never make a payout wait.
MONEY, NORMAL, MAIL = 10, 50, 80
# With pauses of up to an hour: a mail server may be down for three days.
MAIL_ATTEMPTS = 84


@dataclass(frozen=True)
class Task:
    """A named function that workers can run with JSON arguments."""

    name: str
    run: Callable[..., object]
    priority: int
    max_attempts: int | None
    cron: str | None


TASKS: dict[str, Task] = {}


def task(
    name: str,
    *,
    priority: int = NORMAL,
    max_attempts: int | None = None,
    cron: str | None = None,
    aliases: tuple[str, ...] = (),
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Register a function as a task. With `cron` (UTC) it also runs by schedule, without arguments.

    The name is stored in queued rows: when it changes, keep the old one in `aliases` until those have run.
    """

    def register(run: Callable[..., object]) -> Callable[..., object]:
        entry = Task(name=name, run=run, priority=priority, max_attempts=max_attempts, cron=cron)
        for known_as in (name, *aliases):
            if known_as in TASKS:
                raise ValueError(f"two tasks are named {known_as}")
            TASKS[known_as] = entry
        return run

    return register


def enqueue(name: str, *, run_at: datetime | None = None, **args: Any) -> None:
    """Ask for a task, as part of the current transaction: rolled back with it, run after it commits.

    Args are JSON values (UUIDs become strings). The tenant being served now is the tenant the job will serve.
    Raises LookupError for a name nobody registered.
    """
    known = TASKS.get(name)
    if known is None:
        raise LookupError(f"no task is named {name!r}")
    tenant_id: UUID | None = getattr(tenant_connection.tenant, "id", None)
    limit = known.max_attempts or settings.JOB_MAX_ATTEMPTS
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.core_job (task, args, tenant_id, state, priority, run_at, attempts,"
            " max_attempts, locked_by, last_error, created_at) VALUES (%s, %s, %s, 'queued', %s,"
            " coalesce(%s, now()), 0, %s, '', '', now())",
            [name, dumps(args).decode(), tenant_id, known.priority, run_at, limit],
        )


def forget_queued(name: str) -> int:
    """Drop what is queued of a task for the tenant being served: whoever calls is about to do all of it.

    Call it before reading what the task works on: what is enqueued after that stays. Needs the marketplace's rights.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM public.core_job WHERE id IN (SELECT id FROM public.core_job WHERE task = %s AND tenant_id = %s"
            " AND state = 'queued' FOR UPDATE SKIP LOCKED)",
            [name, getattr(tenant_connection.tenant, "id", None)],
        )
        return cursor.rowcount
