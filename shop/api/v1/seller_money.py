"""The seller's money: balance, payouts and their statements, disputes, invoices, and why something is not paid yet."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from core.clock import now
from core.downloads import download
from core.idempotency import idempotent
from core.pagination import cursor_page
from core.views import PageQuery, describe, page_of
from services.account_services import onboarding_link, set_seller_terms
from services.dispute_services import accept_dispute, answer_dispute, dispute_of
from services.documents.invoice_pdf import invoice_pdf
from services.documents.statement_csv import statement_csv
from services.documents.statement_pdf import statement_pdf
from services.earnings_services import explain_earnings
from services.invoice_services import invoice_document
from services.ledger_services import seller_balances
from services.payment_services import capture_payment, void_order_payment
from services.payout_services import pay_now, preview_payouts
from services.schedule_services import next_payout_on
from shop.api.v1.seller_catalogue import SellerView
from shop.api.v1.seller_orders import seller
from shop.api.v1.serializers.money import (
    AccountIn,
    AccountOut,
    AnswerIn,
    BalanceOut,
    CaptureIn,
    DisputeOut,
    EarningsOut,
    InvoiceOut,
    NextPayoutOut,
    PayoutOut,
    StatementOut,
)
from shop.api.v1.serializers.orders import SellerOrderOut
from shop.api.v1.serializers.selling import LinkOut, OnboardingIn
from shop.models import IdempotencyKey
from shop.selectors.money import (
    disputes_of,
    invoice_of,
    invoices_of,
    payout_of,
    payouts_of,
    seller_account,
    statement_of,
)
from shop.selectors.orders import order_of_seller
from tenants.permissions import MANAGERS, OWNER, SUPPORTERS


class SellerBalanceView(SellerView):
    roles = {"GET": MANAGERS}

    @describe(responses=BalanceOut(many=True))
    def get(self, request: Request) -> Response:
        """Pending, available, reserved, in dispute, in transit and paid, per currency."""
        return Response(BalanceOut(seller_balances(tenant_id=self.tenant.pk), many=True).data)


class SellerPayoutListView(SellerView):
    roles = {"GET": MANAGERS, "POST": OWNER}
    idempotency_model = IdempotencyKey

    @describe(parameters=[PageQuery], responses=page_of(PayoutOut))
    def get(self, request: Request) -> Response:
        """Payouts, newest first."""
        rows, cursor = cursor_page(
            payouts_of(self.tenant), fields=("requested_at", "pk"), **PageQuery.parse(request.query_params)
        )
        return Response({"results": PayoutOut(rows, many=True).data, "next_cursor": cursor})

    @describe(request=None, responses={201: PayoutOut(many=True)})
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for what is available, now: one payout per currency. Refused with the reason where there is nothing."""
        made = pay_now(tenant_id=self.tenant.pk, actor_id=self.user_id)
        return Response(PayoutOut(made, many=True).data, status=201)


class SellerNextPayoutView(SellerView):
    roles = {"GET": MANAGERS}

    @describe(responses=NextPayoutOut)
    def get(self, request: Request) -> Response:
        """When the next payout is made, and what it would be if it were made now."""
        account = seller_account(self.tenant)
        plans = preview_payouts(tenant_ids=[self.tenant.pk])
        return Response(NextPayoutOut({"on": next_payout_on(account, now()), "plans": plans}).data)


class SellerPayoutView(SellerView):
    roles = {"GET": MANAGERS}

    @describe(responses=StatementOut)
    def get(self, request: Request, payout_id: UUID) -> Response:
        """A payout and its statement, down to the order lines."""
        return Response(StatementOut(payout_of(self.tenant, payout_id)).data)


class SellerStatementCsvView(SellerView):
    roles = {"GET": MANAGERS}

    @describe(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, payout_id: UUID) -> HttpResponse:
        """The statement as a table, safe to open in a spreadsheet."""
        payout = statement_of(self.tenant, payout_id)
        return download(
            statement_csv(payout.statement), "text/csv; charset=utf-8", f"payout-{payout.number}.csv"
        )


class SellerStatementPdfView(SellerView):
    roles = {"GET": MANAGERS}

    @describe(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def get(self, request: Request, payout_id: UUID) -> HttpResponse:
        """The statement as a document for the accountant."""
        payout = statement_of(self.tenant, payout_id)
        return download(statement_pdf(payout.statement), "application/pdf", f"payout-{payout.number}.pdf")


class SellerInvoiceListView(SellerView):
    roles = {"GET": MANAGERS}

    @describe(parameters=[PageQuery], responses=page_of(InvoiceOut))
    def get(self, request: Request) -> Response:
        """The marketplace's invoices of its commission, newest first."""
        rows, cursor = cursor_page(
            invoices_of(self.tenant), fields=("issued_at", "pk"), **PageQuery.parse(request.query_params)
        )
        return Response({"results": InvoiceOut(rows, many=True).data, "next_cursor": cursor})


class SellerInvoicePdfView(SellerView):
    roles = {"GET": MANAGERS}

    @describe(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def get(self, request: Request, invoice_id: UUID) -> HttpResponse:
        """One invoice as a document."""
        invoice = invoice_of(self.tenant, invoice_id)
        return download(invoice_pdf(invoice_document(invoice)), "application/pdf", f"{invoice.number}.pdf")


class SellerAccountView(SellerView):
    roles = {"GET": MANAGERS, "PATCH": OWNER}

    @describe(responses=AccountOut)
    def get(self, request: Request) -> Response:
        """How far the seller is at Stripe, and the terms of payouts."""
        return Response(AccountOut(seller_account(self.tenant)).data)

    @describe(request=AccountIn, responses=AccountOut)
    def patch(self, request: Request) -> Response:
        """When payouts are made, and who stands on statements and invoices."""
        body = AccountIn.parse(request.data)
        return Response(
            AccountOut(set_seller_terms(tenant_id=self.tenant.pk, actor_id=self.user_id, **body)).data
        )


class SellerOnboardingView(SellerView):
    roles = {"POST": OWNER}

    @describe(request=OnboardingIn, responses={200: LinkOut})
    def post(self, request: Request) -> Response:
        """A short-lived link to Stripe's onboarding; it returns to a path of this storefront."""
        path = OnboardingIn.parse(request.data)["return_path"]
        return Response({"url": onboarding_link(tenant=self.tenant, return_url=f"{self.tenant.url}{path}")})


class SellerDisputeListView(SellerView):
    roles = {"GET": SUPPORTERS}

    @describe(parameters=[PageQuery], responses=page_of(DisputeOut))
    def get(self, request: Request) -> Response:
        """Disputes, newest first, with the day an answer is due."""
        rows, cursor = cursor_page(
            disputes_of(self.tenant), fields=("opened_at", "pk"), **PageQuery.parse(request.query_params)
        )
        return Response({"results": DisputeOut(rows, many=True).data, "next_cursor": cursor})


class SellerDisputeView(SellerView):
    roles = {"GET": SUPPORTERS}

    @describe(responses=DisputeOut)
    def get(self, request: Request, dispute_id: str) -> Response:
        """One dispute."""
        return Response(DisputeOut(dispute_of(dispute_id)).data)


class SellerDisputeAnswerView(SellerView):
    roles = {"POST": MANAGERS}

    @describe(request=AnswerIn, responses={200: DisputeOut})
    def post(self, request: Request, dispute_id: str) -> Response:
        """Send your side of it to the bank, once."""
        text = AnswerIn.parse(request.data)["text"]
        return Response(
            DisputeOut(answer_dispute(dispute_id=dispute_id, text=text, actor=seller(request))).data
        )


class SellerDisputeAcceptView(SellerView):
    roles = {"POST": MANAGERS}

    @describe(request=None, responses={200: DisputeOut})
    def post(self, request: Request, dispute_id: str) -> Response:
        """Give in: the buyer keeps the money."""
        return Response(DisputeOut(accept_dispute(dispute_id=dispute_id, actor=seller(request))).data)


class SellerEarningsView(SellerView):
    roles = {"GET": MANAGERS}

    @describe(responses=EarningsOut)
    def get(self, request: Request, order_id: UUID) -> Response:
        """What an order earns, and why it is not paid yet."""
        return Response(EarningsOut(explain_earnings(order_id=order_id)).data)


class SellerCaptureView(SellerView):
    roles = {"POST": MANAGERS}

    @describe(request=CaptureIn, responses={200: SellerOrderOut})
    def post(self, request: Request, order_id: UUID) -> Response:
        """Take what the buyer has authorised, or a part of it; the rest is let go."""
        order_of_seller(order_id)
        body = CaptureIn.parse(request.data)
        capture_payment(order_id=order_id, amount_minor=body.get("amount_minor"), actor=seller(request))
        return Response(SellerOrderOut(order_of_seller(order_id)).data)


class SellerVoidView(SellerView):
    roles = {"POST": MANAGERS}

    @describe(request=None, responses={200: SellerOrderOut})
    def post(self, request: Request, order_id: UUID) -> Response:
        """Let an authorisation go: the order is cancelled and nothing is taken."""
        order_of_seller(order_id)
        void_order_payment(order_id=order_id, actor=seller(request))
        return Response(SellerOrderOut(order_of_seller(order_id)).data)
