"""The audit log: who did what, and why."""

from typing import Any
from uuid import UUID

from tenants.models import AuditEntry, Tenant


def record_audit(
    action: str, *, actor_id: UUID | None, tenant: Tenant | None = None, reason: str = "", **facts: Any
) -> AuditEntry:
    """Write one line, in the caller's transaction: an action that rolls back leaves none."""
    return AuditEntry.objects.create(
        action=action,
        actor_id=actor_id,
        tenant=tenant,
        reason=reason[:300],
        facts={key: str(value) for key, value in facts.items()},
    )
