"""Events: a snapshot of an object at the moment something happened to it, and the order to deliver it."""

from typing import Any

import stripe

from stripe_local.call import Call
from stripe_local.ids import new_id
from stripe_local.rendering import public
from stripe_local.store import Document

API_VERSION = stripe.api_version or "2026-10-28.endive"


def emit(
    call: Call,
    event_type: str,
    document: Document,
    *,
    previous: dict[str, Any] | None = None,
    account: str | None = None,
) -> Document:
    """Record that `event_type` happened to `document`; `account` marks a Connect event of that account."""
    account = call.account if account is None else account
    data: dict[str, Any] = {"object": public(document, call.now)}
    if previous is not None:
        data["previous_attributes"] = previous
    event: Document = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": call.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
        "type": event_type,
    }
    if account:
        event["account"] = account
    call.store.insert(event, account=account)
    queue(call, event, lane=lane_of(document, account))
    return event


def lane_of(document: Document, account: str) -> str:
    """Events of one lane are delivered one after the other."""
    return str(document.get("payment_intent") or account or document.get("destination") or document["id"])


def queue(call: Call, event: Document, *, lane: str) -> None:
    """Put an event in line for its endpoint, when there is one."""
    if call.settings.endpoint(connect="account" in event) is None:
        return
    now = call.world.clock.time()
    call.store.db.execute(
        "INSERT INTO deliveries (event, lane, is_connect, created, due_at) VALUES (?, ?, ?, ?, ?)",
        (event["id"], lane, "account" in event, now, now),
    )
    call.world.news.set()
