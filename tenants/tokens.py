"""JWTs by simplejwt, bound to one storefront. Defaults that are unsafe across tenants are closed here.

Claims: sub user, aud tenant id or "marketplace", sid session, ver the user's token version, jti, exp, iss, token_type.
No role: roles are read from the database.
"""

import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from core.clock import now
from tenants.models import Session, Tenant, User

MARKETPLACE = "marketplace"


class PageToken(Token):
    """What a browser keeps in a cookie while somebody is signed in on a storefront's pages."""

    token_type = "page"
    lifetime = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]


class Ticket(Token):
    """Carries a person who has just signed up over to the host of their new storefront. Good once, for a minute."""

    token_type = "ticket"
    lifetime = timedelta(minutes=1)


class SupportTicket(Token):
    """Carries an operator over to a storefront's host, to look at its dashboard. Good once, for a minute."""

    token_type = "support-ticket"
    lifetime = timedelta(minutes=1)


class SupportToken(Token):
    """What a browser keeps while an operator looks at a storefront's dashboard. It opens nothing else."""

    token_type = "support"
    lifetime = timedelta(minutes=30)


SUPPORT_KINDS = (SupportTicket.token_type, SupportToken.token_type)


class BadToken(Exception):
    """Not one of our tokens for this use and place."""


def new_jti() -> str:
    """A token's own number."""
    return secrets.token_hex(16)


def audience_of(tenant: Tenant | None) -> str:
    """Whom tokens issued on a host are for."""
    return str(tenant.pk) if tenant is not None else MARKETPLACE


def issue_access(*, session: Session, user: User) -> str:
    """A signed access token for this session."""
    return _issue(AccessToken(), session, user, new_jti())


def issue_refresh(*, session: Session, user: User, jti: str) -> str:
    """The refresh token with the number the session expects next."""
    return _issue(RefreshToken(), session, user, jti)


def issue_page(*, session: Session, user: User) -> str:
    """The token of a browser's cookie."""
    return _issue(PageToken(), session, user, new_jti())


def issue_ticket(*, session: Session, user: User) -> str:
    """A ticket with the number the session expects next: whoever trades it first is in."""
    return _issue(Ticket(), session, user, session.refresh_jti)


def issue_support_ticket(*, session: Session, user: User) -> str:
    """As `issue_ticket`, for a support view."""
    return _issue(SupportTicket(), session, user, session.refresh_jti)


def issue_support(*, session: Session, user: User) -> str:
    """The token of a support view's cookie. It ends with its session."""
    token = SupportToken()
    token["exp"] = int(session.expires_at.timestamp())
    return _issue(token, session, user, new_jti())


def _issue(token: Any, session: Session, user: User, jti: str) -> str:
    token["sub"] = str(user.pk)
    token["aud"] = str(session.tenant_id) if session.tenant_id else MARKETPLACE
    token["sid"] = str(session.pk)
    token["ver"] = user.token_version
    token["jti"] = jti
    return str(token)


def read_token(raw: Any, *, kind: str, tenant: Tenant | None) -> dict[str, Any]:
    """The claims of a token that is ours, of this kind and for this tenant. Raises BadToken.

    Keys in JWT_PREVIOUS_KEYS still verify, so that a key can be rotated without signing everybody out.
    """
    for key in (settings.JWT_SIGNING_KEY, *settings.JWT_PREVIOUS_KEYS):
        try:
            claims = TokenBackend("HS256", signing_key=key, issuer=settings.SIMPLE_JWT["ISSUER"]).decode(raw)
        except TokenBackendError:
            continue
        if claims.get("token_type") != kind or claims.get("aud") != audience_of(tenant):
            break
        if "exp" not in claims or not all(
            isinstance(claims.get(n), str) for n in ("sub", "sid", "ver", "jti")
        ):
            break
        return claims
    raise BadToken(kind)


def session_stands(session: Session, claims: dict[str, Any]) -> bool:
    """The session, its user and the password the token was issued under are all still good.

    A support view's session is good for tokens of support views only, and they for nothing else; and for operators.
    """
    user = session.user
    is_for_support = claims["token_type"] in SUPPORT_KINDS
    return (
        session.is_support == is_for_support
        and (user.is_operator or not is_for_support)
        and session.revoked_at is None
        and session.expires_at > now()
        and user.is_active
        and str(user.pk) == claims["sub"]
        and user.token_version == claims["ver"]
    )
