"""Commission: the operator's list of rules, and a sale to try them on."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from core.errors import DomainError, Invalid, NotFound
from core.forms import add_refusal
from core.money import Money
from payouts.desk_selectors import commission_rules, find_rule, rule_history, seller_accounts
from payouts.models import CommissionRule
from services.commission_rule_services import create_rule, move_rule, switch_rule, update_rule
from services.commission_services import default_commission, preview_commission
from tenants.desk.asking import number_or_none
from tenants.desk.commission_forms import RuleForm, TryForm
from tenants.desk.frame import DeskPage, back
from tenants.desk.rule_words import shown_rules, words
from tenants.selectors import names_of

# Fields of the services' refusals, and of the form.
FIELDS = {
    "basis_points": "percentage",
    "tax_basis_points": "tax",
    "fixed_minor": "fixed",
    "floor_minor": "floor",
    "cap_minor": "cap",
    "tenant_id": "storefront",
}


class CommissionPage(DeskPage):
    """The rules in their order, in words; and what a sale would come to."""

    template = "desk/commission.html"
    section = "commission"
    changes: ClassVar[frozenset[str]] = frozenset({"up", "down", "on", "off"})
    done: ClassVar[dict[str, str]] = {
        "moved": "Moved.",
        "on": "In force, for orders from now on.",
        "off": "Switched off, for orders from now on.",
    }

    def get(self, request: HttpRequest) -> HttpResponse:
        """With `?amount=…` it tries the rules on a sale."""
        return self.show_again(request, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The list, and the try where there is one."""
        rules = commission_rules()
        rows = shown_rules(rules, seller_accounts({rule.tenant_id for rule in rules if rule.tenant_id}))
        is_tried = "amount" in request.GET
        form = TryForm(request.GET) if is_tried else TryForm()
        tried = self._tried(form, rules) if is_tried and form.is_valid() else None
        is_closed = any(
            row.rule.is_active and row.whom == "for everything" for row in rows
        )  # nothing is left for the settings
        return self.show(
            request,
            rows=rows,
            default=None if is_closed else words(default_commission()),
            form=form,
            tried=tried,
            **context,
        )

    def _tried(self, form: TryForm, rules: list[CommissionRule]) -> dict[str, Any]:
        said, money = form.cleaned_data, form.money
        goods, shipping = said["amount"], said["shipping"] or 0
        preview = preview_commission(
            tenant=form.tenant,
            currency=money,
            goods_minor=goods,
            shipping_minor=shipping,
            category=said["category"],
        )
        order = preview.order
        taken = order.amount_minor + order.tax_minor
        return {
            "place": next((at for at, rule in enumerate(rules, 1) if rule.pk == preview.rule_id), None),
            "rule": next((rule for rule in rules if rule.pk == preview.rule_id), None),
            "base": Money(order.rule["base_minor"], money),
            "paid": Money(goods + shipping, money),
            "commission": Money(order.amount_minor, money),
            "tax": Money(order.tax_minor, money),
            "seller": Money(goods + shipping - taken, money),
            "marketplace": Money(taken, money),
            "bears_fee": order.rule["fee_bearer"],
        }

    def do_up(self, request: HttpRequest) -> HttpResponse:
        """Before its neighbour."""
        move_rule(rule_id=_rule_id(request), is_up=True, actor_id=self.user_id)
        return back("commission", done="moved")

    def do_down(self, request: HttpRequest) -> HttpResponse:
        """After its neighbour."""
        move_rule(rule_id=_rule_id(request), is_up=False, actor_id=self.user_id)
        return back("commission", done="moved")

    def do_on(self, request: HttpRequest) -> HttpResponse:
        """In force."""
        switch_rule(rule_id=_rule_id(request), is_active=True, actor_id=self.user_id)
        return back("commission", done="on")

    def do_off(self, request: HttpRequest) -> HttpResponse:
        """Out of force."""
        switch_rule(rule_id=_rule_id(request), is_active=False, actor_id=self.user_id)
        return back("commission", done="off")


def _rule_id(request: HttpRequest) -> int:
    number = number_or_none(request.POST.get("rule", ""))
    if number is None:
        raise Invalid(field="rule", reason="is not known")
    return number


class RulePage(DeskPage):
    """One rule to write or change. Orders that were placed keep what they were placed with."""

    template = "desk/commission_rule.html"
    section = "commission"
    changes: ClassVar[frozenset[str]] = frozenset({"save"})

    def get(self, request: HttpRequest, rule_id: int | None = None) -> HttpResponse:
        """Raises NotFound."""
        return self.show_again(request, rule_id=rule_id, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """As it was typed, where that is refused."""
        rule_id = context.pop("rule_id", None)
        rule = find_rule(rule_id) if rule_id else None
        history = rule_history(rule) if rule else []
        form = context.pop("form", None) or RuleForm(rule=rule)
        people = names_of(entry.actor_id for entry in history)
        return self.show(request, rule=rule, form=form, history=history, people=people, **context)

    def do_save(self, request: HttpRequest, rule_id: int | None = None) -> HttpResponse:
        """From the next order on."""
        form = RuleForm(request.POST, rule=find_rule(rule_id) if rule_id else None)
        if form.is_valid():
            try:
                if rule_id:
                    update_rule(rule_id=rule_id, actor_id=self.user_id, **form.terms())
                else:
                    place = form.cleaned_data["place"] or "first"
                    create_rule(actor_id=self.user_id, place=place, **form.terms())
                return back("commission", done="saved")
            except NotFound:
                raise
            except DomainError as refusal:
                field = str(refusal.facts.get("field", ""))
                refusal.facts["field"] = FIELDS.get(field, field)
                add_refusal(form, refusal)
        return self.show_again(request, rule_id=rule_id, form=form, status=400)
