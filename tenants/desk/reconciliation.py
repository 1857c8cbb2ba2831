"""Our books against Stripe's: the last looks, each day's totals, and what differs, with its history."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from core.errors import DomainError, NotFound
from core.forms import add_refusal
from core.models import OperationState
from payouts.desk_selectors import (
    audit_of_difference,
    both_sides,
    difference_counts,
    difference_sums,
    differences_found,
    find_difference,
)
from payouts.models import DifferenceKind, DifferenceState
from services.desk_operations import RECONCILE, running, start_once
from services.difference_services import explain_difference
from services.operation_services import operations
from shop.web.dashboard.frame import listed
from tenants.desk.asking import asked
from tenants.desk.frame import DeskPage, back
from tenants.desk.money_forms import ExplainForm
from tenants.desk.payouts import to_operation
from tenants.selectors import names_of

STATES = (
    (DifferenceState.OPEN, "Open"),
    (DifferenceState.EXPLAINED, "Explained"),
    (DifferenceState.SOLVED, "Solved"),
    ("all", "All"),
)
DAYS_LISTED = 14


class ReconciliationPage(DeskPage):
    """Where the books and Stripe disagree, and how the last looks went."""

    template = "desk/reconciliation.html"
    section = "reconciliation"
    changes: ClassVar[frozenset[str]] = frozenset({"run"})

    def get(self, request: HttpRequest) -> HttpResponse:
        """What stands open, where no other state is asked for."""
        return self.show_again(request, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The days are those of the last look that was finished."""
        wanted = asked(request, "state", "kind", "q")
        wanted["state"] = wanted["state"] or DifferenceState.OPEN.value
        state = "" if wanted["state"] == "all" else wanted["state"]
        found = differences_found(state=state, kind=wanted["kind"], q=wanted["q"])
        rows, pager = listed(request, found, fields=("first_seen_at", "pk"))
        counts = difference_counts()
        looks = list(operations().filter(kind=RECONCILE)[:6])
        last = next((look for look in looks if look.state == OperationState.DONE), None)
        days = list(reversed(last.report.get("days", [])))[:DAYS_LISTED] if last else []
        return self.show(
            request,
            rows=rows,
            pager=pager,
            asked=wanted,
            kinds=DifferenceKind.values,
            tabs=[(value, name, counts.get(value, 0)) for value, name in STATES],
            sums=difference_sums(),
            looks=looks,
            last=last,
            days=days,
            run=running(RECONCILE) or running(RECONCILE, is_full=True),
            **context,
        )

    def do_run(self, request: HttpRequest) -> HttpResponse:
        """Look now: at what is new at Stripe, or at all of it again."""
        params = {"is_full": True} if request.POST.get("is_full") else {}
        return to_operation(start_once(RECONCILE, actor_id=self.user_id, **params).pk)


class DifferencePage(DeskPage):
    """One difference: what each side has, and what became of it."""

    template = "desk/difference.html"
    section = "reconciliation"
    changes: ClassVar[frozenset[str]] = frozenset({"explain"})
    done: ClassVar[dict[str, str]] = {"explained": "It is explained, as long as it stays as it is."}

    def get(self, request: HttpRequest, difference_id: int) -> HttpResponse:
        """Raises NotFound."""
        return self.show_again(request, difference_id=difference_id, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """With the note that was typed, where that is refused."""
        difference = find_difference(context.pop("difference_id"))
        audited = audit_of_difference(difference)
        form = context.pop("form", None) or ExplainForm()
        people = names_of([difference.explained_by, *(entry.actor_id for entry in audited)])
        return self.show(
            request,
            difference=difference,
            sides=both_sides(difference),
            audited=audited,
            people=people,
            form=form if difference.state == DifferenceState.OPEN else None,
            **context,
        )

    def do_explain(self, request: HttpRequest, difference_id: int) -> HttpResponse:
        """Say why the two sides differ."""
        form = ExplainForm(request.POST)
        if form.is_valid():
            try:
                explain_difference(
                    difference_id=difference_id, note=form.cleaned_data["note"], actor_id=self.user_id
                )
                return back("difference", difference_id, done="explained")
            except NotFound:
                raise
            except DomainError as refusal:
                add_refusal(form, refusal)
        return self.show_again(request, difference_id=difference_id, form=form, status=400)
