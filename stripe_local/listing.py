"""Cursor lists, newest first: `limit`, `starting_after`, `ending_before`, `created[...]` and equality filters."""

from typing import Any

from stripe_local.call import Call
from stripe_local.errors import bad_parameter, no_such
from stripe_local.rendering import list_of, public
from stripe_local.store import Choice, Document

COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def list_objects(
    call: Call,
    kind: str,
    url: str,
    *,
    filters: tuple[str, ...] = (),
    account: str | None = None,
    fixed: dict[str, list[str]] | None = None,
    only: str = "TRUE",
) -> Document:
    """One page of the objects of a kind.

    `filters` names the parameters that select by equality, `fixed` holds values to select by, `only` is a condition in
    SQL.
    """
    account = call.account if account is None else account
    values = {name: [call.params[name]] for name in filters if name in call.params}
    wanted = call.store.choose(kind, account, values | (fixed or {}))
    wanted.add(only)
    add_created(wanted, call.params.get("created"))
    limit = page_size(call)
    documents, has_more = page(call, kind, account, wanted, limit)
    return list_of([public(document, call.now) for document in documents], url, has_more=has_more)


def page_size(call: Call) -> int:
    """`limit`, 1 to 100, 10 when not sent."""
    limit = call.params.get("limit", 10)
    if not 1 <= limit <= 100:
        bound = "less than or equal to 100" if limit > 100 else "greater than or equal to 1"
        message = f"This value must be {bound}."
        raise bad_parameter(message, param="limit", code="parameter_invalid_integer")
    return int(limit)


def add_created(wanted: Choice, created: Any) -> None:
    """Add the condition on `created`: a moment, or bounds."""
    bounds = (
        {"=": created}
        if isinstance(created, int)
        else {COMPARISONS[key]: at for key, at in (created or {}).items()}
    )
    for sign, moment in bounds.items():
        wanted.add(f"{wanted.walk}.created {sign} ?", moment)


def page(call: Call, kind: str, account: str, wanted: Choice, limit: int) -> tuple[list[Document], bool]:
    """The documents of this page, newest first, and whether more follow in the direction of travel."""
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise bad_parameter("You cannot use both `starting_after` and `ending_before`.")
    order, cursor = ("ASC", before) if before else ("DESC", after)
    if cursor:
        position = call.store.position(kind, cursor, account)
        if position is None:
            raise no_such(kind, cursor, param="ending_before" if before else "starting_after", status=400)
        at, sign = wanted.walk, ">" if before else "<"
        wanted.add(f"({at}.created, {at}.seq) {sign} (?, ?)", *position)
    found = call.store.select(wanted, order=order, limit=limit + 1)
    documents = found[:limit]
    return (documents[::-1] if before else documents), len(found) > limit
