"""One search field for orders, products and customers."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from shop.selectors.customers import customers
from shop.selectors.finding import number_in, products_found
from shop.selectors.order_lists import OrderFilter, facts_of, filtered_orders, listed_columns
from shop.selectors.order_pages import order_by_number
from shop.web.dashboard.frame import StaffPage
from shop.web.dashboard.orders import asked_words
from tenants.permissions import SUPPORTERS

FEW = 6


class SearchPage(StaffPage):
    """A few of each that match, and where to see all of them."""

    template = "dashboard/search.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """`q` is words, of which the last may be only begun; an order's number goes straight to the order."""
        q = asked_words(request)
        number = number_in(q)
        if number is not None and (order_id := order_by_number(number)):
            return redirect("dashboard:order", order_id)
        orders = list(listed_columns(filtered_orders(OrderFilter(q=q)))[: FEW + 1]) if q else []
        facts = facts_of(orders[:FEW]) if orders else {}
        found = list(customers(q)[: FEW + 1]) if q and self.role in SUPPORTERS else []
        products = products_found(q, limit=FEW + 1) if q else []
        return self.show(
            request,
            q=q,
            orders=[(order, facts[order.pk]) for order in orders[:FEW]],
            more_orders=len(orders) > FEW,
            products=products[:FEW],
            more_products=len(products) > FEW,
            customers=found[:FEW],
            more_customers=len(found) > FEW,
        )
