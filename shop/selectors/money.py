"""What a storefront's staff reads of its money."""

from uuid import UUID

from django.db.models import QuerySet

from core.errors import NotFound
from payouts.models import CommissionInvoice, Dispute, Payout, SellerAccount
from tenants.models import Tenant


def seller_account(tenant: Tenant) -> SellerAccount:
    """The seller's terms and standing at Stripe."""
    return SellerAccount.objects.select_related("tenant").get(tenant=tenant)


def payouts_of(tenant: Tenant) -> QuerySet[Payout]:
    """Newest first."""
    return Payout.objects.filter(tenant=tenant).order_by("-requested_at", "-id")


def payout_of(tenant: Tenant, payout_id: UUID) -> Payout:
    """One payout of this seller. Raises NotFound, also for another seller's."""
    found = payouts_of(tenant).filter(pk=payout_id).first()
    if found is None:
        raise NotFound(what="payout")
    return found


def statement_of(tenant: Tenant, payout_id: UUID) -> Payout:
    """One payout that has a statement. Raises NotFound: a payout has none before it is sent."""
    found = payout_of(tenant, payout_id)
    if not found.statement:
        raise NotFound(what="statement")
    return found


def disputes_of(tenant: Tenant) -> QuerySet[Dispute]:
    """Newest first."""
    return Dispute.objects.filter(tenant=tenant).order_by("-opened_at", "-dispute_id")


def invoices_of(tenant: Tenant) -> QuerySet[CommissionInvoice]:
    """Newest first."""
    return (
        CommissionInvoice.objects.filter(tenant=tenant).select_related("series").order_by("-issued_at", "-id")
    )


def invoice_of(tenant: Tenant, invoice_id: UUID) -> CommissionInvoice:
    """One invoice of this seller. Raises NotFound, also for another seller's."""
    found = invoices_of(tenant).filter(pk=invoice_id).first()
    if found is None:
        raise NotFound(what="invoice")
    return found
