"""What a new seller settles once: the shipping price, the bank."""

from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from core.errors import Unavailable
from core.money import to_major
from services.account_services import NoStripeAccount, onboarding_link, sync_account
from services.shipping_services import set_flat_rate
from services.stripe_gateway import PaymentProviderRefused
from shop.selectors.money import seller_account
from shop.selectors.selling import active_rate
from shop.web.dashboard.forms import ShippingForm
from shop.web.dashboard.frame import StaffPage
from tenants.permissions import MANAGERS, OWNER


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


class BankPage(StaffPage):
    """How far the seller is at Stripe, and the way there."""

    template = "dashboard/bank.html"
    roles = OWNER
    section = "bank"

    def get(self, request: HttpRequest) -> HttpResponse:
        """What Stripe said last; asked anew for who comes back from there."""
        account = seller_account(request.tenant)
        if "back" in request.GET and account.stripe_account_id and not self.is_support:
            with suppress(Unavailable, PaymentProviderRefused):  # Stripe's own message will tell
                account = sync_account(stripe_account_id=account.stripe_account_id) or account
        return self._show(request, account)

    def post(self, request: HttpRequest) -> HttpResponse:
        """On to Stripe's page, by a link that is made for this click."""
        back = f"{request.tenant.url}{request.path}?back=1"
        try:
            return redirect(onboarding_link(tenant=request.tenant, return_url=back))
        except (Unavailable, PaymentProviderRefused, NoStripeAccount) as refusal:
            return self._show(request, seller_account(request.tenant), problem=refusal.sentence, status=503)

    def _show(self, request: HttpRequest, account: Any, *, status: int = 200, **context: Any) -> HttpResponse:
        missing = (account.requirements or {}).get("currently_due") or []
        is_ready = account.payouts_enabled and account.transfers_active
        return self.show(
            request, status=status, account=account, is_ready=is_ready, missing=missing, **context
        )
