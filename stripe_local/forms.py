"""Stripe's form encoding: `line_items[0][price_data][currency]=eur` to and from nested values."""

from typing import Any
from urllib.parse import parse_qsl

Nested = dict[str, Any]


def decode_form(text: str) -> Nested:
    """Nested dictionaries and lists from a form body or query string; the last of two equal keys wins."""
    root: Nested = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        place(root, split_name(name), value)
    return {name: with_lists(value, name) for name, value in root.items()}


def split_name(name: str) -> list[str]:
    """`a[b][]` is the path a, b, "" (the empty part appends to a list)."""
    head, bracket, rest = name.partition("[")
    return [head, *rest.removesuffix("]").split("][")] if bracket else [head]


def place(root: Nested, path: list[str], value: str) -> None:
    """Put one value at its path, making the dictionaries on the way."""
    here = root
    for part in path[:-1]:
        part = part if part or here is root else str(len(here))
        child = here.get(part)
        if not isinstance(child, dict):
            child = here[part] = {}
        here = child
    last = path[-1] if path[-1] or len(path) == 1 else str(len(here))
    here[last] = value


def with_lists(value: Any, name: str) -> Any:
    """Turn dictionaries keyed 0, 1, 2 ... into lists, except in metadata, whose keys are the caller's."""
    if not isinstance(value, dict):
        return value
    if name != "metadata" and value and all(key.isdigit() for key in value):
        return [with_lists(value[key], key) for key in sorted(value, key=int)]
    return {key: with_lists(child, key) for key, child in value.items()}
