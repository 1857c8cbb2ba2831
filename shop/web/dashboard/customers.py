"""The seller's customers: who they are, what they bought, where it went and what they thought of it."""

import json
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from core.downloads import download
from core.forms import LineField
from services.operation_services import start_operation
from services.order_export_services import CUSTOMERS_EXPORT
from services.person_export_services import hand_out_person
from services.person_services import erase_person_by_email
from shop.models.order import NOBODY
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
from tenants.permissions import MANAGERS, OWNER, SUPPORTERS


class CustomersPage(StaffPage):
    """Everybody who has ordered, who did last first."""

    template = "dashboard/customers.html"
    section = "customers"
    roles = SUPPORTERS
    changes: ClassVar = {"export": MANAGERS}
    done: ClassVar = {"forgotten": _("Forgotten. Their orders and reviews stay, of nobody.")}

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
    """One of them. The address names one of their orders, so that no mail address is in histories and logs.

    Their data is given and forgotten at their request; the owner finds out whether it is theirs.
    """

    template = "dashboard/customer.html"
    section = "customers"
    roles = SUPPORTERS
    changes: ClassVar = {"data": OWNER, "forget": OWNER}

    def get(self, request: HttpRequest, order_id: UUID, **context: Any) -> HttpResponse:
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
            is_forgotten=customer.email.endswith(NOBODY),
            name=(addresses[0] if addresses else customer.shipping_address).get("name", ""),
            totals=totals_of([customer.email], currency=currency).get(customer.email, Totals()),
            rows=[(order, facts[order.pk]) for order in rows],
            pager=pager,
            addresses=addresses,
            reviews=reviews_of_customer(customer.email),
            currency=currency,
            forget_form=context.pop("forget_form", None) or ForgetForm(),
            **context,
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The same page."""
        return self.get(request, *args, **context)

    def do_data(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Everything of theirs as one file, to be sent to their mail address."""
        told = hand_out_person(email=customer_of(order_id).email, actor_id=self.user_id)
        text = json.dumps(told, ensure_ascii=False, indent=2)
        return download(text, "application/json", f"{request.tenant.slug}-customer-data.json")

    def do_forget(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """It cannot be undone, so the reason is needed and the box is to be ticked."""
        form = ForgetForm(request.POST)
        if not form.is_valid():
            return self.show_again(
                request, order_id=order_id, forget_form=form, status=HTTPStatus.BAD_REQUEST
            )
        erase_person_by_email(
            email=customer_of(order_id).email, actor_id=self.user_id, reason=form.cleaned_data["reason"]
        )
        return back("customers", done="forgotten")


class ForgetForm(forms.Form):
    """Why somebody is forgotten, and that it is meant."""

    reason = LineField(
        label=_("Why"),
        max_length=300,
        help_text=_("Kept in the log of what was done. Do not name them here."),
    )
    sure = forms.BooleanField(label=_("I know that this cannot be undone"))
