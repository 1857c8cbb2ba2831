"""Identifiers that look like Stripe's: a prefix and 24 random letters and digits."""

import random
import string

ALPHABET = string.ascii_letters + string.digits
SOURCE = random.Random()  # of its own, so that a test that seeds `random` does not get the same ids twice


def random_text(length: int) -> str:
    """Random letters and digits. Not secret: this server guards no money."""
    return "".join(SOURCE.choices(ALPHABET, k=length))


def new_id(prefix: str) -> str:
    """A fresh identifier such as `ch_3f...`."""
    return f"{prefix}_{random_text(24)}"
