"""The shop's data, to be taken along by its owner."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from core.downloads import as_download
from services.archive_operations import start_export
from services.export_services import file_of
from shop.selectors.archives import export_of, exports_of
from shop.web.dashboard.frame import StaffPage, back
from tenants.permissions import OWNER


class DataPage(StaffPage):
    """What was exported lately, and a button to do it now."""

    template = "dashboard/data.html"
    section = "settings"
    roles = OWNER
    changes: ClassVar = {"export": OWNER}

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """The exports that can still be fetched, newest first."""
        return self.show(request, archives=exports_of(request.tenant), **context)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The page."""
        return self.get(request, **context)

    def do_export(self, request: HttpRequest) -> HttpResponse:
        """Asked for; the next page shows how far it is."""
        return back("operation", start_export(actor_id=self.user_id).pk)


class DataFilePage(StaffPage):
    """One export, as a file."""

    roles = OWNER

    def get(self, request: HttpRequest, archive_id: UUID) -> HttpResponseBase:
        """Raises NotFound."""
        archive = export_of(request.tenant, archive_id)
        answer = FileResponse(file_of(archive).open("rb"), content_type="application/zip")
        return as_download(answer, archive.file_name)
