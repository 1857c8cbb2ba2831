"""All storefronts' payouts: what became of each, what it is made of, and the run that makes them."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from core.clock import now
from core.downloads import download
from core.errors import DomainError, NotFound
from core.forms import add_refusal
from payouts.desk_selectors import (
    MOST_SHOWN,
    audit_of_payout,
    claimed_by,
    job_of_payout,
    payout_of_all,
    payout_sums,
    payouts_of_all,
    since_days,
    tenant_named,
)
from payouts.models import Payout, PayoutStatus, TransferReversal
from services.debt_services import REVERSIBLE, request_reversal
from services.desk_operations import PAYOUTS, running, start_once
from services.documents.statement_csv import statement_csv
from services.documents.statement_pdf import statement_pdf
from services.operation_services import operations
from services.payout_services import Plan, preview_payouts
from services.transfer_services import look_up_payout, resend_payout
from tenants.desk.asking import asked, id_or_none, number_or_none
from tenants.desk.frame import DeskPage, back
from tenants.desk.lists import older
from tenants.desk.money_forms import ReversalForm
from tenants.models import AuditEntry
from tenants.selectors import names_of
from tenants.templatetags.desk_money import PARTS

DAYS = [
    ("7", "Last 7 days"),
    ("30", "Last 30 days"),
    ("90", "Last 90 days"),
    ("365", "Last year"),
    ("all", "All"),
]
NEWEST = "30"
PER_PAGE = 50
STATES: dict[str, str] = {
    "requested": "Requested",
    "sent": "On its way",
    "paid": "Paid out",
    "failed": "Failed",
    "returned": "Came back",
    "reversed": "Partly taken back",
    "unknown": "To look at",
}


class PayoutsPage(DeskPage):
    """The list, and how much is in each state."""

    template = "desk/payouts.html"
    section = "payouts"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Of one storefront, currency or state where that is asked for; of the last 30 days where nothing is."""
        wanted = asked(request, "status", "storefront", "currency", "days")
        wanted["days"] = wanted["days"] or NEWEST
        tenant = tenant_named(wanted["storefront"])
        filters: dict[str, Any] = {
            "tenant_id": tenant.pk if tenant else None,
            "currency": wanted["currency"].upper(),
            "since": since_days(wanted["days"]),
        }
        is_nobody = bool(wanted["storefront"]) and tenant is None
        found = payouts_of_all(status=wanted["status"], **filters)
        before = id_or_none(request.GET.get("before", ""))
        rows, pager = older(request, found.none() if is_nobody else found, before=before)
        sums = [] if is_nobody else payout_sums(**filters)
        return self.show(
            request,
            rows=rows,
            pager=pager,
            asked=wanted,
            tenant=tenant,
            is_nobody=is_nobody,
            days=DAYS,
            tabs=_tabs(sums),
            sums=sums,
            run=running(PAYOUTS),
        )


def _tabs(sums: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    counts: Counter[str] = Counter()
    for row in sums:
        counts[row["status"]] += row["count"]
    return [
        ("", "All", sum(counts.values())),
        *((state, name, counts[state]) for state, name in STATES.items()),
    ]


@dataclass(frozen=True)
class Moment:
    """A line of a history."""

    at: datetime
    title: str
    text: str = ""
    tone: str = ""
    by: UUID | None = None


AUDITED = {
    "payout.sent_again": "Given to a worker again",
    "payout.looked_up": "Looked up at Stripe",
    "payout.reversal_requested": "Asked to take a part back",
}


def history_of(payout: Payout, reversals: list[TransferReversal], audited: list[AuditEntry]) -> list[Moment]:
    """What happened to a payout, newest first."""
    found = [Moment(payout.requested_at, "Requested", "What was available was claimed for it.")]
    if payout.sent_at:
        found.append(Moment(payout.sent_at, "Sent", f"Stripe made {payout.transfer_id}.", "is-good"))
    if payout.settled_at:
        ends = {
            PayoutStatus.FAILED: ("Failed", payout.failure_message, "is-bad"),
            PayoutStatus.RETURNED: ("The bank sent it back", payout.failure_message, "is-bad"),
        }
        arrived = ("At the seller's bank", payout.bank_payout_id, "is-good")
        found.append(Moment(payout.settled_at, *ends.get(PayoutStatus(payout.status), arrived)))
    for reversal in reversals:
        if reversal.settled_at:
            is_made = reversal.status == "made"
            text = reversal.reversal_id if is_made else reversal.failure_message
            title = "Taken back" if is_made else "Could not be taken back"
            found.append(Moment(reversal.settled_at, title, text or "", "" if is_made else "is-bad"))
    for entry in audited:
        text = entry.reason or entry.facts.get("found", "")
        title = AUDITED.get(entry.action, entry.action)
        found.append(Moment(entry.at, title, text, "is-note", entry.actor_id))
    return sorted(found, key=lambda moment: moment.at, reverse=True)


class PayoutPage(DeskPage):
    """One payout: its statement down to the order line, what became of it, and what can be done about it."""

    template = "desk/payout.html"
    section = "payouts"
    changes: ClassVar[frozenset[str]] = frozenset({"send", "look-up", "pay-again", "reverse"})
    done: ClassVar[dict[str, str]] = {
        "sent": "A worker has it now. Look again in a moment.",
        "looked": "Stripe was asked. This is what became of it.",
        "reversal": "Stripe is asked for the money. Look again in a moment.",
    }

    def get(self, request: HttpRequest, payout_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        return self.show_again(request, payout_id=payout_id, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """With what was typed, where that is refused."""
        payout = payout_of_all(context.pop("payout_id"))
        reversals = list(payout.reversals.order_by("requested_at"))
        history = history_of(payout, reversals, audit_of_payout(payout))
        left = payout.amount_minor - payout.reversed_minor if payout.status in REVERSIBLE else 0
        form = context.pop("form", None) or (ReversalForm(payout=payout) if left else None)
        lines = payout.statement.get("orders", [])
        return self.show(
            request,
            payout=payout,
            statement=payout.statement,
            totals=sorted(payout.statement.get("totals", {}).items(), key=lambda part: _place_of(part[0])),
            lines=lines[:MOST_SHOWN],
            more=max(len(lines) - MOST_SHOWN, 0),
            claimed=[] if payout.statement else claimed_by(payout.pk),
            reversals=reversals,
            history=history,
            people=names_of([*(moment.by for moment in history), *(row.actor_id for row in reversals)]),
            job=job_of_payout(payout) if payout.status == PayoutStatus.REQUESTED else None,
            left=left,
            form=form,
            **context,
        )

    def do_send(self, request: HttpRequest, payout_id: UUID) -> HttpResponse:
        """The transfer is tried again now."""
        resend_payout(payout_id=payout_id, actor_id=self.user_id)
        return back("payout", payout_id, done="sent")

    def do_look_up(self, request: HttpRequest, payout_id: UUID) -> HttpResponse:
        """What Stripe says of an unknown one."""
        look_up_payout(payout_id=payout_id, actor_id=self.user_id)
        return back("payout", payout_id, done="looked")

    def do_pay_again(self, request: HttpRequest, payout_id: UUID) -> HttpResponse:
        """A run over this one seller: what a failed payout had claimed is free."""
        tenant_id = payout_of_all(payout_id).tenant_id
        return to_operation(start_once(PAYOUTS, actor_id=self.user_id, tenants=[str(tenant_id)]).pk)

    def do_reverse(self, request: HttpRequest, payout_id: UUID) -> HttpResponse:
        """Take a part of the transfer back, with a reason."""
        form = ReversalForm(request.POST, payout=payout_of_all(payout_id))
        if form.is_valid():
            try:
                request_reversal(
                    payout_id=payout_id,
                    amount_minor=form.cleaned_data["amount"],
                    reason=form.cleaned_data["reason"],
                    left_minor=form.cleaned_data["left"],
                    actor_id=self.user_id,
                )
                return back("payout", payout_id, done="reversal", anchor="reversals")
            except NotFound:
                raise
            except DomainError as refusal:
                add_refusal(form, refusal)
        return self.show_again(request, payout_id=payout_id, form=form, status=400)


def _place_of(kind: str) -> int:
    """Sums stand in the order in which money moves: the sale first."""
    return list(PARTS).index(kind) if kind in PARTS else len(PARTS)


class PayoutFilePage(DeskPage):
    """A payout's statement to keep."""

    def get(self, request: HttpRequest, payout_id: UUID, kind: str) -> HttpResponse:
        """As CSV or PDF. Raises NotFound: there is none before it is sent."""
        payout = payout_of_all(payout_id)
        if not payout.statement or kind not in ("csv", "pdf"):
            raise NotFound(what="statement")
        name = f"{payout.tenant.slug}-payout-{payout.number}.{kind}"
        if kind == "pdf":
            return download(statement_pdf(payout.statement), "application/pdf", name)
        return download(statement_csv(payout.statement), "text/csv; charset=utf-8", name)


class PayoutRunPage(DeskPage):
    """What a run would pay now, seller by seller, and the button that makes it."""

    template = "desk/payout_run.html"
    section = "payouts"
    changes: ClassVar[frozenset[str]] = frozenset({"run"})

    def get(self, request: HttpRequest) -> HttpResponse:
        """Asks Stripe what can be moved. Writes nothing."""
        return self.show_again(request, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """Where Stripe does not answer, the page says so."""
        plans: list[Plan] = []
        try:
            plans = preview_payouts(at=now())
        except DomainError as refusal:
            context = {"problem": refusal.sentence, **context, "status": 503}
        paid = sorted((plan for plan in plans if plan.amount_minor), key=lambda plan: -plan.amount_minor)
        left = [plan for plan in plans if not plan.amount_minor]
        is_left = request.GET.get("show") == "left"
        rows, neighbours = paged(left if is_left else paid, number_or_none(request.GET.get("page", "")) or 1)
        return self.show(
            request,
            paid=len(paid),
            left=len(left),
            is_left=is_left,
            rows=rows,
            neighbours=neighbours,
            totals=_totals(paid),
            reasons=sorted(Counter(plan.why for plan in left).items()),
            run=running(PAYOUTS),
            runs=list(operations().filter(kind=PAYOUTS)[:5]),
            **context,
        )

    def do_run(self, request: HttpRequest) -> HttpResponse:
        """Begin, or find the run that goes on already."""
        return to_operation(start_once(PAYOUTS, actor_id=self.user_id).pk)


def _totals(plans: list[Plan]) -> list[tuple[str, int, int]]:
    """(currency, payouts, minor units)."""
    totals: dict[str, list[int]] = {}
    for plan in plans:
        totals.setdefault(plan.currency, []).append(plan.amount_minor)
    return [(currency, len(amounts), sum(amounts)) for currency, amounts in sorted(totals.items())]


def paged(rows: list[Any], page: int) -> tuple[list[Any], dict[str, int]]:
    """A page of a list that is there as a whole, and the numbers of the neighbouring ones."""
    page = max(min(page, (len(rows) - 1) // PER_PAGE + 1), 1)
    neighbours = {"first": 1} if page > 1 else {}
    if page * PER_PAGE < len(rows):
        neighbours["next"] = page + 1
    return rows[(page - 1) * PER_PAGE : page * PER_PAGE], neighbours


def to_operation(operation_id: UUID) -> HttpResponse:
    """The page that shows how far long work is."""
    return back("operation", operation_id)
