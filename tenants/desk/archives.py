"""A storefront's archives: made, and put in its place or beside it; a restore taken back."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from core.clock import now
from core.errors import Invalid
from services.archive_operations import start_archive, start_restore
from services.restore_services import undo_restore
from tenants.desk.forms import REASON_LENGTH, reason_of
from tenants.desk.frame import DeskPage, back
from tenants.desk_selectors import archives_of, mails_of, storefront_named
from tenants.models import TenantStatus
from tenants.selectors import former_schema


class ArchivesPage(DeskPage):
    """All archives of a storefront that were ever made, and what can be done with those that are kept."""

    template = "desk/archives.html"
    section = "storefronts"
    done: ClassVar[dict[str, str]] = {
        "undone": "The storefront is served from what it was before the restore."
    }
    changes = frozenset({"archive", "restore", "undo"})

    def get(self, request: HttpRequest, slug: str, **context: Any) -> HttpResponse:
        """Newest first. Raises NotFound."""
        tenant = storefront_named(slug)
        archives = archives_of(tenant)
        kept = [row for row in archives if row.is_kept(now())]
        return self.show(
            request,
            tenant=tenant,
            archives=archives,
            kept=kept,
            restorable=[row for row in kept if not row.is_encrypted],
            former=former_schema(tenant),
            has_data=tenant.status != TenantStatus.ERASED,
            mails=mails_of(row.made_by for row in archives),
            reason_length=REASON_LENGTH,
            typed={request.POST.get("action", ""): request.POST.get("reason", "")},
            sent=request.POST,
            **context,
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """With what was typed."""
        return self.get(request, *args, **context)

    def do_archive(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Off to the work that writes it."""
        tenant = storefront_named(slug)
        return back("operation", start_archive(tenant_id=tenant.pk, actor_id=self.user_id).pk)

    def do_restore(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Off to the work that brings it back. In its place only where its address is typed."""
        operation = start_restore(
            archive_id=_uuid(request.POST.get("archive", "")),
            of=storefront_named(slug).pk,
            way=request.POST.get("way", ""),
            slug=request.POST.get("slug", "")[:100],
            confirm=request.POST.get("confirm", ""),
            reason=reason_of(request),
            actor_id=self.user_id,
        )
        return back("operation", operation.pk)

    def do_undo(self, request: HttpRequest, slug: str) -> HttpResponse:
        """At once: the former schema is still there."""
        tenant, reason = storefront_named(slug), reason_of(request)
        undo_restore(tenant_id=tenant.pk, actor_id=self.user_id, reason=reason)
        return back("archives", slug, done="undone")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(field="archive", reason="choose an archive") from None
