"""The marketplace host: sellers sign up, the operator oversees."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.idempotency import idempotent
from core.pagination import cursor_page
from core.requests import client_address
from core.serializers import LineField
from core.views import PageQuery, PublicView, View, describe, page_of
from services.account_services import set_terms
from services.auth_services import ATTEMPTS_PER_ADDRESS, count_attempt, open_session
from services.payout_services import run_payouts
from services.tenant_services import (
    close_tenant,
    provision_tenant,
    reactivate_tenant,
    sign_up_seller,
    suspend_tenant,
)
from tenants.api.serializers import (
    PayoutRunIn,
    PayoutRunOut,
    PayoutRunRowOut,
    ProvisionIn,
    ReasonRequiredIn,
    SignUpIn,
    SignUpOut,
    TenantOut,
    TermsIn,
    TermsOut,
)
from tenants.models import IdempotencyKey, TenantStatus
from tenants.permissions import IsOperator
from tenants.selectors import storefront, storefronts


class SignUpView(PublicView):
    idempotency_model = IdempotencyKey

    @describe(request=SignUpIn, responses={201: SignUpOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """A user and an open storefront in one call, and tokens for the storefront's host."""
        count_attempt(f"signup:{client_address(request)}", ATTEMPTS_PER_ADDRESS)
        made = sign_up_seller(**SignUpIn.parse(request.data))
        pair = open_session(user=made.user, tenant=made.tenant)
        return Response(
            {"storefront": TenantOut(made.tenant).data, "access": pair.access, "refresh": pair.refresh},
            status=201,
        )


class OperatorView(View):
    permission_classes = [IsOperator]
    idempotency_model = IdempotencyKey


class TenantQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=TenantStatus.choices, required=False, default="", allow_blank=True
    )
    q = LineField(required=False, default="", max_length=80, allow_blank=True)


class OperatorTenantListView(OperatorView):
    @describe(parameters=[TenantQuery], responses=page_of(TenantOut))
    def get(self, request: Request) -> Response:
        """Storefronts, newest first."""
        query = TenantQuery.parse(request.query_params)
        found = storefronts(status=query.pop("status"), q=query.pop("q"))
        rows, cursor = cursor_page(found, fields=("created_at", "pk"), **query)
        return Response({"results": TenantOut(rows, many=True).data, "next_cursor": cursor})

    @describe(request=ProvisionIn, responses={201: TenantOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Open a storefront for somebody; they set a password by mail."""
        made = provision_tenant(actor_id=self.user_id, **ProvisionIn.parse(request.data))
        return Response(TenantOut(made.tenant).data, status=201)


class OperatorTenantView(OperatorView):
    @describe(responses=TenantOut)
    def get(self, request: Request, tenant_id: UUID) -> Response:
        """One storefront."""
        return Response(TenantOut(storefront(tenant_id)).data)


class OperatorTenantMoveView(OperatorView):
    """One move in a storefront's life; subclasses name it."""

    move: Any = None

    @describe(request=ReasonRequiredIn, responses={200: TenantOut})
    def post(self, request: Request, tenant_id: UUID) -> Response:
        """Make the move, with a reason for the audit log."""
        reason = ReasonRequiredIn.parse(request.data)["reason"]
        return Response(
            TenantOut(type(self).move(tenant_id=tenant_id, actor_id=self.user_id, reason=reason)).data
        )


class OperatorTenantSuspendView(OperatorTenantMoveView):
    move = staticmethod(suspend_tenant)


class OperatorTenantReactivateView(OperatorTenantMoveView):
    move = staticmethod(reactivate_tenant)


class OperatorTenantCloseView(OperatorTenantMoveView):
    move = staticmethod(close_tenant)


class OperatorTermsView(OperatorView):
    @describe(request=TermsIn, responses=TermsOut)
    def patch(self, request: Request, tenant_id: UUID) -> Response:
        """Holds, reserve, minimum, schedule, plan and pause of a seller's payouts. Holds and reserves apply to new sales."""
        storefront(tenant_id)
        return Response(
            TermsOut(
                set_terms(tenant_id=tenant_id, actor_id=self.user_id, **TermsIn.parse(request.data))
            ).data
        )


class OperatorPayoutRunView(OperatorView):
    @describe(request=PayoutRunIn, responses={201: PayoutRunOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Request payouts for every seller, or for those named, with enough available."""
        body = PayoutRunIn.parse(request.data)
        made = run_payouts(tenant_ids=body.get("tenants"), actor_id=self.user_id)
        return Response({"payouts": PayoutRunRowOut(made, many=True).data}, status=201)
