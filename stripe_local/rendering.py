"""From a kept document to the one that is sent: private fields out, times applied, references expanded."""

from typing import Any

from stripe_local.call import Call
from stripe_local.errors import bad_parameter
from stripe_local.store import Document


def public(document: Document, now: int) -> Document:
    """A document without its private fields (`_...`), as of `now`."""
    shown = {name: value for name, value in document.items() if name[0] != "_"}
    if document.get("object") == "balance_transaction":
        shown["status"] = "available" if document["available_on"] <= now else "pending"
    elif document.get("object") == "dispute":
        shown["balance_transactions"] = [public(each, now) for each in document["balance_transactions"]]
    return shown


def list_of(items: list[Any], url: str, *, has_more: bool = False) -> Document:
    """Stripe's list object."""
    return {"object": "list", "data": items, "has_more": has_more, "url": url}


def expand(call: Call, answer: Any, paths: list[str]) -> Any:
    """Replace the ids at these dotted paths by their objects, in place."""
    for path in paths:
        expand_path(call, answer, path.split("."), path)
    return answer


def expand_path(call: Call, value: Any, parts: list[str], path: str) -> None:
    """Walk down one path, loading what is met on the way."""
    if isinstance(value, list):
        for item in value:
            expand_path(call, item, parts, path)
        return
    if not isinstance(value, dict) or not parts:
        return
    name, rest = parts[0], parts[1:]
    if name == "data" and value.get("object") == "list":
        expand_path(call, value["data"], rest, path)
        return
    value[name] = included(call, value, name) if is_included(value, name) else loaded(call, value, name, path)
    expand_path(call, value[name], rest, path)


def is_included(value: Document, name: str) -> bool:
    """Whether a field is left out of an object until it is asked for."""
    return (value.get("object"), name) in {("charge", "refunds"), ("checkout.session", "line_items")}


def included(call: Call, value: Document, name: str) -> Document:
    """A sub-list that is sent only when expanded."""
    if name == "refunds":
        refunds = call.store.find("refund", account=call.account, charge=value["id"])[::-1]
        return list_of([public(refund, call.now) for refund in refunds], f"/v1/charges/{value['id']}/refunds")
    session = call.store.get_any(value["id"]) or {}
    return list_of(session.get("_line_items", []), f"/v1/checkout/sessions/{value['id']}/line_items")


def loaded(call: Call, value: Document, name: str, path: str) -> Any:
    """The object behind an id; objects that are already there stay."""
    if name not in value:
        message = f"This property cannot be expanded ({name}). Path: {path}."
        raise bad_parameter(message, param="expand")
    reference = value[name]
    if not isinstance(reference, str):
        return reference
    document = call.store.get_any(reference)
    return reference if document is None else public(document, call.now)
