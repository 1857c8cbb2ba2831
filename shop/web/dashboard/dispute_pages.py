"""Disputes: what banks ask back, until when to answer, and how it ended."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from core.clock import now
from payouts.models import FeeBearer
from services.dispute_services import accept_dispute, answer_dispute, dispute_of
from shop.models import ActorKind
from shop.selectors.disputes import TO_ANSWER, disputed_by, disputes_beside, disputes_to_answer
from shop.web.dashboard.dispute_words import advice_for, deadline, outcome, reason_of
from shop.web.dashboard.frame import StaffPage, back, listed
from shop.web.dashboard.order_words import timeline
from shop.web.dashboard.payout_forms import AcceptForm, AnswerForm
from tenants.permissions import MANAGERS, SUPPORTERS
from tenants.selectors import names_of


class DisputesPage(StaffPage):
    """What waits for an answer, the most urgent first; then the others."""

    template = "dashboard/disputes.html"
    section = "disputes"
    roles = SUPPORTERS

    def get(self, request: HttpRequest) -> HttpResponse:
        """What is urgent stands on the first page."""
        rows, pager = listed(request, disputes_beside(request.tenant), fields=("opened_at", "pk"))
        urgent = [] if request.GET.get("cursor") else disputes_to_answer(request.tenant)
        at = now()
        return self.show(
            request,
            urgent=[(dispute, reason_of(dispute), deadline(dispute, at)) for dispute in urgent],
            rows=[(dispute, reason_of(dispute)) for dispute in rows],
            pager=pager,
        )


class DisputePage(StaffPage):
    """One dispute: what the bank says, what is at stake, and the answer."""

    template = "dashboard/dispute.html"
    section = "disputes"
    roles = SUPPORTERS
    changes: ClassVar = {"answer": MANAGERS, "accept": MANAGERS}
    done: ClassVar = {
        "answered": _("Your answer is at the bank."),
        "accepted": _("You have given in. The buyer keeps the money."),
    }

    def get(self, request: HttpRequest, dispute_id: str) -> HttpResponse:
        """Raises NotFound."""
        return self.show_again(request, dispute_id=dispute_id)

    def show_again(self, request: HttpRequest, *args: Any, dispute_id: str, **context: Any) -> HttpResponse:
        """The page as the dispute is now, with what was typed."""
        dispute = dispute_of(dispute_id)
        about = disputed_by(dispute)
        people = names_of(event.actor_id for event in about.events if event.actor_kind == ActorKind.SELLER)
        tone, meaning = outcome(dispute)
        action = request.POST.get("action")
        return self.show(
            request,
            **{
                "dispute": dispute,
                "about": about,
                "order": about.order,
                "reason": reason_of(dispute),
                "advice": advice_for(dispute),
                "tone": tone,
                "meaning": meaning,
                "deadline": deadline(dispute, now()),
                "withheld_minor": dispute.amount_minor if dispute.is_open and dispute.is_withdrawn else 0,
                "bears_fee": about.order.commission_rule.get("fee_bearer") != FeeBearer.MARKETPLACE,
                "can_answer": dispute.status in TO_ANSWER,
                "timeline": timeline(about.order, about.events, people),
                "form": AnswerForm(request.POST if action == "answer" else None),
                "accept_form": AcceptForm(request.POST if action == "accept" else None),
                **context,
            },
        )

    def do_answer(self, request: HttpRequest, dispute_id: str) -> HttpResponse:
        """Send the seller's side, once."""
        form = AnswerForm(request.POST)
        if not form.is_valid():
            return self.show_again(request, dispute_id=dispute_id, status=HTTPStatus.BAD_REQUEST)
        answer_dispute(dispute_id=dispute_id, text=form.cleaned_data["text"], actor=self.actor)
        return back("dispute", dispute_id, done="answered")

    def do_accept(self, request: HttpRequest, dispute_id: str) -> HttpResponse:
        """Give in, where the box says so, too."""
        if not AcceptForm(request.POST).is_valid():
            return self.show_again(request, dispute_id=dispute_id, status=HTTPStatus.BAD_REQUEST)
        accept_dispute(dispute_id=dispute_id, actor=self.actor)
        return back("dispute", dispute_id, done="accepted")
