"""Bearer tokens on requests."""

from typing import Any
from uuid import UUID

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.requests import tenant_of
from tenants.models import Session, User
from tenants.tokens import BadToken, read_token, session_stands


class TenantTokenAuthentication(BaseAuthentication):
    """Accepts an access token that was issued on this very host, whose session, user and password still stand.

    One query answers all of that; `request.auth` is the Session.
    """

    def authenticate(self, request: Request) -> tuple[User, Session] | None:
        """None without a bearer token; 401 for any token that is not good here."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("The Authorization header is not: Bearer <token>.")
        try:
            claims = read_token(parts[1], kind="access", tenant=tenant_of(request))
            session = Session.objects.select_related("user").get(pk=UUID(claims["sid"]))
        except (BadToken, ValueError, Session.DoesNotExist) as error:
            raise AuthenticationFailed("The token is not valid here. Sign in again.") from error
        if not session_stands(session, claims):
            raise AuthenticationFailed("The token is not valid here. Sign in again.")
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        """401, not 403, where nobody is signed in."""
        return "Bearer"


class TenantTokenScheme(OpenApiAuthenticationExtension):
    target_class = TenantTokenAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """How the API document describes it."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
