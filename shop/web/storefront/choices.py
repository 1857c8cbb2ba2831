"""Which variant a buyer is looking at, what else may be chosen from there, and the pictures of it."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """One value of an option: the variant it leads to, and whether that can be had."""

    value: str
    variant_id: str
    is_chosen: bool
    in_stock: bool


@dataclass(frozen=True)
class Option:
    """An option with its values, as seen from the chosen variant."""

    name: str
    chosen: str
    choices: list[Choice]


def choose_variant(product: Json, wanted: str) -> Json | None:
    """The variant asked for by id; else the first that is in stock; else the first. None: nothing is for sale."""
    variants = product["variants"]
    asked_for = next((variant for variant in variants if variant["id"] == wanted), None)
    first_in_stock = next((variant for variant in variants if variant["in_stock"]), None)
    return asked_for or first_in_stock or (variants[0] if variants else None)


def options_from(product: Json, chosen: Json | None) -> list[Option]:
    """Each option's values, leading to the variant most like the chosen one; one in stock, where there is one."""
    if chosen is None:
        return []
    return [
        Option(
            name=option["name"],
            chosen=chosen["option_values"][number],
            choices=[_choice(product, chosen, number, value) for value in option["values"] or ()],
        )
        for number, option in enumerate(product["options"])
    ]


def _choice(product: Json, chosen: Json, number: int, value: str) -> Choice:
    if chosen["option_values"][number] == value:
        return Choice(value, chosen["id"], is_chosen=True, in_stock=chosen["in_stock"])
    with_value = [variant for variant in product["variants"] if variant["option_values"][number] == value]
    best = max(with_value, key=lambda variant: (_likeness(variant, chosen), variant["in_stock"]))
    return Choice(value, best["id"], is_chosen=False, in_stock=best["in_stock"])


def _likeness(variant: Json, chosen: Json) -> int:
    pairs = zip(variant["option_values"], chosen["option_values"], strict=True)
    return sum(one == other for one, other in pairs)


def pictures_of(product: Json, chosen: Json | None) -> list[Json]:
    """The chosen variant's pictures, then those of no variant. A variant without its own borrows from its likes.

    (Exports name a picture once per colour, not once per colour and size.)
    """
    pictures = product["images"]
    if chosen is None:
        return pictures
    own = [picture for picture in pictures if picture["variant_id"] == chosen["id"]] or _borrowed(
        product, chosen
    )
    return own + [picture for picture in pictures if picture["variant_id"] is None] or pictures


def _borrowed(product: Json, chosen: Json) -> list[Json]:
    if not chosen["option_values"]:
        return []
    alike = {
        variant["id"]
        for variant in product["variants"]
        if variant["option_values"][0] == chosen["option_values"][0]
    }
    return [picture for picture in product["images"] if picture["variant_id"] in alike]
