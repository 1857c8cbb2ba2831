"""An operator's look at a storefront's dashboard, as the browser carries it: a cookie of its own, for pages of that host."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tenants.models import Session
from tenants.selectors import find_support_session
from tenants.tokens import BadToken, SupportToken, read_token, session_stands


def support_cookie_name() -> str:
    """Browsers take a `__Host-` cookie over TLS only, and never let another host set it."""
    return "__Host-support" if settings.SCHEME == "https" else "support"


def support_of(request: HttpRequest) -> Session | None:
    """The support view this browser is in on this host; None where there is none, or it is over. No query without the cookie."""
    raw = request.COOKIES.get(support_cookie_name())
    if not raw:
        return None
    try:
        claims = read_token(raw, kind=SupportToken.token_type, tenant=request.tenant)
        session = find_support_session(UUID(claims["sid"]))
    except (BadToken, ValueError):
        return None
    is_of_here = session is not None and session.tenant_id == request.tenant.pk
    return session if session and is_of_here and session_stands(session, claims) else None


def keep_support(response: HttpResponse, token: str) -> HttpResponse:
    """Give the browser the view: for this host alone, unreadable to scripts, for as long as it lasts."""
    response.set_cookie(
        support_cookie_name(),
        token,
        max_age=SupportToken.lifetime,
        httponly=True,
        samesite="Lax",
        secure=settings.SCHEME == "https",
    )
    return response


def forget_support(response: HttpResponse) -> HttpResponse:
    """The browser forgets the view."""
    response.delete_cookie(support_cookie_name(), samesite="Lax")
    return response
