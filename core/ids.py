"""Identifiers: time-ordered UUIDs for keys, 192-bit secrets for links that open something."""

import secrets
from datetime import datetime
from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A UUIDv7: unique everywhere, sorted by time, so that indexes stay compact."""
    return uuid_utils.compat.uuid7()


def first_id_at(moment: datetime) -> UUID:
    """The smallest id that `new_id` can make at this moment: what is made later has a greater one."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def new_secret() -> str:
    """An unguessable URL-safe secret of 192 bits."""
    return secrets.token_urlsafe(24)
