"""Which tenant is being served. The only way to enter one outside of a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from django_tenants.utils import tenant_context

from core.db import as_tenant, tenant_connection
from core.jobs.worker import NotNow, TenantGone
from services.fleet_services import schema_lags
from tenants.models import Tenant, TenantStatus


class NoTenant(RuntimeError):
    """Code that serves a tenant was called while none is: a bug."""


def has_shop(tenant: Tenant) -> bool:
    """There is a schema to enter: the storefront has not been erased. Its figures are in the books all the same."""
    return tenant.status != TenantStatus.ERASED


def current_tenant() -> Tenant:
    """The tenant whose schema is in force. Raises NoTenant."""
    tenant = tenant_connection.tenant
    if not isinstance(tenant, Tenant):
        raise NoTenant("no tenant is being served")
    return tenant


@contextmanager
def tenant_scope(tenant: Tenant) -> Iterator[Tenant]:
    """Serve a tenant inside the block, with the tenant's rights; then what was served before, with its rights."""
    with as_tenant(), tenant_context(tenant), structlog.contextvars.bound_contextvars(tenant=str(tenant.pk)):
        yield tenant


@contextmanager
def tenant_scope_by_id(tenant_id: UUID | None) -> Iterator[Tenant | None]:
    """The scope of a job: public first, then its tenant, public again in the end. Raises TenantGone, and NotNow
    while the schema is older than the code."""
    tenant_connection.set_schema_to_public()
    try:
        if tenant_id is None:
            yield None
            return
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None or not has_shop(tenant):
            raise TenantGone(str(tenant_id))
        if schema_lags(tenant):
            raise NotNow(retry_after=15)
        with tenant_scope(tenant):
            yield tenant
    finally:
        tenant_connection.set_schema_to_public()
