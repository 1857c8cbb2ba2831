"""The stock: the list with its quick changes, stock-taking, and one item with all that happened to it."""

from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from babel.dates import format_skeleton
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, ngettext, to_locale
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from core.charts import columns_chart
from core.errors import Conflict, NotFound
from core.forms import add_refusal
from services.inventory_services import (
    Count,
    Counted,
    adjust_stock,
    receive_stock,
    set_stock_rules,
    take_stock,
)
from services.schedule_services import zone_of
from shop.models import InventoryItem, MovementKind
from shop.selectors.money import seller_account
from shop.selectors.pictures import thumbnails
from shop.selectors.stock import (
    SHOWN,
    holders_of,
    movements_of,
    stock_by_day,
    stock_figures,
    stock_item,
    stock_list,
    stock_state,
    variant_with_sku,
    with_reasons,
)
from shop.web.dashboard.frame import StaffPage, back, listed
from shop.web.dashboard.stock_forms import (
    REASONS,
    AdjustForm,
    CountForm,
    ReceiveForm,
    RulesForm,
    Take,
)
from tenants.permissions import FULFILLERS, MANAGERS

TABS = (
    ("", lazy("All")),
    ("low", lazy("Low")),
    ("sold_out", lazy("Sold out")),
    ("not_tracked", lazy("Not counted")),
    ("retired", lazy("No longer sold")),
)
KINDS: dict[str, Any] = {
    MovementKind.RECEIVE: lazy("Received"),
    MovementKind.RESERVE: lazy("Held for an order"),
    MovementKind.RELEASE: lazy("Let go again"),
    MovementKind.CONSUME: lazy("Sold"),
    MovementKind.RETURN: lazy("Came back"),
    MovementKind.ADJUST: lazy("Corrected"),
}
DONE = {
    "received": lazy("Received."),
    "counted": lazy("The counts are saved."),
    "adjusted": lazy("The count is corrected."),
}
PER_PAGE, PER_TAKE = 25, 50
DAYS = (30, 90)


class InventoryPage(StaffPage):
    """Stock by SKU. With `take` in the address it is a sheet to write counts into."""

    template = "dashboard/inventory.html"
    section = "inventory"
    done = DONE
    changes: ClassVar = {"receive": FULFILLERS, "count": FULFILLERS, "take": FULFILLERS}

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """A page of the list."""
        q = request.GET.get("q", "").strip().replace("\x00", "")[:100]
        show = request.GET.get("show", "")
        show = show if show in SHOWN else ""
        is_take = "take" in request.GET and self.role in FULFILLERS
        rows, pager = listed(
            request,
            stock_list(q=q, show=show),
            fields=("variant_id", "pk"),
            limit=PER_TAKE if is_take else PER_PAGE,
        )
        pictures = thumbnails([row.pk for row in rows])
        return self.show(
            request,
            rows=[Row(row, pictures.get(row.pk, "")) for row in rows],
            pager=pager,
            figures=None if q or is_take else stock_figures(),
            q=q,
            shown=show,
            is_take=is_take,
            tabs=TABS,
            reasons=[_(reason) for reason in REASONS],
            **{"take": Take(), "outcome": Counted(0, {}, {}), **context},
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The same page of the list."""
        return self.get(request, **context)

    def do_receive(self, request: HttpRequest) -> HttpResponse:
        """Goods of one item came in."""
        form = ReceiveForm(request.POST)
        if not form.is_valid():
            return self._refuse(request, form)
        receive_stock(variant_id=_variant(request), actor_id=self.user_id, **form.cleaned_data)
        return self._back(request, "received")

    def do_count(self, request: HttpRequest) -> HttpResponse:
        """One item was counted."""
        form = CountForm(request.POST)
        if not form.is_valid():
            return self._refuse(request, form)
        values = form.cleaned_data
        count = Count(_variant(request), values["counted"], values["seen"])
        outcome = take_stock(counts=[count], reason=values["reason"], actor_id=self.user_id)
        if problem := told(outcome):
            return self.show_again(request, problem=problem, status=HTTPStatus.CONFLICT)
        return self._back(request, "counted")

    def do_take(self, request: HttpRequest) -> HttpResponse:
        """All counts of a sheet. What cannot be saved stays in it, with the reason."""
        take = Take.read(request.POST.dict())
        outcome = Counted(0, {}, {})
        if take.counts or not take.wrong:
            outcome = take_stock(
                counts=take.counts, reason=take.reason or _(REASONS[0]), actor_id=self.user_id
            )
        problem = told(outcome)
        if take.wrong:
            problem = f"{problem} {_('Some counts are no whole numbers.')}".strip()
        if problem:
            return self.show_again(
                request, problem=problem, status=HTTPStatus.CONFLICT, take=take, outcome=outcome
            )
        return self._back(request, "counted")

    def _refuse(self, request: HttpRequest, form: forms.Form) -> HttpResponse:
        errors = " ".join(f"{form[name].label}: {' '.join(texts)}" for name, texts in form.errors.items())
        return self.show_again(request, problem=errors, status=HTTPStatus.BAD_REQUEST)

    def _back(self, request: HttpRequest, done: str) -> HttpResponse:
        """To where in the list it was done."""
        kept = {name: text for name, text in request.GET.items() if name in ("q", "show", "take", "cursor")}
        return back("inventory", done=done, **kept)


class Row:
    """An item in the list, as the template shows it."""

    def __init__(self, item: InventoryItem, picture: str) -> None:
        self.item, self.picture, self.state = item, picture, stock_state(item)


def told(outcome: Counted) -> str:
    """What came of a count, where not all of it was saved; else ""."""
    parts = []
    if outcome.changed and (outcome.moved or outcome.short):
        parts.append(
            ngettext("%(n)d count is saved.", "%(n)d counts are saved.", outcome.changed)
            % {"n": outcome.changed}
        )
    if outcome.moved:
        many = len(outcome.moved)
        parts.append(
            ngettext(
                "%(n)d has changed since the page was opened and was left alone: count it again.",
                "%(n)d have changed since the page was opened and were left alone: count them again.",
                many,
            )
            % {"n": many}
        )
    if outcome.short:
        many = len(outcome.short)
        parts.append(
            ngettext(
                "Of %(n)d more pieces are held for orders than were counted.",
                "Of %(n)d items more pieces are held for orders than were counted.",
                many,
            )
            % {"n": many}
        )
    return " ".join(parts)


def _variant(request: HttpRequest) -> UUID:
    """The item a quick change is about. Raises NotFound."""
    try:
        return UUID(request.POST.get("variant", ""))
    except ValueError as error:
        raise NotFound(what="inventory item") from error


class InventorySkuPage(StaffPage):
    """The way to an item by its SKU."""

    section = "inventory"

    def get(self, request: HttpRequest, sku: str) -> HttpResponse:
        """To its page."""
        return redirect("dashboard:inventory-item", variant_with_sku(sku.replace("\x00", "")))


class InventoryItemPage(StaffPage):
    """One item: how many there are, who holds them, what happened, and how to change it."""

    template = "dashboard/inventory_item.html"
    section = "inventory"
    done = DONE
    changes: ClassVar = {
        "receive": FULFILLERS,
        "adjust": FULFILLERS,
        "count": FULFILLERS,
        "rules": MANAGERS,
    }

    def get(self, request: HttpRequest, variant_id: UUID, **context: Any) -> HttpResponse:
        """The item, with its movements a page at a time."""
        item = stock_item(variant_id)
        rows, pager = listed(request, movements_of(variant_id), fields=("id", "id"), limit=20)
        days = next((days for days in DAYS if str(days) == request.GET.get("days")), DAYS[0])
        zone = zone_of(seller_account(request.tenant))
        history = stock_by_day(variant_id, days=days, zone=zone)
        locale = to_locale(get_language() or "en")
        return self.show(
            request,
            **{
                "item": item,
                "state": stock_state(item),
                "picture": thumbnails([item.pk]).get(item.pk, ""),
                "movements": with_reasons(rows),
                "kinds": KINDS,
                "pager": pager,
                "days": days,
                "all_days": DAYS,
                "chart": columns_chart(
                    [str(format_skeleton("MMMd", day, locale=locale)) for day, _units in history],
                    [units for _day, units in history],
                ),
                "holders": holders_of(variant_id),
                "reasons": [_(reason) for reason in REASONS],
                "receive_form": ReceiveForm(prefix="receive"),
                "adjust_form": AdjustForm(prefix="adjust"),
                "count_form": CountForm(
                    prefix="count", initial={"seen": item.current_stock, "reason": _(REASONS[0])}
                ),
                "rules_form": RulesForm(
                    prefix="rules",
                    initial={
                        "low_stock_threshold": item.low_stock_threshold,
                        "is_tracked": item.is_tracked,
                    },
                ),
                **context,
            },
        )

    def show_again(self, request: HttpRequest, variant_id: UUID, **context: Any) -> HttpResponse:
        """The page, with the form that was refused."""
        return self.get(request, variant_id, **context)

    def do_receive(self, request: HttpRequest, variant_id: UUID) -> HttpResponse:
        """Goods came in."""
        form = ReceiveForm(request.POST, prefix="receive")
        if not form.is_valid():
            return self._refuse(request, variant_id, receive_form=form)
        receive_stock(variant_id=variant_id, actor_id=self.user_id, **form.cleaned_data)
        return back("inventory-item", variant_id, done="received")

    def do_adjust(self, request: HttpRequest, variant_id: UUID) -> HttpResponse:
        """The count was wrong by so much."""
        form = AdjustForm(request.POST, prefix="adjust")
        if not form.is_valid():
            return self._refuse(request, variant_id, adjust_form=form)
        adjust_stock(variant_id=variant_id, actor_id=self.user_id, **form.cleaned_data)
        return back("inventory-item", variant_id, done="adjusted")

    def do_count(self, request: HttpRequest, variant_id: UUID) -> HttpResponse:
        """It was counted."""
        form = CountForm(request.POST, prefix="count")
        if not form.is_valid():
            return self._refuse(request, variant_id, count_form=form)
        values = form.cleaned_data
        outcome = take_stock(
            counts=[Count(variant_id, values["counted"], values["seen"])],
            reason=values["reason"],
            actor_id=self.user_id,
        )
        if problem := told(outcome):
            return self.show_again(request, variant_id, problem=problem, status=HTTPStatus.CONFLICT)
        return back("inventory-item", variant_id, done="counted")

    def do_rules(self, request: HttpRequest, variant_id: UUID) -> HttpResponse:
        """When to warn, and whether it is counted."""
        form = RulesForm(request.POST, prefix="rules")
        if not form.is_valid():
            return self._refuse(request, variant_id, rules_form=form)
        try:
            set_stock_rules(variant_id=variant_id, **form.cleaned_data)
        except Conflict as refusal:
            add_refusal(form, refusal)
            return self._refuse(request, variant_id, rules_form=form)
        return back("inventory-item", variant_id, done="saved")

    def _refuse(self, request: HttpRequest, variant_id: UUID, **form: forms.Form) -> HttpResponse:
        return self.show_again(request, variant_id, status=HTTPStatus.BAD_REQUEST, **form)
