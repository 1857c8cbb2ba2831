"""What all pages share: the frame they are shown in, the guest's cart, refusals as pages."""

import hashlib
import re
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from core.errors import DomainError, NotFound, Unavailable
from core.problems import WEATHER
from services.cart_services import CartAlreadyOrdered, adopt_cart, find_cart
from shop.models import Cart
from shop.selectors.carts import units_in_cart
from shop.web.storefront.errors import not_found, refused
from tenants.web.sessions import person_of, prolong

CART_COOKIE = "cart"
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,40}")
REFUSED = 409


class Page(View):
    """A page of the storefront. A refusal nobody expected is shown as a page of its own."""

    template = ""
    is_kept = False  # whether browsers may keep it, to be asked for again with its ETag

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refusals raised anywhere below become pages."""
        try:
            response = super().dispatch(request, *args, **kwargs)
            prolong(request, response)
            return response
        except NotFound:
            return not_found(request)
        except DomainError as refusal:
            return refused(request, refusal)
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", None) not in WEATHER:
                raise
            return refused(request, Unavailable(retry_after=1))

    def show(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page's template in the storefront's frame."""
        token, person = cart_token(request), person_of(request)
        if "cart_units" not in context:
            context["cart_units"] = (
                units_in_cart(token, buyer_id=person.pk if person else None) if token else 0
            )
        response = render(request, self.template, {**context, "person": person}, status=status)
        return revalidated(request, response) if self.is_kept else response


MASKED = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"')


def revalidated(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A page that a browser may keep but asks about each time, so that no price is shown that is no longer true.

    Its ETag is of what it says. Django masks the token of forms anew for each page; what counts is the secret
    behind the mask, which is the cookie's: a page kept from before is as good as a new one while that stays.
    """
    secret = request.META.get("CSRF_COOKIE", "") if response.status_code == HTTPStatus.OK else ""
    body = MASKED.sub(b"", response.content) + str(secret).encode()
    response["ETag"] = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    response["Cache-Control"] = "private, no-cache"
    return get_conditional_response(request, etag=response["ETag"], response=response) or response


def cart_token(request: HttpRequest) -> str:
    """The secret of the guest's cart, as the browser keeps it."""
    token = request.COOKIES.get(CART_COOKIE, "")
    return token if TOKEN.fullmatch(token) else ""


def cart_of(request: HttpRequest) -> Cart | None:
    """The buyer's open cart, if there is one: not expired, not ordered, not another account's.

    Whoever is signed in makes a guest's cart theirs.
    """
    token, person = cart_token(request), person_of(request)
    if not token:
        return None
    try:
        cart = adopt_cart(token=token, buyer_id=person.pk) if person else find_cart(token)
    except (NotFound, CartAlreadyOrdered):
        return None
    return cart if person or cart.buyer_id is None else None


def buyer_id_of(request: HttpRequest) -> UUID | None:
    """The account somebody buys with; None for guests."""
    person = person_of(request)
    return person.pk if person else None


def wanted_path(request: HttpRequest, otherwise: str) -> str:
    """Where `next` leads, on this host only; else `otherwise`."""
    path = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_ours and len(path) < 500 else otherwise


def keep_cart(response: HttpResponse, cart: Cart) -> HttpResponse:
    """Give the browser the cart's secret: for this host alone, unreadable to scripts."""
    response.set_cookie(
        CART_COOKIE,
        cart.token,
        max_age=settings.CART_LIFETIME,
        httponly=True,
        samesite="Lax",
        secure=settings.SCHEME == "https",
    )
    return response
