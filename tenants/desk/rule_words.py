"""Commission rules in words, and what is odd about a list of them: rules that can never match, and rules that cross."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.money import Money, to_major
from payouts.models import CommissionRule, SellerAccount
from services.commission_services import Commission

RETURNED = {
    "all": "all of it goes back with a refund",
    "percentage": "the percentage goes back with a refund",
    "none": "nothing goes back with a refund",
}


def percent(basis_points: int) -> str:
    """1250 -> "12.5 %"."""
    return f"{basis_points / 100:g} %"


def amount(minor: int, currency: str) -> str:
    """In the rule's currency; a rule for all of them counts in hundredths where a currency has them."""
    return Money(minor, currency).format() if currency else f"{to_major(minor, 'EUR'):.2f}"


def words(terms: Commission | CommissionRule, currency: str = "") -> str:
    """What is taken: "10 % + €0.30, at least €0.50, at most €20.00, of shipping too"."""
    said = percent(terms.basis_points)
    if terms.fixed_minor:
        said += f" + {amount(terms.fixed_minor, currency)}"
    if terms.floor_minor:
        said += f", at least {amount(terms.floor_minor, currency)}"
    if terms.cap_minor is not None:
        said += f", at most {amount(terms.cap_minor, currency)}"
    if terms.includes_shipping:
        said += ", of shipping too"
    if terms.tax_basis_points:
        said += f", and {percent(terms.tax_basis_points)} tax on it"
    return said


def whom(rule: CommissionRule) -> str:
    """What it is for: "for plan pro, category mugs, in EUR", or "for everything"."""
    parts = []
    if rule.tenant_id:
        parts.append(f"storefront {rule.tenant.slug if rule.tenant else rule.tenant_id}")
    if rule.plan:
        parts.append(f"plan {rule.plan}")
    if rule.category:
        parts.append(f"category {rule.category}")
    said = f"for {', '.join(parts)}" if parts else "for everything"
    return said + (f", in {rule.currency}" if rule.currency else "")


@dataclass
class ShownRule:
    """A rule with its place in the list, and what somebody should know about it."""

    rule: CommissionRule
    place: int
    what: str
    whom: str
    more: str
    never: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def shown_rules(rules: Sequence[CommissionRule], accounts: dict[object, SellerAccount]) -> list[ShownRule]:
    """The list in words. `accounts`: those of the sellers that rules name, by tenant id."""
    shown: list[ShownRule] = []
    for place, rule in enumerate(rules, 1):
        bearer = "the marketplace" if rule.fee_bearer == "marketplace" else "the seller"
        more = f"{RETURNED[rule.returned]}; {bearer} bears Stripe's fee"
        row = ShownRule(rule, place, words(rule, rule.currency), whom(rule), more[0].upper() + more[1:])
        if rule.is_active:
            _look(row, [each for each in shown if each.rule.is_active], accounts.get(rule.tenant_id))
        shown.append(row)
    return shown


def _look(row: ShownRule, above: list[ShownRule], account: SellerAccount | None) -> None:
    if account is not None and row.rule.plan and account.plan != row.rule.plan:
        plan = f"on the plan {account.plan}" if account.plan else "on no plan"
        row.never.append(f"This seller is {plan}.")
    if account is not None and row.rule.currency and account.tenant.currency != row.rule.currency:
        row.never.append(f"This seller sells in {account.tenant.currency}.")
    winner = next((each for each in above if covers(each.rule, row.rule)), None)
    if winner is not None:
        row.never.append(f"Rule {winner.place} above it matches all that this one could.")
    if row.never:
        return
    # A rule for a storefront meets no rule for another plan than the storefront's.
    met = [each for each in above if account is None or each.rule.plan in ("", account.plan)]
    places = [str(each.place) for each in met if crosses(each.rule, row.rule)]
    if places:
        rules = (
            f"rule {places[0]} above it wins"
            if len(places) == 1
            else f"rules {', '.join(places)} above it win"
        )
        row.notes.append(f"Where both match, {rules}.")


def _conditions(rule: CommissionRule) -> list[object]:
    return [rule.tenant_id or "", rule.plan, rule.category, rule.currency]


def covers(one: CommissionRule, other: CommissionRule) -> bool:
    """Whether all that `other` matches is matched by `one`, too."""
    return all(
        not mine or mine == theirs for mine, theirs in zip(_conditions(one), _conditions(other), strict=True)
    )


def crosses(one: CommissionRule, other: CommissionRule) -> bool:
    """Whether a sale can match both, and neither is an exception from the other."""
    pairs = list(zip(_conditions(one), _conditions(other), strict=True))
    can_meet = all(not mine or not theirs or mine == theirs for mine, theirs in pairs)
    return can_meet and not covers(one, other) and not covers(other, one)
