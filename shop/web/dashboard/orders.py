"""The seller's orders: a list to search, narrow, save, export and work through."""

from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import Invalid, NotFound
from services.operation_services import start_operation
from services.order_bulk_services import ship_whole_orders
from services.order_export_services import ORDERS_EXPORT
from services.saved_view_services import remove_view, save_view
from shop.selectors.order_lists import facts_of, filtered_orders, listed_columns, saved_views
from shop.selectors.order_pages import order_by_number
from shop.web.dashboard.frame import StaffPage, back, listed
from shop.web.dashboard.order_forms import CARRIERS, BulkShipForm, OrderFilterForm, ViewForm
from tenants.permissions import EVERYONE, FULFILLERS, MANAGERS

SECTION = "orders"
# The lists that are always there: (name, what it asks for)
TABS: tuple[tuple[Any, str], ...] = (
    (gettext_lazy("All"), ""),
    (gettext_lazy("To ship"), "status=confirmed"),
    (gettext_lazy("Unpaid"), "status=pending"),
    (gettext_lazy("Needs attention"), "attention=on"),
)


class OrdersPage(StaffPage):
    """Orders, newest first."""

    template = "dashboard/orders.html"
    section = SECTION
    changes: ClassVar = {
        "save-view": EVERYONE,
        "remove-view": EVERYONE,
        "slips": EVERYONE,
        "ship": FULFILLERS,
        "export": MANAGERS,
    }
    done: ClassVar = {
        "view": gettext_lazy("The list is saved."),
        "shipped": gettext_lazy("Marked as shipped. The buyers are told."),
    }

    def get(self, request: HttpRequest) -> HttpResponse:
        """A page of those that are asked for."""
        return self.show_again(request)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The list, whatever it was that was asked for."""
        form = self.filters(request)
        rows, pager = listed(
            request, listed_columns(filtered_orders(form.wanted())), fields=("placed_at", "pk")
        )
        facts, query = facts_of(rows), form.query()
        return self.show(
            request,
            form=form,
            query=query,
            tabs=[{"label": label, "query": asked, "is_here": asked == query} for label, asked in TABS],
            views=saved_views(SECTION),
            rows=[(order, facts[order.pk]) for order in rows],
            pager=pager,
            carriers=CARRIERS,
            **{"view_form": ViewForm(), "carrier_form": BulkShipForm(), **context},
        )

    def filters(self, request: HttpRequest) -> OrderFilterForm:
        """What is asked for, from the page's address."""
        return OrderFilterForm(request.GET, currency=request.tenant.currency)

    def do_save_view(self, request: HttpRequest) -> HttpResponse:
        """Keep the filters under a name."""
        form, query = ViewForm(request.POST), self.filters(request).query()
        if not form.is_valid():
            return self.show_again(request, view_form=form, status=HTTPStatus.BAD_REQUEST)
        save_view(section=SECTION, name=form.cleaned_data["name"], query=query)
        return redirect(f"{reverse('dashboard:orders')}?{query}&done=view")

    def do_remove_view(self, request: HttpRequest) -> HttpResponse:
        """Forget a saved list."""
        remove_view(section=SECTION, view_id=one_id(request.POST.get("view", "")))
        return back("orders", done="removed")

    def do_export(self, request: HttpRequest) -> HttpResponse:
        """All that is asked for as a file; its progress is a page of its own."""
        params = self.filters(request).wanted().as_params()
        operation = start_operation(ORDERS_EXPORT, actor_id=self.user_id, **params)
        return back("operation", operation.pk)

    def do_slips(self, request: HttpRequest) -> HttpResponse:
        """Packing slips of what is ticked."""
        ids = ticked(request)
        return redirect(f"{reverse('dashboard:orders-slips')}?{urlencode({'order': ids}, doseq=True)}")

    def do_ship(self, request: HttpRequest) -> HttpResponse:
        """What is ticked has left, each order whole; those that could not are named."""
        ids, form = ticked(request), BulkShipForm(request.POST)
        if not form.is_valid():
            return self.show_again(request, carrier_form=form, status=HTTPStatus.BAD_REQUEST)
        refused = ship_whole_orders(order_ids=ids, carrier=form.cleaned_data["carrier"], actor=self.actor)
        if refused:
            numbers = ", ".join(f"#{number}" for number in refused)
            problem = _(
                "Not shipped, since they do not wait for it: %(numbers)s. All others are marked as shipped."
            )
            return self.show_again(
                request, problem=problem % {"numbers": numbers}, status=HTTPStatus.CONFLICT
            )
        return redirect(f"{reverse('dashboard:orders')}?{self.filters(request).query()}&done=shipped")


class OrderNumberPage(StaffPage):
    """An order by its number: to its page."""

    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        """Raises NotFound."""
        order_id = order_by_number(number) if number < 2**63 else None
        if order_id is None:
            raise NotFound(what="order")
        return redirect("dashboard:order", order_id)


def asked_words(request: HttpRequest) -> str:
    """What somebody searches for."""
    return request.GET.get("q", "").replace("\0", "").strip()[:100]


def one_id(text: str) -> UUID:
    """An id from a form. Raises NotFound for what is none."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound() from None


def ticked(request: HttpRequest) -> list[UUID]:
    """The orders that are ticked, no more than a page has. Raises Invalid where there are none."""
    ids = [one_id(text) for text in request.POST.getlist("order")[:100]]
    if not ids:
        raise Invalid(field="order", reason=_("Tick an order first."))
    return ids
