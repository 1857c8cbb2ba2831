"""A seller's account at Stripe: opened, onboarded, and followed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict, Invalid
from core.jobs import enqueue
from payouts.models import SellerAccount
from services.audit_services import record_audit
from services.notification_services import notify
from services.schedule_services import check_schedule
from services.stripe_gateway import plain, stripe_api
from tenants.context import has_shop, tenant_scope
from tenants.models import Tenant, TenantStatus

# What is kept of an account's requirements, and what is there even where Stripe leaves it out.
ALWAYS = ("currently_due", "past_due", "disabled_reason")
KEPT = (*ALWAYS, "eventually_due", "pending_verification", "current_deadline", "errors")


class NoStripeAccount(Conflict):
    """The account at Stripe is still being opened."""

    code = "no_stripe_account"
    title = "The account at Stripe is being opened"
    detail = "Try again in a moment."


class NotPaidOut(Conflict):
    """A staging copy has no account at Stripe."""

    code = "not_paid_out"
    title = "A staging copy is not paid out"


@marketplace_work
def open_account(*, tenant_id: UUID) -> SellerAccount:
    """Open the seller's account at Stripe, once: the key is `account:{tenant}`. Safe to run again."""
    account = SellerAccount.objects.select_related("tenant").get(tenant_id=tenant_id)
    if account.stripe_account_id:
        return account
    tenant = account.tenant
    if not tenant.keeps_books:
        raise NotPaidOut()
    with stripe_api() as stripe:
        made = stripe.v1.accounts.create(
            params={
                "type": "express",
                "country": tenant.country,
                "email": tenant.support_email,
                "capabilities": {"transfers": {"requested": True}},
                "metadata": {"tenant": str(tenant.pk)},
            },
            options={"idempotency_key": f"account:{tenant.pk}"},
        )
    SellerAccount.objects.filter(pk=tenant_id, stripe_account_id=None).update(stripe_account_id=made.id)
    return apply_account(plain(made))


@marketplace_work
def onboarding_link(*, tenant: Tenant, return_url: str) -> str:
    """Stripe's page where the seller proves who they are. The link is short-lived: make one per click."""
    account = SellerAccount.objects.get(tenant=tenant)
    if not account.stripe_account_id:
        account = open_account(tenant_id=tenant.pk)
    with stripe_api() as stripe:
        link = stripe.v1.account_links.create(
            params={
                "account": account.stripe_account_id or "",
                "type": "account_onboarding",
                "return_url": return_url,
                "refresh_url": return_url,
            }
        )
    return link.url


@marketplace_work
def sync_account(*, stripe_account_id: str) -> SellerAccount | None:
    """Read an account from Stripe and keep what it says. None where it is not one of ours, or of an erased storefront."""
    known = SellerAccount.objects.select_related("tenant").filter(stripe_account_id=stripe_account_id).first()
    if known is None or not has_shop(known.tenant):
        return None
    with stripe_api() as stripe:
        found = plain(stripe.v1.accounts.retrieve(stripe_account_id))
    return apply_account(found)


@marketplace_work
def sync_stale_accounts(*, older_than: timedelta = timedelta(days=1)) -> int:
    """Ask for every account that was not read for a day to be read again: its events may never have arrived."""
    living = SellerAccount.objects.exclude(tenant__status=TenantStatus.ERASED)
    stale = living.exclude(stripe_account_id=None).filter(
        Q(refreshed_at=None) | Q(refreshed_at__lt=now() - older_than)
    )
    ids = list(stale.values_list("stripe_account_id", flat=True))
    for stripe_account_id in ids:
        enqueue("account.sync", stripe_account_id=stripe_account_id)
    return len(ids)


@marketplace_work
@transaction.atomic
def apply_account(found: dict[str, Any]) -> SellerAccount:
    """Bring our copy to what Stripe says. Locks the account; tells the seller when payouts become possible or stop."""
    account = (
        SellerAccount.objects.select_for_update(of=("self",))
        .select_related("tenant")
        .get(stripe_account_id=found["id"])
    )
    could = account.payouts_enabled and account.transfers_active
    requirements = found.get("requirements") or {}
    account.details_submitted = bool(found.get("details_submitted"))
    account.payouts_enabled = bool(found.get("payouts_enabled"))
    account.transfers_active = (found.get("capabilities") or {}).get("transfers") == "active"
    account.requirements = {
        key: requirements.get(key) for key in KEPT if requirements.get(key) or key in ALWAYS
    }
    account.refreshed_at = now()
    account.save()
    can = account.payouts_enabled and account.transfers_active
    if can != could:
        _tell_seller(account, can)
    return account


def _tell_seller(account: SellerAccount, can: bool) -> None:
    with tenant_scope(account.tenant):
        notify(
            type="account_ready" if can else "account_restricted",
            title="You can be paid out" if can else "Stripe has paused your payouts",
            message="Your account at Stripe is verified."
            if can
            else "Open your account at Stripe to see what is missing.",
            dedupe_key=f"staff:account:{can}:{account.refreshed_at:%Y%m%d%H%M%S%f}",
            email=account.tenant.support_email,
            for_staff=True,
        )


@marketplace_work
def set_terms(*, tenant_id: UUID, actor_id: UUID, **terms: Any) -> SellerAccount:
    """The operator's terms for a seller: holds, return window, reserve, minimum, plan, schedule, and a pause with its reason.

    Holds and reserves apply to new sales. Locks the seller's account. Raises Invalid, naming the field.
    """
    with transaction.atomic():
        account = SellerAccount.objects.select_for_update().select_related("tenant").get(tenant_id=tenant_id)
        for name, value in terms.items():
            setattr(account, name, value)
        check_schedule(
            schedule=account.schedule, schedule_day=account.schedule_day, time_zone=account.time_zone
        )
        account.save(update_fields=list(terms))
        record_audit("seller.terms_changed", actor_id=actor_id, tenant=account.tenant, **terms)
    return account


SELLERS_OWN = {"schedule", "schedule_day", "time_zone", "legal_name", "legal_address", "tax_id"}


@marketplace_work
def set_seller_terms(*, tenant_id: UUID, actor_id: UUID, **terms: Any) -> SellerAccount:
    """What a seller may decide: when payouts are made, and who stands on the documents. Raises Invalid, naming the field."""
    if unknown := set(terms) - SELLERS_OWN:
        raise Invalid(field=min(unknown), reason="this is the marketplace's to decide")
    return set_terms(tenant_id=tenant_id, actor_id=actor_id, **terms)
