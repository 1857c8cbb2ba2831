"""Files to keep, for API and pages alike."""

from django.http import HttpResponse


def download(content: str | bytes, content_type: str, name: str) -> HttpResponse:
    """A file that the browser saves under `name` and keeps no copy of."""
    safe = "".join(char if char.isalnum() or char in "._- " else "_" for char in name) or "file"
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = (
        f'attachment; filename="{safe.encode("ascii", "replace").decode().replace("?", "_")}"'
    )
    response["Cache-Control"] = "private, no-store"
    return response
