"""Metadata under Stripe's rules: 50 keys of 40 characters, values of 500."""

from typing import Any

from stripe_local.errors import bad_parameter


def merge_metadata(current: dict[str, str], sent: Any) -> dict[str, str]:
    """`current` with the sent keys set, keys sent empty removed, and everything removed when sent as ""."""
    if sent is None:
        return current
    if sent == "":
        return {}
    merged = {**current, **sent}
    for key, value in sent.items():
        check_entry(key, value)
        if value == "":
            del merged[key]
    if len(merged) > 50:
        raise bad_parameter("You can only have up to 50 metadata keys.", param="metadata")
    return merged


def check_entry(key: str, value: str) -> None:
    """Refuse a key or a value that is too long."""
    if len(key) > 40:
        message = f"Metadata keys can have up to 40 characters. The key {key!r} has {len(key)}."
        raise bad_parameter(message, param="metadata")
    if len(value) > 500:
        message = f"Metadata values can have up to 500 characters. The value of {key!r} has {len(value)}."
        raise bad_parameter(message, param=f"metadata[{key}]")
