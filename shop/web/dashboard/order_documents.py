"""Paper for orders: packing slips and the invoice."""

from typing import ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from core.downloads import download
from services.documents.order_invoice_pdf import order_invoice_pdf
from services.order_invoice_services import issue_order_invoice, order_invoice_document
from services.packing_services import packing_slips
from shop.selectors.order_pages import order_number
from shop.web.dashboard.frame import StaffPage
from shop.web.dashboard.order_actions import OrderPage
from shop.web.dashboard.orders import one_id
from tenants.permissions import EVERYONE

PDF = "application/pdf"
MOST = 100


class SlipsPage(StaffPage):
    """Packing slips of several orders in one file."""

    section = "orders"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Of those that are named by `order`, as many as a page has at the most. Raises NothingToPack."""
        ids = [one_id(text) for text in request.GET.getlist("order")[:MOST]]
        return download(packing_slips(order_ids=ids), PDF, "packing-slips.pdf")


class SlipPage(StaffPage):
    """The packing slip of one order."""

    section = "orders"

    def get(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Raises NotFound, NothingToPack."""
        name = f"packing-slip-{order_number(order_id)}.pdf"
        return download(packing_slips(order_ids=[order_id]), PDF, name)


class InvoicePage(OrderPage):
    """The invoice to the buyer: made by the first who asks for it, then the same for ever. Refusals are said on the order's page."""

    changes: ClassVar = {"issue": EVERYONE}

    def get(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """The document. Raises NotFound, also where there is none yet."""
        document = order_invoice_document(order_id)
        return download(order_invoice_pdf(document), PDF, f"invoice-{document['number']}.pdf")

    def do_issue(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Give it its number, and show it. Raises NotPaid."""
        issue_order_invoice(order_id=order_id, actor=self.actor)
        return redirect("dashboard:order-invoice", order_id)
