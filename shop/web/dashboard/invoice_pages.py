"""The marketplace's invoices of its commission."""

from datetime import date
from uuid import UUID

from babel.dates import format_skeleton
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language, to_locale

from core.downloads import download
from services.documents.invoice_pdf import invoice_pdf
from services.invoice_services import invoice_document
from shop.selectors.money import invoice_of, invoices_of
from shop.web.dashboard.frame import StaffPage, listed
from tenants.permissions import MANAGERS


class InvoicesPage(StaffPage):
    """One a month and currency, newest first."""

    template = "dashboard/invoices.html"
    section = "invoices"
    roles = MANAGERS

    def get(self, request: HttpRequest) -> HttpResponse:
        """Below zero it is a credit note."""
        rows, pager = listed(request, invoices_of(request.tenant), fields=("issued_at", "pk"))
        return self.show(
            request, rows=[(invoice, month_name(invoice.month)) for invoice in rows], pager=pager
        )


def month_name(month: date) -> str:
    """A month in the reader's language: "October 2026"."""
    return str(format_skeleton("yMMMM", month, locale=to_locale(get_language() or "en")))


class InvoiceFilePage(StaffPage):
    """An invoice to keep."""

    section = "invoices"
    roles = MANAGERS

    def get(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        """As PDF. Raises NotFound."""
        invoice = invoice_of(request.tenant, invoice_id)
        return download(invoice_pdf(invoice_document(invoice)), "application/pdf", f"{invoice.number}.pdf")
