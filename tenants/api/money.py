"""The operator's money desk: runs and their preview, debts, reversals, write-offs, disputes, funded promotions."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.idempotency import idempotent
from core.pagination import cursor_page
from core.views import PageQuery, describe, page_of
from payouts.selectors import debts, disputes
from services.debt_services import request_reversal, write_off_debt
from services.payout_services import preview_payouts
from services.promotion_services import fund_promotion
from tenants.api.marketplace import OperatorView
from tenants.api.serializers import (
    DebtOut,
    FundingIn,
    FundingOut,
    OperatorDisputeOut,
    PayoutPreviewOut,
    ReversalIn,
    ReversalOut,
    WriteOffIn,
    WriteOffOut,
)
from tenants.selectors import storefront


class OperatorPayoutPreviewView(OperatorView):
    @describe(responses=PayoutPreviewOut(many=True))
    def get(self, request: Request) -> Response:
        """What a run would pay now, seller by seller, and what it would leave and why. Nothing is written."""
        return Response(PayoutPreviewOut(preview_payouts(), many=True).data)


class OperatorReversalView(OperatorView):
    @describe(request=ReversalIn, responses={201: ReversalOut})
    @idempotent
    def post(self, request: Request, payout_id: UUID) -> Response:
        """Take part of a payout's transfer back from the seller's balance at Stripe."""
        body = ReversalIn.parse(request.data)
        return Response(
            ReversalOut(request_reversal(payout_id=payout_id, actor_id=self.user_id, **body)).data, status=201
        )


class OperatorDebtListView(OperatorView):
    @describe(parameters=[PageQuery], responses=page_of(DebtOut))
    def get(self, request: Request) -> Response:
        """Who owes us, how much and since when, as of the daily look; the newest first."""
        rows, cursor = cursor_page(debts(), fields=("since", "pk"), **PageQuery.parse(request.query_params))
        return Response({"results": DebtOut(rows, many=True).data, "next_cursor": cursor})


class OperatorWriteOffView(OperatorView):
    @describe(request=WriteOffIn, responses={201: WriteOffOut})
    @idempotent
    def post(self, request: Request, tenant_id: UUID) -> Response:
        """Give up a seller's debt, or a part of it, with the reason."""
        storefront(tenant_id)
        made = write_off_debt(
            tenant_id=tenant_id,
            actor_id=self.user_id,
            request_key=request.idempotency_key,
            **WriteOffIn.parse(request.data),
        )
        return Response(WriteOffOut(made).data, status=201)


class OperatorDisputeListView(OperatorView):
    @describe(parameters=[PageQuery], responses=page_of(OperatorDisputeOut))
    def get(self, request: Request) -> Response:
        """Disputes of all storefronts, newest first."""
        rows, cursor = cursor_page(
            disputes(), fields=("opened_at", "pk"), **PageQuery.parse(request.query_params)
        )
        return Response({"results": OperatorDisputeOut(rows, many=True).data, "next_cursor": cursor})


class OperatorFundingView(OperatorView):
    @describe(request=FundingIn, responses=FundingOut)
    def put(self, request: Request, tenant_id: UUID, code: str) -> Response:
        """How much of a promotion's discount the marketplace pays for, from the next order on."""
        promotion = fund_promotion(
            tenant=storefront(tenant_id), code=code, actor_id=self.user_id, **FundingIn.parse(request.data)
        )
        return Response(FundingOut(promotion).data)
