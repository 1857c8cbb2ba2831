"""The time. Rules take `now` as an argument; this is where it comes from."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current moment in UTC."""
    return datetime.now(UTC)
