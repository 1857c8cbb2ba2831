"""The seller's account at Stripe: what is missing there, and the way there."""

from contextlib import suppress
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from core.errors import Unavailable
from services.account_services import NoStripeAccount, onboarding_link, sync_account
from services.stripe_gateway import PaymentProviderRefused
from shop.selectors.money import seller_account
from shop.web.dashboard.frame import StaffPage
from shop.web.dashboard.requirement_words import missing
from tenants.permissions import OWNER


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
        back = request.build_absolute_uri(f"{request.path}?back=1")  # to the host where they are signed in
        try:
            return redirect(onboarding_link(tenant=request.tenant, return_url=back))
        except (Unavailable, PaymentProviderRefused, NoStripeAccount) as refusal:
            return self._show(request, seller_account(request.tenant), problem=refusal.sentence, status=503)

    def _show(self, request: HttpRequest, account: Any, *, status: int = 200, **context: Any) -> HttpResponse:
        return self.show(
            request,
            status=status,
            account=account,
            is_ready=account.payouts_enabled and account.transfers_active,
            missing=missing(account.requirements),
            **context,
        )
