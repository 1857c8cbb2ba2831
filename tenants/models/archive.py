from datetime import datetime

from django.db import models
from django.db.models import Q

from core.ids import new_id
from tenants.models.tenant import Tenant


class ArchiveKind(models.TextChoices):
    EXPORT = "export", "Asked for by the seller"
    BACKUP = "backup", "Made by the operator"
    FAREWELL = "farewell", "Made before the storefront was erased"


class Archive(models.Model):
    """A storefront in one file, and until when it is kept. The row stays when the file is gone: who took what, and when.

    `sha256` and `size_bytes` are the file's as it is stored, encrypted or not; `summary` is what its manifest says in short.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="archives")
    kind = models.CharField(max_length=8, choices=ArchiveKind.choices)
    file_name = models.CharField(max_length=200)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    is_encrypted = models.BooleanField(default=False)
    summary = models.JSONField(default=dict)
    made_by = models.UUIDField(null=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-made_at"], name="archive_by_tenant"),
            models.Index(fields=["expires_at"], condition=Q(removed_at=None), name="archive_expiry"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ArchiveKind.values), name="archive_kind_known")
        ]

    def __str__(self) -> str:
        return self.file_name

    def is_kept(self, at: datetime) -> bool:
        """Its file is there, and may be given away."""
        return self.removed_at is None and self.expires_at > at


class RetiredSchema(models.Model):
    """A storefront's former schema: a restore put another one in its place. Kept for a while, in case that was a mistake.

    Or one that is being filled (`is_unfinished`): it leaves this table when it is served from. Whoever fills it may be
    killed, and it is dropped with the others.
    """

    schema_name = models.CharField(max_length=63, primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="retired_schemas")
    retired_at = models.DateTimeField()
    drop_after = models.DateTimeField()
    is_unfinished = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [models.Index(fields=["drop_after"], name="retired_schema_expiry")]

    def __str__(self) -> str:
        return self.schema_name


class Erasure(models.Model):
    """That a person asked a storefront to be forgotten, so that they stay forgotten when an older archive is restored.

    `digest` is SHA-256 over the storefront's id and the id of an account or of an order; no row says which orders were
    whose. Nothing else is kept of the person.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="erasures")
    digest = models.CharField(max_length=64)
    erased_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "digest"], name="erasure_once")]

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.erased_on}"
