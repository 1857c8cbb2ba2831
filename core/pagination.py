"""Cursor pages: an opaque, stable position instead of a page number."""

import base64
import binascii
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import Q

from core.errors import Invalid

MAX_PAGE = 100


def encode_cursor(position: list[Any]) -> str:
    """The sort key of the last row shown, as a URL-safe string."""
    return base64.urlsafe_b64encode(orjson.dumps(position, default=str)).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The sort key again. Raises Invalid for anything we did not hand out."""
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise Invalid(field="cursor", reason="is not one of ours; start again without it") from error
    if not isinstance(position, list) or len(position) != length:
        raise Invalid(field="cursor", reason="does not belong to this list; start again without it")
    return position


def cursor_page(
    queryset: Any, *, fields: tuple[str, str], cursor: str, limit: int, is_ascending: bool = False
) -> tuple[list[Any], str | None]:
    """A page of a queryset ordered by `-fields[0], -fields[1]`, or by `fields` where it ascends: (rows, cursor of the next
    page or None)."""
    limit, beyond = min(limit, MAX_PAGE), "gt" if is_ascending else "lt"
    if cursor:
        first, second = decode_cursor(cursor, 2)
        try:
            queryset = queryset.filter(
                Q(**{f"{fields[0]}__{beyond}": first})
                | Q(**{fields[0]: first, f"{fields[1]}__{beyond}": second})
            )
            rows = list(queryset[: limit + 1])
        except (ValueError, TypeError, ValidationError, DataError) as error:
            raise Invalid(
                field="cursor", reason="does not belong to this list; start again without it"
            ) from error
    else:
        rows = list(queryset[: limit + 1])
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    return page, encode_cursor([getattr(page[-1], fields[0]), getattr(page[-1], fields[1])])
