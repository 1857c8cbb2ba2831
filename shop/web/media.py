"""A storefront's files, served on its own hosts only."""

import mimetypes

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase


def media(request: HttpRequest, name: str) -> HttpResponseBase:
    """A stored file of this tenant. Names are random and contents never change, so browsers may keep them."""
    try:
        if "\x00" in name or not default_storage.exists(name):
            raise Http404
        handle = default_storage.open(name)
    except (SuspiciousFileOperation, IsADirectoryError, OSError) as error:
        raise Http404 from error
    response = FileResponse(handle, content_type=mimetypes.guess_type(name)[0] or "application/octet-stream")
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
