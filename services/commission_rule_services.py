"""The operator's list of commission rules: written, moved, switched on and off, each with what it was before in the audit log.

Orders keep what they were placed with; nothing here changes one.
"""

from typing import Any, Literal
from uuid import UUID

from django.db import transaction

from core.db import marketplace_work
from core.errors import Invalid, NotFound
from core.money import BASIS_POINTS
from payouts.models import CommissionReturn, CommissionRule, FeeBearer
from services.audit_services import record_audit
from tenants.models import Tenant

# What a rule says; its place in the list and whether it is in force are changed on their own.
TERMS = (
    "name",
    "plan",
    "category",
    "tenant_id",
    "currency",
    "basis_points",
    "fixed_minor",
    "floor_minor",
    "cap_minor",
    "includes_shipping",
    "tax_basis_points",
    "returned",
    "fee_bearer",
)
Place = Literal["first", "last"]


@marketplace_work
@transaction.atomic
def create_rule(
    *, actor_id: UUID, place: Place = "first", is_active: bool = True, **terms: Any
) -> CommissionRule:
    """Add a rule at the head or the end of the list. Locks the list. Raises Invalid, naming the field."""
    check_terms(terms)
    rules = _lock_list()
    if place == "first":
        position = (rules[0].position if rules else 100) - 10
    else:
        position = (rules[-1].position if rules else 90) + 10
    rule = CommissionRule.objects.create(position=position, is_active=is_active, **terms)
    _note("commission.rule_created", rule, actor_id, after=_said(_set(rule)))
    return rule


@marketplace_work
@transaction.atomic
def update_rule(*, rule_id: int, actor_id: UUID, **terms: Any) -> CommissionRule:
    """Change what a rule says, from the next order on. Locks it. Raises NotFound, Invalid, naming the field."""
    rule = _locked(rule_id)
    before = _terms_of(rule)
    for name, value in terms.items():
        if name not in TERMS:
            raise Invalid(field=name, reason="is not a term of a rule")
        setattr(rule, name, value)
    check_terms({name: getattr(rule, name) for name in TERMS})
    after = _terms_of(rule)
    if after == before:
        return rule
    rule.save(update_fields=list(terms))
    changed = [name for name in after if after[name] != before[name]]
    _note(
        "commission.rule_changed",
        rule,
        actor_id,
        before=_said({name: before[name] for name in changed}),
        after=_said({name: after[name] for name in changed}),
    )
    return rule


@marketplace_work
@transaction.atomic
def move_rule(*, rule_id: int, is_up: bool, actor_id: UUID) -> list[CommissionRule]:
    """Change places with the neighbour above or below; the first cannot go up. Locks the list. Raises NotFound."""
    rules = _lock_list()
    at = next((index for index, rule in enumerate(rules) if rule.pk == rule_id), None)
    if at is None:
        raise NotFound(what="rule")
    to = at - 1 if is_up else at + 1
    if not 0 <= to < len(rules):
        return rules
    rules[at], rules[to] = rules[to], rules[at]
    for place, rule in enumerate(rules, 1):
        rule.position = 10 * place
    CommissionRule.objects.bulk_update(rules, ["position"])
    _note("commission.rule_moved", rules[to], actor_id, before=at + 1, after=to + 1)
    return rules


@marketplace_work
@transaction.atomic
def switch_rule(*, rule_id: int, is_active: bool, actor_id: UUID) -> CommissionRule:
    """Put a rule in force, or out of force, for orders from now on. Locks it. Raises NotFound."""
    rule = _locked(rule_id)
    if rule.is_active != is_active:
        rule.is_active = is_active
        rule.save(update_fields=["is_active"])
        _note("commission.rule_switched", rule, actor_id, before=not is_active, after=is_active)
    return rule


@marketplace_work
@transaction.atomic
def delete_rule(*, rule_id: int, actor_id: UUID) -> None:
    """Take a rule off the list. Locks it. Raises NotFound."""
    rule = _locked(rule_id)
    _note("commission.rule_deleted", rule, actor_id, before=_said(_set(rule)))
    rule.delete()


def check_terms(terms: dict[str, Any]) -> None:
    """What a rule may say. Raises Invalid, naming the field."""
    for name in ("basis_points", "tax_basis_points"):
        if not 0 <= terms.get(name, 0) <= BASIS_POINTS:
            raise Invalid(field=name, reason="must be 0 to 100 %")
    for name in ("fixed_minor", "floor_minor", "cap_minor"):
        if (terms.get(name) or 0) < 0:
            raise Invalid(field=name, reason="must not be below 0")
    cap = terms.get("cap_minor")
    if cap is not None and cap < terms.get("floor_minor", 0):
        raise Invalid(field="cap_minor", reason="must not be below the least")
    if terms.get("returned", CommissionReturn.PERCENTAGE) not in CommissionReturn.values:
        raise Invalid(field="returned", reason=f"must be one of {', '.join(CommissionReturn.values)}")
    if terms.get("fee_bearer", FeeBearer.SELLER) not in FeeBearer.values:
        raise Invalid(field="fee_bearer", reason=f"must be one of {', '.join(FeeBearer.values)}")
    tenant_id = terms.get("tenant_id")
    if tenant_id is not None and not Tenant.objects.filter(pk=tenant_id).exists():
        raise Invalid(field="tenant_id", reason="there is no such storefront")


def _terms_of(rule: CommissionRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in TERMS}


def _set(rule: CommissionRule) -> dict[str, Any]:
    """The terms that say something."""
    terms = _terms_of(rule)
    return {name: terms[name] for name in terms if terms[name] or name == "basis_points"}


def _said(terms: dict[str, Any]) -> str:
    """Terms as the audit log keeps them: "basis_points 1000, plan pro"."""
    return ", ".join(f"{name} {'none' if value in ('', None) else value}" for name, value in terms.items())


def _lock_list() -> list[CommissionRule]:
    """All rules in their order, locked in the order of their ids."""
    list(CommissionRule.objects.select_for_update().order_by("pk").values_list("pk"))
    return list(CommissionRule.objects.order_by("position", "pk"))


def _locked(rule_id: int) -> CommissionRule:
    rule = CommissionRule.objects.select_for_update().filter(pk=rule_id).first()
    if rule is None:
        raise NotFound(what="rule")
    return rule


def _note(action: str, rule: CommissionRule, actor_id: UUID, **facts: Any) -> None:
    tenant = Tenant.objects.filter(pk=rule.tenant_id).first() if rule.tenant_id else None
    record_audit(action, actor_id=actor_id, tenant=tenant, rule=rule.pk, name=rule.name, **facts)
