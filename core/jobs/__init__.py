"""The job queue: rows in PostgreSQL, written by the transaction that needs the work done.

Why our own: docs/decisions/0003-job-queue.md. Guarantees: a job enqueued in a transaction runs if and only if it
commits; each job is run by one worker at a time; a job whose worker is killed runs again when its lease ends, so
jobs must be safe to run twice; a job that keeps failing is parked after `max_attempts` and shown to the operator.
"""

from core.jobs.queue import MAIL, MAIL_ATTEMPTS, MONEY, NORMAL, Task, enqueue, forget_queued, task

__all__ = ["MAIL", "MAIL_ATTEMPTS", "MONEY", "NORMAL", "Task", "enqueue", "forget_queued", "task"]
