"""What is done to many orders at once: each in a transaction of its own, by the service of one."""

from collections.abc import Sequence
from uuid import UUID

from django_fsm import TransitionNotAllowed

from core.errors import Conflict, Invalid
from services.order_history import Actor
from services.shipping_services import ship_order
from shop.models import Order


def ship_whole_orders(*, order_ids: Sequence[UUID], carrier: str, actor: Actor) -> list[int]:
    """Send all that is left of each order in one parcel. Returns the numbers of those that did not wait for it.

    Locks: each order in turn. An order that is not there any more is passed over.
    """
    refused = []
    for order_id, number in (
        Order.objects.filter(pk__in=order_ids).order_by("number").values_list("pk", "number")
    ):
        try:
            ship_order(order_id=order_id, carrier=carrier, actor=actor)
        except (Conflict, Invalid, TransitionNotAllowed):
            refused.append(number)
    return refused
