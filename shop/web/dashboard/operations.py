"""Long work of the storefront: imports and exports, with how far they are, to be left and found again."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.translation import gettext_lazy as _

from core.downloads import download
from services.operation_services import find_operation, operations, output_of
from shop.web.dashboard.frame import StaffPage, listed
from tenants.permissions import MANAGERS
from tenants.selectors import names_of

# kind -> what it is called.
KINDS: dict[str, Any] = {
    "products.import": _("Import of products"),
    "products.export": _("Export of products"),
    "orders.export": _("Export of orders"),
    "customers.export": _("Export of customers"),
    "storefront.export": _("Export of the whole shop"),
}


class OperationsPage(StaffPage):
    """What was imported and exported in the last thirty days."""

    template = "dashboard/operations.html"
    roles = MANAGERS
    section = "operations"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Newest first."""
        rows, pager = listed(request, operations(), fields=("created_at", "pk"))
        return self.show(
            request, rows=rows, pager=pager, kinds=KINDS, people=names_of(row.actor_id for row in rows)
        )


class OperationPage(StaffPage):
    """One of them: its progress, then what came of it. The page looks again by itself."""

    template = "dashboard/operation.html"
    roles = MANAGERS
    section = "operations"

    def get(self, request: HttpRequest, operation_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        operation = find_operation(operation_id)
        return self.show(
            request,
            operation=operation,
            title=KINDS.get(operation.kind, operation.kind),
            outcome=outcome_template("dashboard", operation.kind) if operation.is_over else "",
            people=names_of([operation.actor_id]),
        )


class OperationFilePage(StaffPage):
    """The file that came of it."""

    roles = MANAGERS

    def get(self, request: HttpRequest, operation_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        operation = output_of(operation_id)
        return download(bytes(operation.output), operation.output_type, operation.file_name)


def outcome_template(face: str, kind: str) -> str:
    """The template that says what came of operations of a kind; "" where there is nothing to say but their file."""
    name = f"{face}/operations/{kind.replace('.', '_')}.html"
    try:
        get_template(name)
    except TemplateDoesNotExist:
        return ""
    return name
