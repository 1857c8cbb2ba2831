"""Tables of the job queue (public schema) and the shape of idempotency keys."""

from django.db import models
from django.db.models import Q

from core.ids import new_id


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    PARKED = "parked"


class Job(models.Model):
    """One piece of work to be done after the transaction that asked for it. Done jobs are deleted.

    queued -> running -> (deleted) | queued (failed, tried again later) | parked (failed too often).
    A running job whose lease has passed is queued again: its worker is gone.
    """

    task = models.CharField(max_length=80)
    args = models.JSONField(default=dict)
    tenant_id = models.UUIDField(null=True)
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    priority = models.SmallIntegerField(default=50)
    run_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    max_attempts = models.SmallIntegerField()
    lease_until = models.DateTimeField(null=True)
    locked_by = models.CharField(max_length=80, blank=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["priority", "run_at", "id"], condition=Q(state="queued"), name="job_next"),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="job_lease"),
            models.Index(fields=["task"], condition=Q(state="parked"), name="job_parked"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.task} #{self.pk}"


class Schedule(models.Model):
    """When a recurring job runs next. The row is the lock: whoever moves `next_run_at` enqueues the job."""

    name = models.CharField(max_length=80, primary_key=True)
    cron = models.CharField(max_length=60)
    next_run_at = models.DateTimeField()
    last_run_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.cron})"


class IdempotencyKeyBase(models.Model):
    """A request that must have one effect. Concrete in the public and in each tenant's schema."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    caller = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.SmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    locked_until = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["caller", "key"], name="%(app_label)s_idempotency_caller_key"),
        ]


class OperationState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class OperationBase(models.Model):
    """Long work somebody asked for on a page, with how far it is: it can be left and found again.

    queued -> running -> done | failed. Run by the job `operation.run`; a worker that dies gives it back, and it is run
    again. `done` of `total` steps (None: not known yet). `report` is what came of it; `error` why it failed, for the person
    who asked. A file that was given is in `input`, until it has been used; one that was made is in `output`. Concrete in the
    public and in each tenant's schema; changed by services.operation_services only.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=40)
    state = models.CharField(
        max_length=7, choices=OperationState.choices, default=OperationState.QUEUED, db_index=True
    )
    actor_id = models.UUIDField(null=True)
    params = models.JSONField(default=dict)
    done = models.IntegerField(default=0)
    total = models.IntegerField(null=True)
    report = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)
    file_name = models.CharField(max_length=120, blank=True)
    input = models.BinaryField(null=True)
    output = models.BinaryField(null=True)
    output_type = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=OperationState.values), name="%(app_label)s_operation_state_known"
            ),
            models.CheckConstraint(
                condition=Q(done__gte=0) & (Q(total=None) | Q(total__gte=0)),
                name="%(app_label)s_operation_progress",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_over(self) -> bool:
        """Nothing more will happen."""
        return self.state in (OperationState.DONE, OperationState.FAILED)
