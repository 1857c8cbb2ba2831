"""Money of storefronts that were erased: what Stripe says of it, against the books."""

from typing import Any, NoReturn

from core.money import Money
from payouts.models import Charge
from services.refund_services import list_refunds
from services.stripe_outcomes import NothingLeft, TooLate, charge_of
from tenants.models import Tenant

MADE_REFUNDS = ("succeeded", "pending")


def compare_with_books(tenant: Tenant, intent: dict[str, Any]) -> NoReturn:
    """The order is gone with its storefront; the charge is in the books, if there was one. Raises NothingLeft, TooLate."""
    about = f"intent {intent['id']} of the erased storefront {tenant.pk}"
    if not tenant.keeps_books:
        raise NothingLeft(f"{about}, a staging copy")
    if intent["status"] == "requires_capture":
        raise TooLate(f"{about} is authorised: let it go at Stripe")
    if intent["status"] != "succeeded":
        raise NothingLeft(f"{about} took no money")
    charge = charge_of(intent)
    known = Charge.objects.filter(charge_id=charge["id"]).first()
    if known is None:
        captured = Money(charge["amount_captured"], charge["currency"].upper()).format()
        raise TooLate(f"{about} has taken {captured}: give it back at Stripe")
    refunded = sum(made["amount"] for made in list_refunds(known.pk) if made["status"] in MADE_REFUNDS)
    if refunded != known.refunded_minor:
        now_back, booked = (
            Money(minor, known.currency).format() for minor in (refunded, known.refunded_minor)
        )
        raise TooLate(f"{about}: {now_back} is refunded, {booked} is booked")
    raise NothingLeft(f"{about}: nothing has moved since")
