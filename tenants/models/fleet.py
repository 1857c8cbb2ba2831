from django.db import models

from tenants.models.tenant import Tenant


class SchemaState(models.TextChoices):
    CURRENT = "current", "Has all of the code's migrations"
    BEHIND = "behind", "Lacks migrations"
    FAILED = "failed", "A migration failed"
    MISSING = "missing", "Has no schema, or one without a record of migrations"


class FleetEntry(models.Model):
    """How far a storefront's schema is, as the last fleet run that touched it left it.

    What a schema really has is in its own table of migrations; this is the run's record, for people and for `status`.
    """

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="fleet")
    state = models.CharField(max_length=7, choices=SchemaState.choices)
    migration = models.CharField(max_length=255, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["state"], name="fleet_by_state")]

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.state}"
