"""The log of events."""

from stripe_local.call import Call
from stripe_local.listing import list_objects
from stripe_local.store import Document

DELIVERED = "objects.id NOT IN (SELECT event FROM deliveries)"
NOT_DELIVERED = "objects.id IN (SELECT event FROM deliveries WHERE attempts > 0)"


def retrieve(call: Call) -> Document:
    """GET /v1/events/{id}"""
    return with_pending(call, call.load("event", call.path[0]))


def list_all(call: Call) -> Document:
    """GET /v1/events, newest first, by type (also `charge.*`), types[], created, delivery_success"""
    choices = call.params.get("types") or ([call.params["type"]] if "type" in call.params else [])
    fixed = {"type": spelled_out(call, choices)} if choices else None
    only = {True: DELIVERED, False: NOT_DELIVERED, None: "TRUE"}[call.params.get("delivery_success")]
    events = list_objects(call, "event", "/v1/events", fixed=fixed, only=only)
    events["data"] = [with_pending(call, event) for event in events["data"]]
    return events


def spelled_out(call: Call, choices: list[str]) -> list[str]:
    """Event types with `charge.*` replaced by the types that there are."""
    types: list[str] = []
    for choice in choices:
        if not choice.endswith("*"):
            types.append(choice)
            continue
        query = "SELECT DISTINCT value FROM lookups WHERE field = 'event.type' AND value GLOB ?"
        types += [value for (value,) in call.store.db.execute(query, (choice,))]
    return types


def with_pending(call: Call, event: Document) -> Document:
    """An event with the number of endpoints that have not acknowledged it."""
    query = "SELECT count(*) FROM deliveries WHERE event = ? AND NOT is_given_up"
    event["pending_webhooks"] = call.store.db.execute(query, (event["id"],)).fetchone()[0]
    return event
