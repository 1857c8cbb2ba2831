"""Who may look at a staging copy: its members, signed in. Nobody else, and no search engine."""

from http import HTTPStatus
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.errors import Refused
from core.problems import problem_http
from tenants.authentication import TenantTokenAuthentication
from tenants.middleware import GetResponse
from tenants.models import Tenant
from tenants.selectors import role_in
from tenants.web.sessions import person_of

ROBOTS = "/robots.txt"
# What asks by itself who somebody is, or is the way in. Pictures are public at the source, too.
OPEN_TO_ALL = (
    ROBOTS,
    "/account/",
    "/api/v1/auth/",
    "/api/v1/seller/",
    "/dashboard",
    "/language",
    "/media/",
    "/static/",
)


class MembersOnly(Refused):
    """A staging copy is for those who work at the storefront."""

    code = "members_only"
    title = gettext_noop("This is a staging copy, for its team only")
    detail = gettext_noop("Sign in as a member of the team.")


class StagingMiddleware:
    """Sends everybody but members to the sign-in page, and search engines away. Costs other storefronts nothing."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        tenant: Tenant | None = request.tenant
        if tenant is None or not tenant.is_staging:
            return self.get_response(request)
        response = self._answer(request, tenant)
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    def _answer(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        if request.path == ROBOTS:
            return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain; charset=utf-8")
        if request.path.startswith(OPEN_TO_ALL):
            return self.get_response(request)
        if request.path.startswith("/api/"):
            return (
                self.get_response(request) if _carries_token(request, tenant) else problem_http(MembersOnly())
            )
        person = person_of(request)
        if person is None:
            return redirect(f"/account/sign-in?{urlencode({'next': request.get_full_path()[:400]})}")
        if role_in(person.pk, tenant) is None:
            context = {"title": _(MembersOnly.title), "sentence": _(MembersOnly.detail)}
            return render(request, "storefront/error.html", context, status=HTTPStatus.FORBIDDEN)
        return self.get_response(request)


def _carries_token(request: HttpRequest, tenant: Tenant) -> bool:
    """A member's token of this host."""
    try:
        found = TenantTokenAuthentication().authenticate(Request(request))
    except AuthenticationFailed:
        return False
    return found is not None and role_in(found[0].pk, tenant) is not None
