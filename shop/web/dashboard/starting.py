"""What a new seller settles once: the shipping price."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from core.money import to_major
from services.shipping_services import set_flat_rate
from shop.selectors.selling import active_rate
from shop.web.dashboard.forms import ShippingForm
from shop.web.dashboard.frame import StaffPage
from tenants.permissions import MANAGERS


class ShippingPage(StaffPage):
    """The one shipping price, and from which amount on it is free."""

    template = "dashboard/shipping.html"
    roles = MANAGERS
    section = "shipping"

    def get(self, request: HttpRequest) -> HttpResponse:
        """What is in force."""
        rate, currency = active_rate(), request.tenant.currency
        initial: dict[str, Any] = {"name": _("Standard"), "price": to_major(0, currency)}
        if rate:
            free = rate.free_from_minor
            initial = {
                "name": rate.name,
                "price": to_major(rate.price_minor, currency),
                "free_from": to_major(free, currency) if free is not None else None,
            }
        form = ShippingForm(currency=currency, initial=initial)
        return self.show(request, form=form, saved="saved" in request.GET)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set it. Orders keep the price they were placed with."""
        form = ShippingForm(request.POST, currency=request.tenant.currency)
        if not form.is_valid():
            return self.show(request, form=form, status=HTTPStatus.BAD_REQUEST)
        values = form.cleaned_data
        set_flat_rate(name=values["name"], price_minor=values["price"], free_from_minor=values["free_from"])
        return redirect(f"{request.path}?saved=1")
