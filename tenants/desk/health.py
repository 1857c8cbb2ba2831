"""How a storefront is, in a word, and why."""

from dataclasses import dataclass

from payouts.models import SellerAccount
from tenants.desk_selectors import fleet_entry, schema_state
from tenants.models import GONE, SchemaState, Tenant, TenantStatus


@dataclass(frozen=True)
class Health:
    """The worst thing about a storefront: `tone` is how it looks (good, warn, bad, mute). `more` are the others."""

    tone: str
    word: str
    reason: str = ""
    more: tuple[str, ...] = ()


def health_of(tenant: Tenant, *, version: str, disputes: int, has_debt: bool) -> Health:
    """From the row with its account and fleet entry; `version` is the code's."""
    if tenant.status in GONE:
        return Health(
            "mute", "Closed" if tenant.status == TenantStatus.CLOSED else "Erased", tenant.status_reason
        )
    found = [
        *_of_status(tenant),
        *_of_schema(tenant, version),
        *([Health("bad", "In debt", "The available balance is below zero.")] if has_debt else []),
        *([Health("warn", "Disputes", f"{disputes} open")] if disputes else []),
        *_of_account(account_of(tenant)),
    ]
    if not found:
        return Health("good", "Well")
    worst = min(found, key=lambda each: ("bad", "warn", "mute").index(each.tone))
    return Health(
        worst.tone, worst.word, worst.reason, tuple(each.word for each in found if each is not worst)
    )


def account_of(tenant: Tenant) -> SellerAccount | None:
    """The storefront's account; the row must have been read with the tenant."""
    return getattr(tenant, "seller_account", None)


def why_not_paid(account: SellerAccount | None) -> str:
    """Why no payout can be made to this account, "" where one can."""
    if account is None or not account.stripe_account_id:
        return "No account at Stripe yet."
    if account.payouts_paused_reason:
        return f"Paused: {account.payouts_paused_reason}"
    if not account.details_submitted:
        return "The seller has not told Stripe who they are."
    if not (account.payouts_enabled and account.transfers_active):
        return "Stripe needs something from the seller."
    return ""


def _of_status(tenant: Tenant) -> list[Health]:
    if tenant.status == TenantStatus.SUSPENDED:
        return [Health("bad", "Suspended", tenant.status_reason)]
    if tenant.status == TenantStatus.REQUESTED:
        return [Health("mute", "Not open yet")]
    return []


def _of_schema(tenant: Tenant, version: str) -> list[Health]:
    state, entry = schema_state(tenant, version=version), fleet_entry(tenant)
    if state == SchemaState.CURRENT:
        return []
    if state == SchemaState.BEHIND:
        return [Health("warn", "Schema behind", "It answers 503 until it is brought along.")]
    return [Health("bad", f"Schema {state}", entry.error[:100] if entry else "")]


def _of_account(account: SellerAccount | None) -> list[Health]:
    reason = why_not_paid(account)
    if not reason:
        return []
    is_paused = account is not None and account.payouts_paused_reason
    return [Health("warn", "Payouts paused" if is_paused else "Cannot be paid", reason)]
