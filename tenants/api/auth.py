"""Signing in and out. The same views on every host; what they issue is good on the host that issued it and nowhere else."""

from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response

from core.requests import client_address
from core.views import PublicView, View, describe
from services.auth_services import (
    NotSignedIn,
    TokenPair,
    TokenRefused,
    accept_mailbox_proof,
    change_password,
    refresh_session,
    request_mailbox_proof,
    sign_in,
    sign_out,
)
from tenants.api.serializers import ConfirmIn, CredentialsIn, JoinIn, PasswordIn, RefreshIn, TokenPairOut


def pair_response(pair: TokenPair, status: int = 200) -> Response:
    """Both tokens."""
    return Response({"access": pair.access, "refresh": pair.refresh}, status=status)


class TokenView(PublicView):
    @describe(request=CredentialsIn, responses={200: TokenPairOut})
    def post(self, request: Request) -> Response:
        """Sign in with e-mail and password."""
        body = CredentialsIn.parse(request.data)
        try:
            return pair_response(sign_in(**body, tenant=self.tenant, address=client_address(request)))
        except NotSignedIn as error:
            raise AuthenticationFailed(error.title, code=error.code) from error


class RefreshView(PublicView):
    @describe(request=RefreshIn, responses={200: TokenPairOut})
    def post(self, request: Request) -> Response:
        """Trade a refresh token for a new pair. It works once."""
        try:
            return pair_response(
                refresh_session(refresh=RefreshIn.parse(request.data)["refresh"], tenant=self.tenant)
            )
        except TokenRefused as error:
            raise AuthenticationFailed(error.title, code=error.code) from error


class LogoutView(View):
    @describe(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End this session; its tokens are dead at once."""
        sign_out(session_id=request.auth.pk)
        return Response(status=204)


class JoinView(PublicView):
    @describe(request=JoinIn, responses={202: None})
    def post(self, request: Request) -> Response:
        """Ask for an account: a mail with a link follows. The answer says nothing about whether the address is known."""
        request_mailbox_proof(
            email=JoinIn.parse(request.data)["email"], purpose="join", address=client_address(request)
        )
        return Response(status=202)


class PasswordResetView(PublicView):
    @describe(request=JoinIn, responses={202: None})
    def post(self, request: Request) -> Response:
        """Ask for a link to set a new password. The answer says nothing about whether the address is known."""
        request_mailbox_proof(
            email=JoinIn.parse(request.data)["email"], purpose="reset", address=client_address(request)
        )
        return Response(status=202)


class ConfirmView(PublicView):
    @describe(request=ConfirmIn, responses={200: TokenPairOut})
    def post(self, request: Request) -> Response:
        """Follow the link of a mail: create the account, or set its password, and sign in."""
        return pair_response(accept_mailbox_proof(tenant=self.tenant, **ConfirmIn.parse(request.data)))


class PasswordView(View):
    @describe(request=PasswordIn, responses={200: TokenPairOut})
    def post(self, request: Request) -> Response:
        """Change the password: every token issued before is dead, these are new."""
        body = PasswordIn.parse(request.data)
        pair = change_password(
            user_id=self.user_id, old=body["old_password"], new=body["new_password"], tenant=self.tenant
        )
        return pair_response(pair)
