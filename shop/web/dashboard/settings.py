"""The shop's own settings, each part with a form of its own."""

from http import HTTPStatus
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse

from core.errors import Invalid
from core.forms import add_refusal
from services.account_services import set_seller_terms
from services.tenant_services import update_storefront
from shop.selectors.money import seller_account
from shop.web.dashboard.frame import StaffPage, back
from shop.web.dashboard.settings_forms import ClockForm, LegalForm, ShopForm, zone_choices
from tenants.models import Tenant
from tenants.permissions import MANAGERS, OWNER


class SettingsPage(StaffPage):
    """Name, mail, directory and cards are the managers'; the clock and the legal details are the owner's."""

    template = "dashboard/settings.html"
    section = "settings"
    roles = MANAGERS
    changes: ClassVar = {"shop": MANAGERS, "clock": OWNER, "legal": OWNER}

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """All of them as they are."""
        tenant, account = request.tenant, seller_account(request.tenant)
        shop = {
            **{
                name: getattr(tenant, name) for name in ("name", "support_email", "country", "capture_method")
            },
            "listed": tenant.brand.get("listed", True),
        }
        legal = {name: getattr(account, name) for name in ("legal_name", "legal_address", "tax_id")}
        return self.show(
            request,
            **{
                "account": account,
                "shop_form": ShopForm(initial=shop, country=tenant.country, prefix="shop"),
                "clock_form": ClockForm(
                    initial={"time_zone": account.time_zone}, set_to=account.time_zone, prefix="clock"
                ),
                "legal_form": LegalForm(initial=legal, prefix="legal"),
                "zones": zone_choices(account.time_zone),
                "zone": request.POST.get("clock-time_zone", account.time_zone),
                "marketplace": Tenant.marketplace_url(),
                **context,
            },
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The page."""
        return self.get(request, **context)

    def do_shop(self, request: HttpRequest) -> HttpResponse:
        """What buyers see of the shop, and how their cards are charged."""
        form = ShopForm(request.POST, country=request.tenant.country, prefix="shop")
        if not form.is_valid():
            return self.show_again(request, shop_form=form, status=HTTPStatus.BAD_REQUEST)
        update_storefront(tenant_id=request.tenant.pk, actor_id=self.user_id, changes=form.changes())
        return back("settings", done="saved")

    def do_clock(self, request: HttpRequest) -> HttpResponse:
        """The seller's time zone."""
        zone = seller_account(request.tenant).time_zone
        return self._terms(request, "clock_form", ClockForm(request.POST, set_to=zone, prefix="clock"))

    def do_legal(self, request: HttpRequest) -> HttpResponse:
        """Who stands on the documents made from now on."""
        return self._terms(request, "legal_form", LegalForm(request.POST, prefix="legal"))

    def _terms(self, request: HttpRequest, name: str, form: forms.Form) -> HttpResponse:
        if form.is_valid():
            try:
                set_seller_terms(tenant_id=request.tenant.pk, actor_id=self.user_id, **form.cleaned_data)
                return back("settings", done="saved")
            except Invalid as refusal:
                add_refusal(form, refusal)
        return self.show_again(request, status=HTTPStatus.BAD_REQUEST, **{name: form})
