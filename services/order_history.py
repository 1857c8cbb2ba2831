"""Who moved an order, and the history that keeps it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.clock import now
from shop.models import ActorKind, Order, OrderEvent


@dataclass(frozen=True)
class Actor:
    """Who makes a move: buyer, guest, seller or system, and which person."""

    kind: ActorKind
    id: UUID | None = None


SYSTEM = Actor(ActorKind.SYSTEM)


def record_event(
    order: Order,
    action: str,
    actor: Actor,
    *,
    from_status: str | None = None,
    reason: str = "",
    at: datetime | None = None,
    **facts: Any,
) -> None:
    """One line in the order's history: who, when, from, to, why."""
    OrderEvent.objects.create(
        order=order,
        at=at or now(),
        action=action,
        from_status=order.status if from_status is None else from_status,
        to_status=order.status,
        actor_kind=actor.kind,
        actor_id=actor.id,
        reason=reason[:300],
        facts=facts,
    )
