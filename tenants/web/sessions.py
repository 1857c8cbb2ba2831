"""Who is signed in on a storefront's pages: a session in a cookie of that host alone."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token

from core.clock import now
from services.auth_services import TokenPair, prolong_session, sign_out
from tenants.models import Session, User
from tenants.selectors import find_session
from tenants.tokens import BadToken, issue_page, read_token, session_stands

LIFETIME = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
PROLONGED_AFTER = timedelta(days=1)


def cookie_name() -> str:
    """Browsers take a `__Host-` cookie over TLS only, and never let another host set it."""
    return "__Host-session" if settings.SCHEME == "https" else "session"


def session_of(request: HttpRequest) -> Session | None:
    """The session this browser carries, with its user; None where nobody is signed in (any more) on this host.

    One query, once a request, and none without the cookie.
    """
    if not hasattr(request, "_page_session"):
        request._page_session = _read(request)
    return request._page_session


def forget_session(request: HttpRequest) -> None:
    """Nobody is signed in for the rest of this request, whatever the browser carries."""
    request._page_session = None


def person_of(request: HttpRequest) -> User | None:
    """Who is signed in on these pages."""
    session = session_of(request)
    return session.user if session else None


def _read(request: HttpRequest) -> Session | None:
    raw = request.COOKIES.get(cookie_name())
    if not raw:
        return None
    try:
        claims = read_token(raw, kind="page", tenant=request.tenant)
        session = find_session(UUID(claims["sid"]))
    except (BadToken, ValueError):
        return None
    return session if session and session_stands(session, claims) else None


def keep_signed_in(request: HttpRequest, response: HttpResponse, pair: TokenPair) -> HttpResponse:
    """Give the browser the session: for this host alone, unreadable to scripts. Forms shown before are void."""
    rotate_token(request)
    return _set(response, pair.page)


def prolong(request: HttpRequest, response: HttpResponse) -> None:
    """A session that is used is prolonged, once a day at most; not where the answer begins or ends one."""
    session = session_of(request)
    if (
        session
        and cookie_name() not in response.cookies
        and session.expires_at < now() + LIFETIME - PROLONGED_AFTER
    ):
        prolong_session(session_id=session.pk)
        _set(response, issue_page(session=session, user=session.user))


def end_session(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Sign out: the session is dead, and the browser forgets it."""
    if session := session_of(request):
        sign_out(session_id=session.pk)
    response.delete_cookie(cookie_name(), samesite="Lax")
    rotate_token(request)
    return response


def _set(response: HttpResponse, token: str) -> HttpResponse:
    response.set_cookie(
        cookie_name(),
        token,
        max_age=LIFETIME,
        httponly=True,
        samesite="Lax",
        secure=settings.SCHEME == "https",
    )
    return response
