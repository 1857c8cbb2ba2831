"""Into the dashboard, and out of it."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from core.errors import DomainError, TooMany
from core.forms import add_refusal
from core.requests import client_address
from services.auth_services import TokenRefused, redeem_ticket, sign_in
from shop.web.storefront.forms import SignInForm
from shop.web.storefront.page import Page, wanted_path
from tenants.selectors import role_in
from tenants.web.sessions import end_session, keep_signed_in, session_of


class SignInPage(Page):
    """For the storefront's staff. Where somebody wanted to go is where they arrive."""

    template = "dashboard/sign_in.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form; those who are in already go on."""
        session = session_of(request)
        if session and role_in(session.user_id, request.tenant):
            return redirect(wanted_path(request, "/dashboard"))
        return self.show(request, form=SignInForm(), next=wanted_path(request, "/dashboard"))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in. Failures are counted, see `services.auth_services.check_credentials`."""
        form = SignInForm(request.POST)
        if form.is_valid():
            try:
                pair = sign_in(tenant=request.tenant, address=client_address(request), **form.cleaned_data)
            except DomainError as refusal:
                add_refusal(form, refusal)
                status = (
                    HTTPStatus.TOO_MANY_REQUESTS if isinstance(refusal, TooMany) else HTTPStatus.FORBIDDEN
                )
                return self.show(request, form=form, next=wanted_path(request, "/dashboard"), status=status)
            return keep_signed_in(request, redirect(wanted_path(request, "/dashboard")), pair)
        return self.show(
            request, form=form, next=wanted_path(request, "/dashboard"), status=HTTPStatus.BAD_REQUEST
        )


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
