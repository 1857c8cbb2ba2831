"""What the operator's desk reads of Stripe's events: the inbox, its figures, and what an event came to in the books."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet

from core.errors import NotFound
from payouts.models import EventState, LedgerTransaction, SellerAccount, StripeEvent
from tenants.models import Tenant


def events(
    *, state: str = "", kind: str = "", account: str = "", since: datetime | None = None
) -> QuerySet[StripeEvent]:
    """Events, newest first, without their bodies."""
    wanted = {"state": state, "type": kind, "account": account, "created__gte": since}
    found = StripeEvent.objects.filter(**{name: value for name, value in wanted.items() if value})
    return found.defer("body").order_by("-created", "-pk")


def events_about(q: str) -> QuerySet[StripeEvent]:
    """Events of this id, or about the object of this id."""
    about = Q(pk=q) if q.startswith("evt_") else Q(object_id=q)
    return StripeEvent.objects.filter(about).defer("body").order_by("-created", "-pk")


def event_figures(*, since: datetime | None) -> list[Any]:
    """Rows of type, state, count of what Stripe told since then."""
    found = StripeEvent.objects.filter(created__gte=since) if since else StripeEvent.objects.all()
    return list(found.values("type", "state").annotate(count=Count("pk")).order_by("type", "state"))


def waiting_since() -> datetime | None:
    """When the oldest event that waits to be applied was received; None where none waits."""
    waiting = StripeEvent.objects.filter(state=EventState.RECEIVED).order_by("received_at")
    return waiting.values_list("received_at", flat=True).first()


def find_event(event_id: str) -> StripeEvent:
    """One of them with its body. Raises NotFound."""
    found = StripeEvent.objects.filter(pk=event_id).first()
    if found is None:
        raise NotFound(what="event")
    return found


def booked_for(event: StripeEvent) -> list[LedgerTransaction]:
    """What the books have about the objects an event names: sale, fee, refund, dispute, transfer."""
    told = (event.body.get("data") or {}).get("object") or {}
    ids = {event.object_id, *(told.get(name) for name in ("charge", "latest_charge", "balance_transaction"))}
    names = {name for name in ids if isinstance(name, str) and name}
    kinds = ("charge", "fee", "refund", "refund_failed", "transfer")
    keys = [f"{kind}:{name}" for kind in kinds for name in names]
    keys += [f"dispute:{name}:{end}" for name in names for end in ("withdrawn", "reinstated", "lost")]
    return list(LedgerTransaction.objects.filter(key__in=keys).select_related("tenant").order_by("pk")[:20])


def stripe_account_of(tenant: Tenant | None) -> str:
    """A storefront's account at Stripe; "" where there is none."""
    found = SellerAccount.objects.filter(tenant=tenant).values_list("stripe_account_id", flat=True).first()
    return (found or "") if tenant is not None else ""


def seller_of(event: StripeEvent) -> SellerAccount | None:
    """Whose account an event is about; None where it is about the marketplace's own, or nobody of ours."""
    if not event.account:
        return None
    return SellerAccount.objects.select_related("tenant").filter(stripe_account_id=event.account).first()
