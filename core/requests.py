"""What a request says of itself once middleware has seen it."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request


def tenant_of(request: Request) -> Any:
    """The storefront a request is for, or None on the marketplace host; set by tenants.middleware."""
    return getattr(request._request, "tenant")  # noqa: B009 - unknown to type checkers


def client_address(request: Request) -> str:
    """The caller's network address: the socket's, or the one the trusted proxies report (NUM_PROXIES)."""
    proxies = settings.REST_FRAMEWORK["NUM_PROXIES"]
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if proxies and forwarded:
        hops = [hop.strip() for hop in forwarded.split(",")]
        return hops[-min(proxies, len(hops))][:60]
    return str(request.META.get("REMOTE_ADDR", ""))[:60]
