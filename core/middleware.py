"""Middleware for every face: a request id, the access log, headers that browsers obey."""

import base64
import hashlib
import re
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from core.ids import new_secret

log = structlog.get_logger("souk.request")
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
POLICY = (
    "default-src 'self'; img-src 'self' data:{pictures}; style-src 'self'{styles}; script-src 'self'; "
    "frame-ancestors {framers}; base-uri 'none'; form-action 'self'{targets}; object-src 'none'"
)
ADMIN_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
MACHINE_PATHS = ("/api/", "/webhooks/", "/internal/", "/healthz", "/readyz", "/media/", "/static/")
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Gives each request an id, binds it to every log line, and logs the request once it is answered.

    The route is logged, not the path: paths may hold secrets (carts, guest orders).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request.id = given if GIVEN_ID.fullmatch(given) else new_secret()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.id)
        started = time.perf_counter()
        response = self.get_response(request)
        response["X-Request-ID"] = request.id
        route = request.resolver_match.route if request.resolver_match else "-"
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return response


class SecurityHeadersMiddleware:
    """nosniff, referrer, frame and content policies on every response; no-store unless a view said otherwise.

    A page with a style sheet of its own inside names it by its hash: `allow_style`. Nothing else inline is run. Only a
    page that says `request.is_framed_here` may be framed, by pages of the same host.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        # Browsers hold forms to this policy through redirects, too: to Stripe's page, and from sign-up to the storefront.
        # The marketplace's directory shows pictures from storefronts.
        self.stripe = (
            f" {settings.STRIPE_API_BASE or 'https://checkout.stripe.com https://connect.stripe.com'}"
        )
        port = "" if settings.SCHEME == "https" else ":*"
        self.storefronts = f" {settings.SCHEME}://*.{settings.MARKETPLACE_HOST}{port}"
        self.hsts = getattr(settings, "SECURE_HSTS_SECONDS", 0)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        headers = response.headers
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        is_framed_here = getattr(request, "is_framed_here", False)
        headers.setdefault("X-Frame-Options", "SAMEORIGIN" if is_framed_here else "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        is_admin = request.path.startswith(("/admin/", "/api/docs/"))
        headers.setdefault("Content-Security-Policy", ADMIN_POLICY if is_admin else self._policy(request))
        headers.setdefault("Cache-Control", "no-store")
        if self.hsts:
            # What else is under a seller's own domain is the seller's.
            below = "" if getattr(request, "is_own_domain", False) else "; includeSubDomains"
            headers.setdefault("Strict-Transport-Security", f"max-age={self.hsts}{below}")
        return response

    def _policy(self, request: HttpRequest) -> str:
        styles = "".join(f" 'sha256-{digest}'" for digest in getattr(request, "inline_styles", ()))
        is_storefront = getattr(request, "tenant", None) is not None
        targets = " ".join([self.stripe, *getattr(request, "other_hosts", ())])
        return POLICY.format(
            styles=styles,
            targets=targets if is_storefront else self.storefronts,
            pictures="" if is_storefront else self.storefronts,
            framers="'self'" if getattr(request, "is_framed_here", False) else "'none'",
        )


class LanguageMiddleware:
    """Pages speak the language that the reader chose, else the first of their browser's that Souk has.

    What programs read is always in English.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(MACHINE_PATHS):
            with translation.override("en"):
                return self.get_response(request)
        language = translation.get_language_from_request(request)
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


def allow_style(request: HttpRequest, css: str) -> None:
    """Let the page that answers this request carry exactly this style sheet inside."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    request.inline_styles = {*getattr(request, "inline_styles", ()), digest}
