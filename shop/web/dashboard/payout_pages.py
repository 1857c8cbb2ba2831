"""Payouts as the seller reads them: when the next one is, what each is made of down to the order line, and what went wrong."""

from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from core.clock import now
from core.downloads import download
from core.errors import DomainError, Invalid
from core.forms import add_refusal
from payouts.models import PayoutSchedule, SellerAccount
from services.account_services import set_seller_terms
from services.documents.statement_csv import statement_csv
from services.documents.statement_pdf import statement_pdf
from services.payout_services import Plan, pay_now, preview_payouts
from services.schedule_services import next_payout_on
from shop.selectors.money import payout_of, seller_account, statement_of
from shop.selectors.payout_statements import breakdown_of, payout_numbered, payout_rows
from shop.web.dashboard.frame import StaffPage, back, listed
from shop.web.dashboard.payout_forms import schedule_form
from shop.web.dashboard.payout_words import (
    COLUMN_NAMES,
    WHY_LEFT,
    history,
    kind_name,
    short,
    tell,
    total_rows,
)
from tenants.permissions import MANAGERS, OWNER

MOST_DIGITS = 6
PATIENCE_SECONDS = 3  # with Stripe, while somebody waits for the page


class PayoutsPage(StaffPage):
    """The payouts there were, the next one, and the schedule."""

    template = "dashboard/payouts.html"
    section = "payouts"
    roles = MANAGERS
    changes: ClassVar = {"pay": OWNER, "schedule": OWNER}
    done: ClassVar = {"asked": _("The payout is being made.")}

    def get(self, request: HttpRequest) -> HttpResponse:
        """Newest first."""
        return self.show_again(request)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The page, with the form that was sent as it was filled in."""
        account = seller_account(request.tenant)
        rows, pager = listed(request, payout_rows(request.tenant), fields=("requested_at", "pk"))
        plans, is_unknown = self._plans(request)
        return self.show(
            request,
            **{
                "account": account,
                "rows": [(payout, short(payout)) for payout in rows],
                "pager": pager,
                "plans": [(plan, str(WHY_LEFT.get(plan.why, plan.reason))) for plan in plans],
                "is_unknown": is_unknown,
                "may_ask": any(plan.amount_minor for plan in plans),
                "next_on": next_day(account),
                "rhythm": rhythm(account),
                "form": schedule_form(account),
                **context,
            },
        )

    def _plans(self, request: HttpRequest) -> tuple[list[Plan], bool]:
        """What a payout would be now, and whether Stripe could not say. Nobody asks Stripe for an operator who looks on."""
        if self.is_support:
            return [], True
        try:
            return preview_payouts(tenant_ids=[request.tenant.pk], patience_seconds=PATIENCE_SECONDS), False
        except DomainError:
            return [], True

    def do_pay(self, request: HttpRequest) -> HttpResponse:
        """What is available, now. Refused with the reason where there is nothing."""
        pay_now(tenant_id=request.tenant.pk, actor_id=self.user_id)
        return back("payouts", done="asked")

    def do_schedule(self, request: HttpRequest) -> HttpResponse:
        """When payouts are made from now on."""
        form = schedule_form(seller_account(request.tenant), request.POST)
        if form.is_valid():
            try:
                set_seller_terms(tenant_id=request.tenant.pk, actor_id=self.user_id, **form.terms())
                return back("payouts", done="saved")
            except Invalid as refusal:
                add_refusal(form, refusal)
        return self.show_again(request, form=form, status=HTTPStatus.BAD_REQUEST)


def next_day(account: SellerAccount) -> Any:
    """The day of the next payout; None where there is none by itself."""
    return next_payout_on(account, now()) if account.may_receive else None


def rhythm(account: SellerAccount) -> str:
    """The schedule, in words."""
    form = schedule_form(account)
    said = dict(form.fields["schedule"].choices)[account.schedule]
    if account.schedule == PayoutSchedule.WEEKLY:
        days = dict(form.fields["weekday"].choices)
        return f"{said}, {days[account.schedule_day]}"
    if account.schedule == PayoutSchedule.MONTHLY:
        return f"{said}, {account.schedule_day}."
    return str(said)


class PayoutPage(StaffPage):
    """One payout, explained line by line."""

    template = "dashboard/payout.html"
    section = "payouts"
    roles = MANAGERS

    def get(self, request: HttpRequest, payout_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        payout = payout_of(request.tenant, payout_id)
        breakdown = breakdown_of(payout, page=page_asked(request))
        account = seller_account(request.tenant)
        # Of a very long payout that has no statement (yet), only the first claims are looked up.
        is_whole = bool(payout.statement) or breakdown.amount_minor == payout.amount_minor
        names = {name: str(label) for name, label in COLUMN_NAMES.items()}
        return self.show(
            request,
            payout=payout,
            statement=payout.statement,
            taken_minor=-payout.amount_minor,
            breakdown=breakdown,
            totals=total_rows(breakdown, payout) if is_whole else [],
            names=names,
            kinds={fact.kind: kind_name(fact.kind) for part in breakdown.orders for fact in part.facts}
            | {fact.kind: kind_name(fact.kind) for fact in breakdown.loose},
            told=tell(payout, next_day(account)),
            history=history(payout),
            pager=pages(breakdown.page, breakdown.pages),
        )


def page_asked(request: HttpRequest) -> int:
    """The page that is asked for; 1 for what is no number."""
    text = request.GET.get("page", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else 1


def pages(page: int, last: int) -> dict[str, str]:
    """The neighbours of a numbered page, as parts/pager.html shows them."""
    return {
        "first": "?page=1#orders" if page > 1 else "",
        "next": f"?page={page + 1}#orders" if page < last else "",
    }


class PayoutNumberPage(StaffPage):
    """A payout by the number people know it by."""

    section = "payouts"
    roles = MANAGERS

    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        """On to the payout. Raises NotFound."""
        return back("payout", payout_numbered(request.tenant, number))


class PayoutFilePage(StaffPage):
    """A payout's statement to keep."""

    section = "payouts"
    roles = MANAGERS
    kind = "pdf"

    def get(self, request: HttpRequest, payout_id: UUID) -> HttpResponse:
        """As PDF or CSV. Raises NotFound: there is none before a payout is sent."""
        payout = statement_of(request.tenant, payout_id)
        name = f"payout-{payout.number}.{self.kind}"
        if self.kind == "csv":
            return download(statement_csv(payout.statement), "text/csv; charset=utf-8", name)
        return download(statement_pdf(payout.statement), "application/pdf", name)
