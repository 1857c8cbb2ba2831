"""Public schema: storefronts, people, who may do what, and what was done."""

from tenants.models.archive import Archive, ArchiveKind, Erasure, RetiredSchema
from tenants.models.audit import AuditEntry
from tenants.models.directory import ListedProduct, ListedStorefront
from tenants.models.fleet import FleetEntry, SchemaState
from tenants.models.idempotency import IdempotencyKey
from tenants.models.membership import Membership, Role
from tenants.models.operation import Operation
from tenants.models.session import LoginAttempt, Session
from tenants.models.tenant import (
    GONE,
    CaptureMethod,
    Domain,
    DomainClaim,
    ReadySchema,
    Tenant,
    TenantStatus,
)
from tenants.models.user import User

__all__ = [
    "GONE",
    "Archive",
    "ArchiveKind",
    "AuditEntry",
    "CaptureMethod",
    "Domain",
    "DomainClaim",
    "Erasure",
    "FleetEntry",
    "IdempotencyKey",
    "ListedProduct",
    "ListedStorefront",
    "LoginAttempt",
    "Membership",
    "Operation",
    "ReadySchema",
    "RetiredSchema",
    "Role",
    "SchemaState",
    "Session",
    "Tenant",
    "TenantStatus",
    "User",
]
