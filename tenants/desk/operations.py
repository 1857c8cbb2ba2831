"""Long work of the marketplace: payout runs, reconciliation, the fleet; with how far it is, to be left and found again."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from core.downloads import download
from services.operation_services import find_operation, operations, output_of
from shop.web.dashboard.frame import listed
from shop.web.dashboard.operations import outcome_template
from tenants.desk.frame import DeskPage
from tenants.desk_selectors import mails_of

# kind -> what it is called. Others are called by their kind.
KINDS: dict[str, str] = {
    "storefront.archive": "Archive of a storefront",
    "storefront.restore": "Restore a storefront",
    "storefront.erase": "Erase a storefront",
    "storefront.stage": "Copy a storefront to staging",
    "fleet.migrate": "Bring storefronts along",
    "fleet.check": "Look for drift",
    "payouts.run": "Payout run",
    "reconcile.run": "Comparison with Stripe",
}


class OperationsPage(DeskPage):
    """What was asked for in the last thirty days."""

    template = "desk/operations.html"
    section = "operations"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Newest first."""
        rows, pager = listed(request, operations(), fields=("created_at", "pk"))
        return self.show(
            request, rows=rows, pager=pager, kinds=KINDS, mails=mails_of(row.actor_id for row in rows)
        )


class OperationPage(DeskPage):
    """One of them: its progress, then what came of it. The page looks again by itself."""

    template = "desk/operation.html"
    section = "operations"

    def get(self, request: HttpRequest, operation_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        operation = find_operation(operation_id)
        return self.show(
            request,
            operation=operation,
            title=KINDS.get(operation.kind, operation.kind),
            outcome=outcome_template("desk", operation.kind) if operation.is_over else "",
            mails=mails_of([operation.actor_id]),
        )


class OperationFilePage(DeskPage):
    """The file that came of it."""

    def get(self, request: HttpRequest, operation_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        operation = output_of(operation_id)
        return download(bytes(operation.output), operation.output_type, operation.file_name)
