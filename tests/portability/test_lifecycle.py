"""The end of a storefront: closed for a while, then gone, with the books as they were."""

import pytest

from core.models import Job
from payouts.models import LedgerAccount, LedgerEntry
from services.export_services import file_of
from services.lifecycle_services import erase_storefront
from tenants.models import (
    Archive,
    AuditEntry,
    Domain,
    Membership,
    Session,
    Tenant,
    TenantStatus,
)
from tests.factories.jobs import run_jobs
from tests.factories.tenants import make_operator, make_tenant
from tests.portability.leaving import ALL, NOTHING, close, left_of, wind_down
from tests.portability.support import fill

pytestmark = pytest.mark.usefixtures("archives")


@pytest.fixture
def leaving(committed, stripe_local) -> Tenant:
    """A storefront that sold, is paid and invoiced, and whose grace is over."""
    tenant = make_tenant()
    fill(tenant, stripe_local)
    run_jobs()
    wind_down(tenant, stripe_local)
    return close(tenant, days_ago=31)


@pytest.fixture
def operator(leaving):
    return make_operator()


def erase(tenant: Tenant, operator=None) -> Archive | None:
    return erase_storefront(
        tenant_id=tenant.pk, actor_id=operator.pk if operator else None, reason="asked for"
    )


def books() -> tuple[list, list]:
    return (
        list(LedgerEntry.objects.order_by("pk").values_list("pk", "account_id", "amount_minor", "part")),
        list(LedgerAccount.objects.order_by("pk").values_list("pk", "balance_minor")),
    )


def test_nothing_of_an_erased_storefront_is_left_but_its_figures(leaving, operator):
    assert left_of(leaving) == ALL
    before = books()

    archive = erase(leaving, operator)

    assert left_of(leaving) == NOTHING
    assert books() == before
    found = Tenant.objects.get(pk=leaving.pk)
    assert (found.status, found.name, found.brand) == (TenantStatus.ERASED, "Erased storefront", {})
    for rows in (Domain, Membership, Session):
        assert not rows.objects.filter(tenant=leaving).exists()
    assert not Job.objects.filter(tenant_id=leaving.pk).exists()
    assert archive is not None
    assert (archive.kind, file_of(archive).is_file()) == ("farewell", True)
    entry = AuditEntry.objects.get(action="tenant.erase")
    assert (entry.actor_id, entry.reason, entry.facts) == (
        operator.pk,
        "asked for",
        {"archive": str(archive.pk)},
    )
