"""What a page of the desk is asked for in its address."""

from uuid import UUID

from django.http import HttpRequest


def asked(request: HttpRequest, *names: str) -> dict[str, str]:
    """Short texts without control characters; "" for what is not asked."""
    return {name: "".join(filter(str.isprintable, request.GET.get(name, "")))[:120] for name in names}


def id_or_none(text: str) -> UUID | None:
    """An id; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def number_or_none(text: str) -> int | None:
    """The number of a row; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
