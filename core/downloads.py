"""Files to keep, for API and pages alike."""

from typing import TypeVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase

Answer = TypeVar("Answer", bound=HttpResponseBase)


def download(content: str | bytes, content_type: str, name: str) -> HttpResponse:
    """A file that the browser saves under `name` and keeps no copy of."""
    return as_download(HttpResponse(content, content_type=content_type), name)


def as_download(response: Answer, name: str) -> Answer:
    """The answer, to be saved under `name` and not to be kept by the browser."""
    safe = "".join(char if char.isalnum() or char in "._- " else "_" for char in name) or "file"
    response["Content-Disposition"] = (
        f'attachment; filename="{safe.encode("ascii", "replace").decode().replace("?", "_")}"'
    )
    response["Cache-Control"] = "private, no-store"
    return response
