"""Recurring jobs. Any number of schedulers may run: the row in the table decides who enqueues a tick."""

from datetime import datetime

from cronsim import CronSim
from django.db import transaction

from core.clock import now
from core.jobs.queue import TASKS, enqueue
from core.models import Schedule


def next_after(cron: str, moment: datetime) -> datetime:
    """The first moment after `moment` that the cron expression names (UTC)."""
    return next(CronSim(cron, moment))


def sync() -> None:
    """Make the table say what the code says: new, changed and removed schedules."""
    wanted = {task.name: task.cron for task in TASKS.values() if task.cron}
    moment = now()
    known = dict(Schedule.objects.values_list("name", "cron"))
    for name, cron in wanted.items():
        if known.get(name) != cron:
            Schedule.objects.update_or_create(
                name=name, defaults={"cron": cron, "next_run_at": next_after(cron, moment)}
            )
    Schedule.objects.exclude(name__in=wanted).delete()


def tick() -> int:
    """Enqueue each schedule that is due, once, however many schedulers run. Missed ticks are run once."""
    moment = now()
    due = list(Schedule.objects.filter(next_run_at__lte=moment))
    fired = 0
    for row in due:
        with transaction.atomic():
            moved = Schedule.objects.filter(pk=row.pk, next_run_at=row.next_run_at).update(
                next_run_at=next_after(row.cron, moment), last_run_at=moment
            )
            if moved and row.name in TASKS:
                enqueue(row.name)
                fired += 1
    return fired


class Scheduler:
    """Ticks; before its first tick that reaches the database it syncs, so that it may start while that is away."""

    def __init__(self) -> None:
        self._is_synced = False

    def tick(self) -> int:
        """`tick()`, after a `sync()` the first time. Raises what the database raises: call it again later."""
        if not self._is_synced:
            sync()
            self._is_synced = True
        return tick()
