"""What sellers owe the marketplace and what is held back from them; a seller's balances, and the terms under which they are paid."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from core.errors import DomainError, NotFound
from core.forms import add_refusal
from core.money import Money, to_major
from payouts.desk_selectors import (
    debt_sums,
    payouts_of_all,
    reserves_by_seller,
    reserves_of,
    reversals_asked,
    seller_terms,
    write_offs,
)
from payouts.models import SellerAccount
from payouts.selectors import debts
from services.account_services import set_terms
from services.debt_services import debt_of, take_back_debt, write_off_debt
from services.job_services import run_schedule_now
from services.ledger_services import Balance, seller_balances
from shop.web.dashboard.frame import listed
from tenants.desk.frame import DeskPage, back
from tenants.desk.money_forms import ReasonForm, TermsForm, WriteOffForm
from tenants.selectors import names_of


class DebtsPage(DeskPage):
    """Who owes what since when; what was given up, by whom and why; what is held back."""

    template = "desk/debts.html"
    section = "debts"
    changes: ClassVar[frozenset[str]] = frozenset({"look"})
    done: ClassVar[dict[str, str]] = {"looked": "A worker looks at all sellers now. Look again in a moment."}

    def get(self, request: HttpRequest) -> HttpResponse:
        """The debts; or `?show=write-offs`, `?show=reserves`."""
        return self.show_again(request, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """One of the three lists."""
        shown = request.GET.get("show", "")
        rows: list[Any] = []
        pager: dict[str, str] = {}
        people: dict[UUID, str] = {}
        if shown == "write-offs":
            rows, pager = listed(request, write_offs(), fields=("created_at", "pk"))
            people = names_of(row.actor_id for row in rows)
        elif shown == "reserves":
            rows = reserves_by_seller()
        else:
            shown = ""
            rows, pager = listed(request, debts(), fields=("since", "pk"))
        return self.show(
            request, rows=rows, pager=pager, people=people, shown=shown, sums=debt_sums(), **context
        )

    def do_look(self, request: HttpRequest) -> HttpResponse:
        """The daily look, now."""
        run_schedule_now(name="debt.look", actor_id=self.user_id)
        return back("debts", done="looked")


class SellerMoneyPage(DeskPage):
    """One seller's balances as they are now, and what can be done about a debt."""

    template = "desk/seller_money.html"
    section = "debts"
    changes: ClassVar[frozenset[str]] = frozenset({"write-off", "take-back"})
    done: ClassVar[dict[str, str]] = {
        "written": "Written off. The marketplace bears it.",
        "taking": "Stripe is asked for the money. Look again in a moment.",
        "nothing": "The seller's balance at Stripe has nothing that could be taken back.",
    }

    def get(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        return self.show_again(request, tenant_id=tenant_id, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """With what was typed, where that is refused."""
        account = seller_terms(context.pop("tenant_id"))
        balances = seller_balances(tenant_id=account.tenant_id)
        typed = context.pop("form", None)
        given_up = list(write_offs(tenant_id=account.tenant_id)[:20])
        return self.show(
            request,
            account=account,
            tenant=account.tenant,
            balances=balances,
            debts=[
                (row, -row.available_minor, _form(row, typed)) for row in balances if row.available_minor < 0
            ],
            reserves=reserves_of(account.tenant_id),
            write_offs=given_up,
            asked=reversals_asked(account.tenant_id),
            payouts=list(payouts_of_all(tenant_id=account.tenant_id)[:8]),
            people=names_of(row.actor_id for row in given_up),
            **context,
        )

    def do_write_off(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        """Give a debt up, or a part of it. Sent twice it counts once."""
        tenant = seller_terms(tenant_id).tenant
        currency = request.POST.get("currency", "")[:3] or tenant.currency
        form = WriteOffForm(request.POST, currency=currency)
        if form.is_valid():
            said = form.cleaned_data
            try:
                write_off_debt(
                    tenant_id=tenant_id,
                    currency=said["currency"],
                    amount_minor=said["amount"],
                    reason=said["reason"],
                    actor_id=self.user_id,
                    request_key=f"desk:{self.user_id}:{tenant_id}:{said['key']}",
                )
                return back("seller-money", tenant_id, done="written")
            except NotFound:
                raise
            except DomainError as refusal:
                add_refusal(form, refusal)
        return self.show_again(request, tenant_id=tenant_id, form=form, status=400)

    def do_take_back(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        """Take a debt back from earlier transfers, as far as the seller's balance at Stripe has funds."""
        account, form = seller_terms(tenant_id), ReasonForm(request.POST)
        if not form.is_valid():
            return self.show_again(
                request, tenant_id=tenant_id, status=400, problem="Say why the money is taken back."
            )
        currency = request.POST.get("currency", "")[:3] or account.tenant.currency
        owed = debt_of(tenant_id, currency)
        asked = take_back_debt(
            tenant_id, currency, owed, reason=form.cleaned_data["reason"], actor_id=self.user_id
        )
        return back("seller-money", tenant_id, done="taking" if asked else "nothing")


def _form(balance: Balance, typed: WriteOffForm | None) -> WriteOffForm:
    """The form of a debt: as it was typed, or with all of it."""
    if typed is not None and typed.data.get("currency") == balance.currency:
        return typed
    owed = to_major(-balance.available_minor, balance.currency)
    return WriteOffForm(
        currency=balance.currency,
        initial={"amount": f"{owed:f}"},
        auto_id=f"id_{balance.currency}_%s",
    )


class SellerTermsPage(DeskPage):
    """When and how one seller is paid; a pause, with its reason."""

    template = "desk/seller_terms.html"
    section = "debts"
    changes: ClassVar[frozenset[str]] = frozenset({"save", "pause", "resume"})
    done: ClassVar[dict[str, str]] = {
        "paused": "No payout is made to this seller until you let them go on.",
        "resumed": "Payouts go on with the next run.",
    }

    def get(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        """Raises NotFound."""
        return self.show_again(request, tenant_id=tenant_id, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """With what was typed, where that is refused."""
        account = seller_terms(context.pop("tenant_id"))
        return self.show(
            request,
            account=account,
            tenant=account.tenant,
            form=context.pop("form", None) or TermsForm(account=account),
            pause=context.pop("pause", None) or ReasonForm(auto_id="id_pause_%s"),
            least=Money(account.payout_minimum_minor, account.tenant.currency),
            **context,
        )

    def do_save(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        """Only what is other than before is changed and noted."""
        account = seller_terms(tenant_id)
        form = TermsForm(request.POST, account=account)
        if form.is_valid():
            try:
                self._change(account, **form.changes_to(account))
                return back("seller-terms", tenant_id, done="saved")
            except NotFound:
                raise
            except DomainError as refusal:
                add_refusal(form, refusal)
        return self.show_again(request, tenant_id=tenant_id, form=form, status=400)

    def do_pause(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        """The seller reads the reason."""
        form = ReasonForm(request.POST, auto_id="id_pause_%s")
        if not form.is_valid():
            return self.show_again(request, tenant_id=tenant_id, pause=form, status=400)
        self._change(seller_terms(tenant_id), payouts_paused_reason=form.cleaned_data["reason"])
        return back("seller-terms", tenant_id, done="paused")

    def do_resume(self, request: HttpRequest, tenant_id: UUID) -> HttpResponse:
        """The pause is over."""
        self._change(seller_terms(tenant_id), payouts_paused_reason="")
        return back("seller-terms", tenant_id, done="resumed")

    def _change(self, account: SellerAccount, **terms: Any) -> None:
        changed = {name: value for name, value in terms.items() if getattr(account, name) != value}
        if changed:
            set_terms(tenant_id=account.tenant_id, actor_id=self.user_id, **changed)
