"""Lists in the order of time, page by page, by the ids of their rows."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

LIMIT = 50


def older(
    request: HttpRequest, rows: QuerySet[Any], *, before: UUID | int | None, limit: int = LIMIT
) -> tuple[list[Any], dict[str, str]]:
    """A page of rows ordered by `-id`, which is by time, and where the first and the next page are, as `parts/pager.html` takes them."""
    found = list((rows.filter(pk__lt=before) if before else rows)[: limit + 1])
    page = found[:limit]
    kept = {name: value for name, value in request.GET.items() if name not in ("before", "done") and value}
    pager = {
        "first": f"?{urlencode(kept)}" if before else "",
        "next": f"?{urlencode({**kept, 'before': page[-1].pk})}" if len(found) > limit else "",
    }
    return page, pager
