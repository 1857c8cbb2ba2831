"""The seller's customers: who they are, what they bought, where it went and what they thought of it."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from services.operation_services import start_operation
from services.order_export_services import CUSTOMERS_EXPORT
from shop.selectors.customers import (
    Totals,
    addresses_used,
    customer_of,
    customers,
    orders_by_email,
    reviews_of_customer,
    totals_of,
)
from shop.selectors.order_lists import facts_of, listed_columns
from shop.web.dashboard.frame import StaffPage, back, listed
from shop.web.dashboard.orders import asked_words
from tenants.permissions import MANAGERS, SUPPORTERS


class CustomersPage(StaffPage):
    """Everybody who has ordered, who did last first."""

    template = "dashboard/customers.html"
    section = "customers"
    roles = SUPPORTERS
    changes: ClassVar = {"export": MANAGERS}

    def get(self, request: HttpRequest) -> HttpResponse:
        """A page of them; `q` finds mail addresses and names."""
        return self.show_again(request)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The list."""
        q, currency = asked_words(request), request.tenant.currency
        rows, pager = listed(request, customers(q), fields=("placed_at", "pk"))
        totals = totals_of((row.email for row in rows), currency=currency)
        return self.show(
            request,
            q=q,
            rows=[(row, totals.get(row.email, Totals())) for row in rows],
            pager=pager,
            currency=currency,
            **context,
        )

    def do_export(self, request: HttpRequest) -> HttpResponse:
        """All of them as a file; its progress is a page of its own."""
        operation = start_operation(CUSTOMERS_EXPORT, actor_id=self.user_id)
        return back("operation", operation.pk)


class CustomerPage(StaffPage):
    """One of them. The address names one of their orders, so that no mail address is in histories and logs."""

    template = "dashboard/customer.html"
    section = "customers"
    roles = SUPPORTERS

    def get(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        customer, currency = customer_of(order_id), request.tenant.currency
        rows, pager = listed(
            request, listed_columns(orders_by_email(customer.email)), fields=("placed_at", "pk"), limit=15
        )
        facts = facts_of(rows)
        addresses = addresses_used(customer.email)
        return self.show(
            request,
            customer=customer,
            name=(addresses[0] if addresses else customer.shipping_address).get("name", ""),
            totals=totals_of([customer.email], currency=currency).get(customer.email, Totals()),
            rows=[(order, facts[order.pk]) for order in rows],
            pager=pager,
            addresses=addresses,
            reviews=reviews_of_customer(customer.email),
            currency=currency,
        )
