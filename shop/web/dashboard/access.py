"""Into the dashboard, and out of it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from services.auth_services import TokenRefused, redeem_ticket
from shop.web.storefront import account
from shop.web.storefront.page import Page
from tenants.selectors import role_in
from tenants.web.sessions import end_session, keep_signed_in, session_of


class SignInPage(account.SignInPage):
    """For the storefront's staff."""

    template = "dashboard/sign_in.html"
    home = "/dashboard"

    @staticmethod
    def is_in(request: HttpRequest) -> bool:
        """A buyer's account is not enough."""
        session = session_of(request)
        return session is not None and role_in(session.user_id, request.tenant) is not None


class ArrivePage(Page):
    """From sign-up on the marketplace's host: the ticket is traded for a session here, once."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """On to the dashboard, signed in; a ticket that is used or too old leads to the sign-in page."""
        try:
            pair = redeem_ticket(ticket=request.GET.get("ticket", ""), tenant=request.tenant)
        except TokenRefused:
            return redirect("dashboard:sign-in")
        return keep_signed_in(request, redirect("dashboard:start"), pair)


class SignOutPage(Page):
    """Out, on this device."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """The session is dead with this answer."""
        return end_session(request, redirect("dashboard:sign-in"))
