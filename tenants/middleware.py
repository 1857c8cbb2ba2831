"""Host -> tenant, and back to public when the request ends.

A host is looked up on every request, in one statement of a tenth of a millisecond, rather than kept in each
process: a suspended storefront is closed to the very next request on every machine (docs/decisions/0004).
"""

from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.request import split_domain_port

from core.db import as_tenant, tenant_connection
from core.errors import Unavailable
from core.problems import json_not_found, problem_http
from services.fleet_services import schema_lags
from tenants.models import GONE, Tenant, TenantStatus
from tenants.models.tenant import url_of

GetResponse = Callable[[HttpRequest], HttpResponse]
# Answered at each of a storefront's hosts. Everything else is a page, which has one address.
AT_EVERY_HOST = ("/api/", "/dashboard", "/static/", "/media/")
UNSERVED = (*GONE, TenantStatus.REQUESTED)
OPEN_PATHS = ("/healthz", "/readyz", "/internal/tls-ask")
COLUMNS = [field.column for field in Tenant._meta.concrete_fields]
FIND_TENANT = (
    f"SELECT {', '.join(f't.{name}' for name in COLUMNS)} FROM public.tenants_domain d"  # noqa: S608 - our own columns
    " JOIN public.tenants_tenant t ON t.id = d.tenant_id WHERE d.domain = %s AND d.verified_at IS NOT NULL"
)


class StorefrontSuspended(Unavailable):
    """The storefront exists and is closed for now."""

    code = "storefront_suspended"
    title = "This storefront is closed for now"


class StorefrontUpdating(Unavailable):
    """The storefront's schema is older than the code; a fleet run brings it along."""

    code = "storefront_updating"
    title = "This storefront is being updated"
    detail = "Try again in {retry_after} seconds."


UPDATING_SECONDS = 15


def host_of(request: HttpRequest) -> str:
    """The Host header without port, lower-cased, one trailing dot stripped; "" if it is not a host name."""
    domain, _ = split_domain_port(request.META.get("HTTP_HOST", ""))
    return domain


def find_tenant(host: str) -> Tenant | None:
    """The storefront a host name belongs to. Runs outside of any search path, and of the last tenant's role.

    As each request's first statement it also shows whether the kept connection still lives: one that died since the
    last request is replaced here, and no health check is needed before the next statement.
    """
    try:
        row = _row_of(host)
    except (DatabaseError, InterfaceError):
        if connection.connection is None:
            raise
        if connection.connection.closed:
            connection.close()
        elif tenant_connection.last_host is None:
            raise
        tenant_connection.last_host = None  # its role may be gone
        row = _row_of(host)
    connection.health_check_done = True
    if row is None:
        return None
    values = [
        field.from_db_value(value, None, connection) if hasattr(field, "from_db_value") else value
        for field, value in zip(Tenant._meta.concrete_fields, row, strict=True)
    ]
    return Tenant.from_db("default", COLUMNS_AS_ATTRIBUTES, values)


def _row_of(host: str) -> tuple | None:
    """The same host as last time on this connection is looked up with its storefront's own rights, which see it as long
    as it is that storefront's; then path and role need not be set again."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        if tenant_connection.last_host == host:
            cursor.execute(FIND_TENANT, [host])
            if row := cursor.fetchone():
                return row
        tenant_connection.last_host = tenant_connection.role_in_force = None
        cursor.execute(f"RESET ROLE; {FIND_TENANT}", [host])
        row = cursor.fetchone()
        tenant_connection.last_host = host if row else None
        return row


COLUMNS_AS_ATTRIBUTES = [field.attname for field in Tenant._meta.concrete_fields]


class TenantMiddleware:
    """Serves the marketplace from the public schema and storefronts from theirs. Everything else is one 404."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        tenant_connection.set_schema_to_public()
        if "\x00" in request.path:  # PostgreSQL has no text with it, so nothing can be there
            return json_not_found(request)
        if request.path in OPEN_PATHS:
            request.tenant, request.urlconf = None, settings.PUBLIC_SCHEMA_URLCONF
            return self.get_response(request)
        host = host_of(request)
        if host == settings.MARKETPLACE_HOST:
            request.tenant, request.urlconf = None, settings.PUBLIC_SCHEMA_URLCONF
            return self.get_response(request)
        tenant = find_tenant(host) if host else None
        if tenant is None or tenant.status in UNSERVED:
            return json_not_found(request)
        return self._serve(request, tenant, host)

    def _serve(self, request: HttpRequest, tenant: Tenant, host: str) -> HttpResponse:
        request.tenant = tenant
        request.urlconf = settings.ROOT_URLCONF
        request.is_own_domain = host != tenant.subdomain
        # Forms may lead to the same storefront's other hosts: to its address, and back to the subdomain.
        request.other_hosts = [url_of(other) for other in {tenant.host, tenant.subdomain} - {host}]
        # The Domain table has vouched for this host, so ALLOWED_HOSTS need not list sellers' own domains.
        request.get_host = lambda: request.META["HTTP_HOST"].lower()
        structlog.contextvars.bind_contextvars(tenant=str(tenant.pk))
        if tenant.status == TenantStatus.SUSPENDED and not self._is_for_the_seller(request):
            return suspended_response(request, tenant)
        if host != tenant.host and is_page(request):
            return moved_response(request, tenant)
        if schema_lags(tenant):
            return lagging_response(request, tenant)
        tenant_connection.set_tenant(tenant)
        try:
            with as_tenant():
                return self.get_response(request)
        finally:
            tenant_connection.set_schema_to_public()

    @staticmethod
    def _is_for_the_seller(request: HttpRequest) -> bool:
        """The seller keeps access to the business; only buyers are turned away."""
        return request.path.startswith(("/api/v1/seller/", "/api/v1/auth/", "/dashboard", "/static/"))


def is_page(request: HttpRequest) -> bool:
    """Something for buyers to read. Programs, staff and files are not sent elsewhere, nor is what a form sends."""
    return request.method in ("GET", "HEAD") and not request.path.startswith(AT_EVERY_HOST)


def moved_response(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """To the same page at the storefront's address. 301, so that search engines know one page by one address; asked anew
    each time, since the seller may choose another address, and two kept redirects would lead to one another."""
    response = HttpResponsePermanentRedirect(tenant.url + request.get_full_path())
    response["Cache-Control"] = "no-cache"
    return response


def lagging_response(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """As `suspended_response`, for the moments of a release."""
    if request.path.startswith("/api/"):
        return problem_http(StorefrontUpdating(retry_after=UPDATING_SECONDS))
    from django.shortcuts import render

    response = render(request, "storefront/updating.html", {"tenant": tenant}, status=503)
    response["Retry-After"] = str(UPDATING_SECONDS)
    return response


def suspended_response(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """A page for people, problem+json for programs; 503, since it may open again."""
    if request.path.startswith("/api/"):
        return problem_http(StorefrontSuspended(retry_after=3600))
    from django.shortcuts import render

    response = render(request, "storefront/suspended.html", {"tenant": tenant}, status=503)
    response["Retry-After"] = "3600"
    return response


class _MarketplaceOnly:
    """Sessions exist on the marketplace host only: on a storefront an operator's cookie means nothing."""

    def __call__(self, request: HttpRequest) -> Any:
        if request.tenant is not None:
            return self.get_response(request)
        return super().__call__(request)


class MarketplaceSessionMiddleware(_MarketplaceOnly, SessionMiddleware):
    """Django's sessions, for the operator's admin."""


class MarketplaceAuthenticationMiddleware(_MarketplaceOnly, AuthenticationMiddleware):
    """Django's `request.user`, for the operator's admin."""


class MarketplaceMessageMiddleware(_MarketplaceOnly, MessageMiddleware):
    """Django's messages, for the operator's admin."""
