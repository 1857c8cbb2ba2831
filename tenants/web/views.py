"""The marketplace's own pages: the front door, signing up, proving a mailbox."""

from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views import View
from django.views.decorators.http import require_safe

from core.errors import Conflict, DomainError, TooMany
from core.forms import add_refusal
from core.money import Money
from core.problems import json_not_found
from core.requests import client_address
from payouts.models import FeeBearer
from services.auth_services import ATTEMPTS_PER_ADDRESS, accept_mailbox_proof, count_attempt, open_session
from services.commission_services import commission_for
from services.tenant_services import sign_up_seller
from shop.web.storefront.forms import ConfirmForm
from shop.web.storefront.page import revalidated
from tenants.listings import Found, listed_storefronts, search_products
from tenants.models.tenant import url_of
from tenants.web.forms import DirectoryForm, SignUpForm

EXAMPLE_MINOR = 6000
NEWEST = 6
MACHINE_PATHS = ("/api/", "/webhooks/", "/internal/")


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """The marketplace's front page."""
    newest = listed_storefronts(limit=NEWEST).rows
    context = {"form": SignUpForm(), "newest": newest, **terms()}
    return revalidated(request, render(request, "marketplace/landing.html", context))


@require_safe
def shops(request: HttpRequest) -> HttpResponse:
    """The directory of storefronts, by name or newest first."""
    form = DirectoryForm(request.GET)
    asked = form.values()
    found = listed_storefronts(q=asked["q"], sort=asked["sort"], number=asked["page"])
    context = {"found": found, "asked": asked, "sorts": DirectoryForm.SORTS, **_pages(found, asked)}
    return revalidated(request, render(request, "marketplace/shops.html", context))


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """A search across all storefronts."""
    asked = DirectoryForm(request.GET).values()
    found = search_products(q=asked["q"], number=asked["page"])
    context = {"found": found, "asked": asked, **_pages(found, asked)}
    return revalidated(request, render(request, "marketplace/search.html", context))


def _pages(found: Found, asked: dict[str, Any]) -> dict[str, str]:
    """Where the page before and the next one are; "" where there is none."""

    def link(number: int) -> str:
        return "?" + urlencode({name: value for name, value in {**asked, "page": number}.items() if value})

    return {
        "earlier": link(found.number - 1) if found.number > 1 else "",
        "further": link(found.number + 1) if found.has_more else "",
    }


def terms() -> dict[str, Any]:
    """What selling costs a new seller, with one sale as an example."""
    currency = settings.CURRENCY
    rule = commission_for(tenant=None, currency=currency)
    commission = rule.of(EXAMPLE_MINOR)
    return {
        "host": settings.MARKETPLACE_HOST,
        "percent": f"{(Decimal(rule.basis_points) / 100).normalize():f}",
        "fixed": Money(rule.fixed_minor, currency) if rule.fixed_minor else None,
        "seller_bears_fee": rule.fee_bearer == FeeBearer.SELLER,
        "sale": Money(EXAMPLE_MINOR, currency),
        "commission": Money(commission, currency),
        "left": Money(EXAMPLE_MINOR - commission, currency),
        "hold_days": settings.HOLD_DAYS,
        "payout_minimum": Money(settings.PAYOUT_MINIMUM_MINOR, currency),
    }


class SignUpPage(View):
    """The form on a page of its own, and what comes of it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self._show(request, SignUpForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """A user and an open storefront. Sent twice, it is one."""
        form = SignUpForm(request.POST)
        if not form.is_valid():
            return self._show(request, form, status=HTTPStatus.BAD_REQUEST)
        try:
            count_attempt(f"signup:{client_address(request)}", ATTEMPTS_PER_ADDRESS)
            made = sign_up_seller(**form.cleaned_data)
        except DomainError as refusal:
            add_refusal(form, refusal)
            return self._show(request, form, status=_status_of(refusal))
        # The browser is taken along to the new storefront, signed in; see shop.web.dashboard.access.
        ticket = open_session(user=made.user, tenant=made.tenant).ticket
        # Their subdomain: browsers hold the form to the marketplace's hosts.
        return redirect(f"{url_of(made.tenant.subdomain)}/dashboard/arrive?{urlencode({'ticket': ticket})}")

    @staticmethod
    def _show(request: HttpRequest, form: SignUpForm, *, status: int = 200) -> HttpResponse:
        context = {"form": form, "host": settings.MARKETPLACE_HOST}
        return render(request, "marketplace/signup.html", context, status=status)


def _status_of(refusal: DomainError) -> int:
    if isinstance(refusal, TooMany):
        return HTTPStatus.TOO_MANY_REQUESTS
    return HTTPStatus.CONFLICT if isinstance(refusal, Conflict) else HTTPStatus.BAD_REQUEST


class ConfirmPage(View):
    """Where links in the marketplace's mails lead: the new password of an account."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form; see the storefront's page of the same name."""
        return render(request, "marketplace/account_confirm.html", {"form": ConfirmForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set the password."""
        form = ConfirmForm(request.POST)
        if form.is_valid():
            try:
                pair = accept_mailbox_proof(tenant=None, **form.cleaned_data)
            except DomainError as refusal:
                add_refusal(form, refusal)
            else:
                context = {"person": pair.user, "is_done": True}
                return render(request, "marketplace/account_confirm.html", context)
        return render(
            request, "marketplace/account_confirm.html", {"form": form}, status=HTTPStatus.BAD_REQUEST
        )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The marketplace's 404: a page for people, problem+json for programs."""
    if request.path.startswith(MACHINE_PATHS):
        return json_not_found(request, exception)
    return render(request, "marketplace/404.html", status=HTTPStatus.NOT_FOUND)
