"""What the staff tells itself about an order: notes, and that somebody has looked at what needed attention.

A note is an event of the order's history. Buyers never see it; when a buyer is forgotten, its text goes.
"""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from core.errors import Conflict, Invalid
from services.order_history import Actor, record_event
from services.order_services import lock_order
from shop.selectors.order_lists import NOTE

MAX_NOTE = 2000
LOOKED_AT = "looked_at"


class NothingToLookAt(Conflict):
    """Somebody else has been there before."""

    code = "nothing_to_look_at"
    title = gettext_noop("Somebody has looked at this order already")


@transaction.atomic
def add_note(*, order_id: UUID, text: str, actor: Actor) -> None:
    """Keep a note with an order. Locks the order. Raises NotFound, Invalid."""
    text = text.strip()
    if not text or len(text) > MAX_NOTE:
        raise Invalid(field="text", reason=f"a note has 1 to {MAX_NOTE} characters")
    record_event(lock_order(order_id), NOTE, actor, text=text)


@transaction.atomic
def mark_looked_at(*, order_id: UUID, actor: Actor) -> None:
    """What needed attention has had it; the history keeps what it was. Locks the order. Raises NotFound, NothingToLookAt."""
    order = lock_order(order_id)
    if not order.needs_attention:
        raise NothingToLookAt()
    record_event(order, LOOKED_AT, actor, reason=order.needs_attention)
    order.needs_attention = ""
    order.save(update_fields=["needs_attention"])
