"""Identifiers: time-ordered UUIDs for keys, 192-bit secrets for links that open something."""

import secrets
from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A UUIDv7: unique everywhere, sorted by time, so that indexes stay compact."""
    return uuid_utils.compat.uuid7()


def new_secret() -> str:
    """An unguessable URL-safe secret of 192 bits."""
    return secrets.token_urlsafe(24)
