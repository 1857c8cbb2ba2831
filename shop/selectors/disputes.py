"""Disputes as the staff looks at them: what must be answered first, and one with its order and parcels."""

from dataclasses import dataclass

from django.db.models import F, QuerySet

from payouts.models import Dispute
from shop.models import Order, OrderEvent, Shipment
from shop.selectors.money import disputes_of
from tenants.models import Tenant

TO_ANSWER = ("needs_response", "warning_needs_response")
MOST_URGENT = 100


def disputes_to_answer(tenant: Tenant) -> list[Dispute]:
    """What the bank waits for, the nearest deadline first; of very many the most urgent ones."""
    waiting = disputes_of(tenant).filter(status__in=TO_ANSWER).select_related("charge")
    return list(waiting.order_by(F("evidence_due_at").asc(nulls_last=True), "dispute_id")[:MOST_URGENT])


def disputes_beside(tenant: Tenant) -> QuerySet[Dispute]:
    """All that nobody has to answer (any more), newest first."""
    return disputes_of(tenant).exclude(status__in=TO_ANSWER).select_related("charge")


@dataclass(frozen=True)
class Disputed:
    """What a dispute is about."""

    order: Order
    parcels: list[Shipment]
    events: list[OrderEvent]

    @property
    def answered(self) -> OrderEvent | None:
        """When the seller's side was sent, and by whom."""
        return next((event for event in self.events if event.action == "dispute_answered"), None)


def disputed_by(dispute: Dispute) -> Disputed:
    """The order of a dispute, its parcels, oldest first, and what became of the dispute, newest first."""
    order = Order.objects.get(pk=dispute.order_id)
    events = order.events.filter(action__startswith="dispute_", facts__dispute_id=dispute.pk)
    return Disputed(order, list(order.shipments.order_by("shipped_at")), list(events.order_by("-at", "-pk")))
