"""The worker: claims jobs under a lease, runs each in its tenant, records how it ended."""

import os
import re
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, connections
from django.db.models import F, QuerySet
from django.utils.module_loading import import_string

from core.clock import now
from core.db import tenant_connection
from core.ids import new_secret
from core.jobs.queue import TASKS
from core.jobs.schedule import Scheduler
from core.models import Job, JobState

log = structlog.get_logger("souk.jobs")
LONGEST_PAUSE = timedelta(hours=1)
REAP_EVERY_SECONDS = 2.0
EMAIL_ADDRESS = re.compile(r"[^\s<>()'\"=,;:]+@[^\s<>()'\"=,;:]+")
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(acct|ch|cs|evt|pi|po|py|re|tr)_\w+")


class TenantGone(Exception):
    """The job's tenant does not exist any more: the job is dropped, with a record."""


class NotNow(Exception):
    """The job cannot be run yet, for no fault of its own: it is tried again later, and no attempt is counted."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"not before {retry_after} seconds")
        self.retry_after = retry_after


def claim(worker: str, limit: int) -> list[Job]:
    """Take up to `limit` due jobs, most urgent first. Each is claimed by exactly one worker (SKIP LOCKED).

    MATERIALIZED: as a plain subquery, a nested loop may run the SELECT once per row and claim more than the limit.
    """
    return list(
        Job.objects.raw(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM core_job WHERE state = 'queued' AND run_at <= clock_timestamp()
                 ORDER BY priority, run_at, id LIMIT %s FOR UPDATE SKIP LOCKED)
            UPDATE core_job SET state = 'running', attempts = attempts + 1, locked_by = %s,
                   lease_until = clock_timestamp() + %s
              FROM due WHERE core_job.id = due.id
            RETURNING core_job.*
            """,
            [limit, worker, settings.JOB_LEASE],
        )
    )


def reap() -> int:
    """Give jobs of dead workers back to the queue; park those that have used up their attempts."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE core_job SET lease_until = NULL, locked_by = '',
                   state = CASE WHEN attempts >= max_attempts THEN 'parked' ELSE 'queued' END,
                   last_error = CASE WHEN attempts >= max_attempts THEN 'its worker died each time' ELSE last_error END
             WHERE state = 'running' AND lease_until < clock_timestamp()
            """
        )
        return cursor.rowcount


def run_job(job: Job) -> bool:
    """Run one claimed job in its tenant's schema and record the outcome. Returns whether it succeeded."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(job_id=job.pk, task=job.task)
    started = time.perf_counter()
    mine = Job.objects.filter(pk=job.pk, locked_by=job.locked_by, attempts=job.attempts)
    scope = import_string(settings.JOB_TENANT_SCOPE)
    try:
        registered = TASKS[job.task]
        with scope(job.tenant_id):
            registered.run(**job.args)
    except TenantGone:
        log.warning("job.dropped", reason="tenant gone", tenant=str(job.tenant_id))
        mine.delete()
        return True
    except NotNow as error:
        mine.update(
            state=JobState.QUEUED,
            attempts=F("attempts") - 1,
            run_at=now() + timedelta(seconds=error.retry_after),
            lease_until=None,
            locked_by="",
        )
        log.info("job.postponed", seconds=error.retry_after)
        return False
    except Exception as error:
        _failed(job, error)
        return False
    mine.delete()
    log.info("job.done", ms=round((time.perf_counter() - started) * 1000, 1))
    return True


def _failed(job: Job, error: Exception) -> None:
    """Try again later, with a growing pause; park the job after its last attempt."""
    is_last = job.attempts >= job.max_attempts
    pause = min(
        timedelta(seconds=2 ** min(job.attempts, 20)) * (0.5 + secrets.randbelow(500) / 1000), LONGEST_PAUSE
    )
    where = "".join(traceback.format_tb(error.__traceback__)[-6:])
    Job.objects.filter(pk=job.pk, locked_by=job.locked_by, attempts=job.attempts).update(
        state=JobState.PARKED if is_last else JobState.QUEUED,
        run_at=now() + pause,
        lease_until=None,
        locked_by="",
        last_error=f"{type(error).__name__}: {impersonal(str(error), job.args)[:500]}\n{where}"[:4000],
    )
    log.log(40 if is_last else 30, "job.parked" if is_last else "job.failed", error=type(error).__name__)


def impersonal(text: str, args: Any) -> str:
    """What an error says, without what the job was told and without people: operators read it, and it is kept.

    PostgreSQL's DETAIL repeats rows, mail servers repeat addresses, anything may repeat an argument. Ids stay.
    """
    text = text.partition("\nDETAIL:")[0]
    for secret in sorted(_words(args), key=len, reverse=True):
        text = text.replace(secret, "[argument]")
    return EMAIL_ADDRESS.sub("[e-mail]", text)


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, str) and len(value) > 3 and not ID.fullmatch(value):
        yield value


def retry_parked(queryset: QuerySet[Job]) -> int:
    """Give parked jobs a new start (the operator's button)."""
    return queryset.filter(state=JobState.PARKED).update(
        state=JobState.QUEUED, attempts=0, run_at=now(), lease_until=None, locked_by=""
    )


def drain(limit: int = 10_000) -> int:
    """Run everything that is due, in this thread, until nothing is. For tests and one-off commands."""
    done = 0
    while done < limit and (jobs := claim("drain", 1)):
        run_job(jobs[0])
        done += 1
    return done


class Worker:
    """Claims and runs jobs on several threads until `stop()`; finishes what it holds before it leaves."""

    def __init__(self, *, threads: int = 4, poll_seconds: float = 0.2, with_scheduler: bool = False) -> None:
        self.name = f"{socket.gethostname()[:40]}:{os.getpid()}:{new_secret()[:8]}"
        self.threads = threads
        self.poll_seconds = poll_seconds
        self._scheduler = Scheduler() if with_scheduler else None
        self._stop = threading.Event()
        self._free = threading.Semaphore(threads)
        self._running: set[int] = set()

    def stop(self, *_: object) -> None:
        """Claim nothing more. Safe in a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Blocks until stopped. Survives a database that restarts, and one that is not there yet."""
        log.info("worker.start", worker=self.name, threads=self.threads)
        pulse = threading.Thread(target=self._heartbeat, daemon=True)
        pulse.start()
        with ThreadPoolExecutor(self.threads, thread_name_prefix="job") as pool:
            while not self._stop.is_set():
                try:
                    claimed = self._claim_for_free_threads(pool)
                except Exception as error:
                    log.warning("worker.database", error=type(error).__name__)
                    connections.close_all()
                    claimed = 0
                    self._stop.wait(1)
                if not claimed:
                    self._stop.wait(self.poll_seconds)
        pulse.join()
        connections.close_all()
        log.info("worker.stop", worker=self.name)

    def _claim_for_free_threads(self, pool: ThreadPoolExecutor) -> int:
        if not self._free.acquire(timeout=self.poll_seconds):
            return 0
        slots = 1
        while slots < self.threads and self._free.acquire(blocking=False):
            slots += 1
        jobs: list[Job] = []
        try:
            jobs = claim(self.name, slots)
        finally:
            self._free.release(slots - len(jobs)) if slots > len(jobs) else None
        for job in jobs:
            self._running.add(job.pk)
            pool.submit(self._run_one, job)
        return len(jobs)

    def _run_one(self, job: Job) -> None:
        try:
            run_job(job)
        except Exception as error:  # the database went away while recording: the lease will end
            log.warning("job.unrecorded", error=type(error).__name__)
            connections.close_all()
        finally:
            self._running.discard(job.pk)
            self._free.release()
            tenant_connection.set_schema_to_public()
            connection.close_if_unusable_or_obsolete()

    def _heartbeat(self) -> None:
        """Extend the leases of what runs here, give dead workers' jobs back, and tick the schedule."""
        every = min(REAP_EVERY_SECONDS, settings.JOB_LEASE.total_seconds() / 4)
        while not self._stop.wait(every) or self._running:
            try:
                if running := list(self._running):
                    Job.objects.filter(pk__in=running, locked_by=self.name, state=JobState.RUNNING).update(
                        lease_until=now() + settings.JOB_LEASE, attempts=F("attempts")
                    )
                reap()
                if self._scheduler:
                    self._scheduler.tick()
            except Exception as error:
                log.warning("worker.heartbeat", error=type(error).__name__)
                connections.close_all()
            if self._stop.is_set():
                time.sleep(0.05)
        connections.close_all()
