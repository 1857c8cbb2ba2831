"""Identifiers that look like Stripe's: a prefix and 24 random letters and digits."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def random_text(length: int) -> str:
    """Letters and digits from the system's random source."""
    number = int.from_bytes(secrets.token_bytes(length), "big")
    letters = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        letters.append(ALPHABET[digit])
    return "".join(letters)


def new_id(prefix: str) -> str:
    """A fresh identifier such as `ch_3f...`."""
    return f"{prefix}_{random_text(24)}"
