"""Commission rules at the desk: a list in words, changed with before and after, tried on a sale, and what is odd about it."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from core.errors import Invalid, NotFound
from payouts.models import CommissionRule, SellerAccount
from services.commission_rule_services import create_rule, move_rule, update_rule
from services.commission_services import commission_on_order, preview_commission
from shop.models import Category, Product, ShippingRate
from tenants.desk.rule_words import covers, crosses, shown_rules, whom, words
from tenants.models import AuditEntry
from tests.desk.conftest import Desk
from tests.desk.money_support import audited
from tests.factories.shop import make_order, make_variant
from tests.factories.tenants import make_operator, make_tenant, make_user, owner_of
from tests.factories.threads import at_once, failures
from tests.tenancy.support import MARKETPLACE

RULE = {
    "action": "save",
    "name": "",
    "storefront": "",
    "plan": "",
    "category": "",
    "currency": "EUR",
    "percentage": "10",
    "fixed": "0.30",
    "floor": "0.50",
    "cap": "20",
    "tax": "",
    "returned": "percentage",
    "fee_bearer": "seller",
    "place": "last",
}


def rule(**fields) -> CommissionRule:
    return CommissionRule.objects.create(**{"basis_points": 1_000, **fields})


def order_of_rules() -> list[int]:
    return list(CommissionRule.objects.order_by("position", "pk").values_list("pk", flat=True))


def test_nobody_but_operators_gets_in(serving):
    made = rule()
    for path in ("/desk/commission", "/desk/commission/new", f"/desk/commission/{made.pk}"):
        for person in (None, make_user(), owner_of(serving)):
            assert Desk(person).get(path).status_code == 302
            assert Desk(person).post(path, {**RULE, "rule": made.pk}).status_code == 302
    assert CommissionRule.objects.count() == 1


def test_forms_of_others_are_refused(operator):
    made = rule()
    attacker = Client(enforce_csrf_checks=True, HTTP_HOST=MARKETPLACE)
    attacker.force_login(operator)

    assert attacker.post("/desk/commission", {"action": "off", "rule": made.pk}).status_code == 403
    assert attacker.post("/desk/commission/new", RULE).status_code == 403
    assert CommissionRule.objects.get().is_active


# In words ---------------------------------------------------------------------------------------------------------


def test_rules_are_told_in_words(db):
    made = CommissionRule(
        basis_points=1_000,
        fixed_minor=30,
        floor_minor=50,
        cap_minor=2_000,
        plan="pro",
        category="mugs",
        currency="EUR",
    )

    assert words(made, "EUR") == "10 % + €0.30, at least €0.50, at most €20.00"
    assert whom(made) == "for plan pro, category mugs, in EUR"
    assert words(CommissionRule(basis_points=1_250, fixed_minor=30)) == "12.5 % + 0.30"
    assert words(CommissionRule(basis_points=2, fixed_minor=30, currency="JPY"), "JPY") == "0.02 % + ¥30"
    assert words(CommissionRule(basis_points=0, cap_minor=0)) == "0 %, at most 0.00"
    assert whom(CommissionRule()) == "for everything"


@pytest.mark.parametrize(
    ("above", "below", "is_never", "is_crossed"),
    [
        ({}, {"plan": "pro"}, True, False),
        ({"currency": "EUR"}, {"currency": "EUR", "category": "mugs"}, True, False),
        ({"plan": "pro"}, {}, False, False),
        ({"plan": "pro"}, {"plan": "pro"}, True, False),
        ({"plan": "pro"}, {"category": "mugs"}, False, True),
        ({"plan": "pro"}, {"plan": "basic"}, False, False),
        ({"currency": "EUR"}, {"plan": "pro"}, False, True),
        ({"currency": "EUR"}, {"plan": "pro", "currency": "USD"}, False, False),
        ({"is_active": False}, {"plan": "pro"}, False, False),
    ],
)
def test_rules_that_can_never_match_and_rules_that_cross_are_pointed_out(above, below, is_never, is_crossed):
    rows = shown_rules([CommissionRule(basis_points=1, **above), CommissionRule(basis_points=2, **below)], {})

    assert (bool(rows[1].never), bool(rows[1].notes)) == (is_never, is_crossed)
    assert not rows[0].never


def test_what_covers_what_is_not_both_ways():
    wide, narrow = CommissionRule(basis_points=1), CommissionRule(basis_points=1, plan="pro")
    assert covers(wide, narrow)
    assert not covers(narrow, wide)
    assert not crosses(wide, narrow)


def test_a_rule_for_a_seller_of_another_plan_or_currency_never_matches(desk, tenant):
    rule(position=1, tenant=tenant, plan="pro")
    rule(position=2, tenant=tenant, currency="USD")
    rule(position=3, basis_points=1_500)
    SellerAccount.objects.filter(tenant=tenant).update(plan="basic")

    desk.get("/desk/commission")

    assert desk.text.count("Never matches") == 2
    assert "on the plan basic" in desk.text
    assert "sells in EUR" in desk.text


def test_the_list_shows_the_order_and_what_is_left_to_the_settings(desk, django_assert_max_num_queries):
    rule(position=1, plan="pro", name="<b>Our best</b>")
    with django_assert_max_num_queries(12):
        desk.get("/desk/commission")
    assert "&lt;b&gt;Our best" in desk.text
    assert "for all that no rule matches" in desk.text
    assert f"{settings.COMMISSION_BASIS_POINTS / 100:g} %" in desk.text

    rule(position=2)
    for number in range(40):
        rule(position=10 + number, tenant=make_tenant() if number < 3 else None, plan="x")
    with django_assert_max_num_queries(12):
        desk.get("/desk/commission")
    assert "for all that no rule matches" not in desk.text


# Writing and changing ---------------------------------------------------------------------------------------------


def test_a_rule_is_written_from_what_is_typed_and_noted(desk, tenant):
    rule(position=5)
    form = {
        **RULE,
        "storefront": tenant.slug,
        "plan": "pro",
        "category": "mugs",
        "tax": "19",
        "currency": "eur",
    }

    assert desk.post("/desk/commission/new", form).status_code == 302

    made = CommissionRule.objects.latest("pk")
    assert (made.basis_points, made.fixed_minor, made.floor_minor, made.cap_minor) == (1_000, 30, 50, 2_000)
    assert (made.tenant, made.plan, made.category, made.currency) == (tenant, "pro", "mugs", "EUR")
    assert made.tax_basis_points == 1_900
    assert order_of_rules()[-1] == made.pk
    (entry,) = audited("commission.rule_created")
    assert (entry.actor_id, entry.tenant) == (desk.person.pk, tenant)
    assert "basis_points 1000" in entry.facts["after"]

    desk.post("/desk/commission/new", {**RULE, "place": "first"})
    assert order_of_rules()[0] == CommissionRule.objects.latest("pk").pk


def test_yen_have_no_decimals(desk):
    assert desk.post("/desk/commission/new", {**RULE, "currency": "JPY"}).status_code == 400
    form = {**RULE, "currency": "JPY", "fixed": "30", "floor": "", "cap": "1000"}
    assert desk.post("/desk/commission/new", form).status_code == 302
    made = CommissionRule.objects.get()
    assert (made.fixed_minor, made.cap_minor) == (30, 1_000)
    desk.get(f"/desk/commission/{made.pk}")
    assert 'name="cap" value="1000"' in desk.text


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("percentage", "", "required"),
        ("percentage", "101", "100"),
        ("percentage", "-1", "0"),
        ("percentage", "1.005", "decimal"),
        ("percentage", "NaN", "number"),
        ("fixed", "-1", "0"),
        ("fixed", "0.305", "decimals"),
        ("cap", "0.40", "below what is taken at least"),
        ("currency", "EURO", "characters"),
        ("currency", "12€", "three letters"),
        ("storefront", "nobody-here", "No storefront has this slug"),
        ("category", "two words", "letters, digits"),
        ("plan", "p" * 41, "40"),
        ("tax", "100.01", "100"),
        ("returned", "sometimes", "valid choice"),
        ("fee_bearer", "nobody", "valid choice"),
    ],
)
def test_what_is_no_rule_is_explained_beside_the_field_and_nothing_is_written(desk, field, value, told):
    assert desk.post("/desk/commission/new", {**RULE, field: value}).status_code == 400
    assert told in desk.text
    assert not CommissionRule.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="commission").exists()


def test_a_change_is_noted_with_before_and_after_and_no_change_is_not(desk):
    made = rule(currency="EUR", fixed_minor=30, floor_minor=50, cap_minor=2_000)
    desk.post(f"/desk/commission/{made.pk}", RULE)
    assert audited("commission.rule_changed") == []

    desk.post(f"/desk/commission/{made.pk}", {**RULE, "percentage": "12.5", "cap": ""})

    made.refresh_from_db()
    assert (made.basis_points, made.cap_minor) == (1_250, None)
    (entry,) = audited("commission.rule_changed")
    assert entry.facts["before"] == "basis_points 1000, cap_minor 2000"
    assert entry.facts["after"] == "basis_points 1250, cap_minor none"
    assert entry.actor_id == desk.person.pk
    desk.get(f"/desk/commission/{made.pk}")
    assert "basis_points 1000, cap_minor 2000" in desk.text
    assert desk.person.name in desk.text


def test_a_rule_that_is_not_there_is_not_found(desk):
    assert desk.get("/desk/commission/4711").status_code == 404
    assert desk.post("/desk/commission/4711", RULE).status_code == 404
    for number in ("4711", "", "x", "9" * 30):
        assert desk.post("/desk/commission", {"action": "up", "rule": number}).status_code in (400, 404)
    with pytest.raises(NotFound):
        update_rule(rule_id=4711, actor_id=desk.person.pk, basis_points=1)


def test_the_service_refuses_what_no_form_would_send(operator):
    made = rule()
    for terms in (
        {"basis_points": 10_001},
        {"fixed_minor": -1},
        {"cap_minor": 5, "floor_minor": 6},
        {"returned": "x"},
        {"fee_bearer": "x"},
        {"tenant_id": operator.pk},
        {"position": 1},
    ):
        with pytest.raises(Invalid):
            update_rule(rule_id=made.pk, actor_id=operator.pk, **terms)
    made.refresh_from_db()
    assert made.basis_points == 1_000


def test_rules_change_places_with_their_neighbours(desk):
    first, second, third = (rule() for _ in range(3))  # all at the same position
    assert order_of_rules() == [first.pk, second.pk, third.pk]

    desk.post("/desk/commission", {"action": "up", "rule": third.pk})
    assert order_of_rules() == [first.pk, third.pk, second.pk]
    desk.post("/desk/commission", {"action": "down", "rule": first.pk})
    assert order_of_rules() == [third.pk, first.pk, second.pk]
    desk.post("/desk/commission", {"action": "up", "rule": third.pk})
    desk.post("/desk/commission", {"action": "down", "rule": second.pk})
    assert order_of_rules() == [third.pk, first.pk, second.pk]
    assert [(entry.facts["before"], entry.facts["after"]) for entry in audited("commission.rule_moved")] == [
        ("3", "2"),
        ("1", "2"),
    ]


def test_moves_at_once_leave_a_list_in_order(committed):
    person = make_operator()
    made = [rule(position=10 * number) for number in range(6)]

    results = at_once(
        [
            lambda each=each, up=up: move_rule(rule_id=each.pk, is_up=up, actor_id=person.pk)
            for each in made
            for up in (True, False)
        ]
    )

    assert failures(results) == []
    assert sorted(order_of_rules()) == sorted(each.pk for each in made)
    positions = list(CommissionRule.objects.order_by("position").values_list("position", flat=True))
    assert positions == [10, 20, 30, 40, 50, 60]


def test_a_rule_is_switched_off_and_on(desk):
    made = rule()

    for action in ("off", "off", "on"):
        assert desk.post("/desk/commission", {"action": action, "rule": made.pk}).status_code == 302
        made.refresh_from_db()
        assert made.is_active is (action == "on")
    assert [entry.facts["after"] for entry in audited("commission.rule_switched")] == ["False", "True"]


def test_editing_changes_no_order_that_was_placed(desk, serving):
    ShippingRate.objects.update(price_minor=0)
    made = rule(fixed_minor=30)
    before = make_order((make_variant(price_minor=10_000), 1))
    frozen = (before.commission_minor, before.commission_rule)

    desk.post(f"/desk/commission/{made.pk}", {**RULE, "currency": "", "percentage": "50", "cap": ""})
    desk.post("/desk/commission/new", {**RULE, "place": "first", "percentage": "99", "cap": ""})
    desk.post("/desk/commission", {"action": "off", "rule": made.pk})

    before.refresh_from_db()
    assert (before.commission_minor, before.commission_rule) == frozen
    assert before.commission_minor == 1_030
    assert make_order((make_variant(price_minor=10_000), 1)).commission_minor == 9_930


# Trying -----------------------------------------------------------------------------------------------------------


def test_a_sale_is_tried_on_the_rules_and_comes_to_what_an_order_does(desk, serving):
    ShippingRate.objects.update(price_minor=0)
    art = Category.objects.create(slug="art", name="Art")
    Category.objects.create(slug="prints", name="Prints", parent=art)
    rule(position=1, plan="pro", basis_points=500)
    special = rule(position=2, category="art", basis_points=2_000, fixed_minor=30, tax_basis_points=1_900)
    rule(position=3)

    desk.get(f"/desk/commission?amount=100.00&storefront={serving.slug}&category=prints")
    assert "Rule 2</a></b> wins" in desk.text
    for text in ("€20.30", "€3.86", "€24.16", "€75.84"):
        assert text in desk.text, text

    variant = make_variant(price_minor=10_000)
    Product.objects.filter(pk=variant.product_id).update(category=Category.objects.get(slug="prints"))
    order = make_order((variant, 1))
    assert (order.commission_minor, order.commission_tax_minor) == (2_030, 386)
    assert special.pk

    desk.get(f"/desk/commission?amount=100&storefront={serving.slug}")
    assert "Rule 3</a></b> wins" in desk.text
    SellerAccount.objects.filter(tenant=serving).update(plan="pro")
    desk.get(f"/desk/commission?amount=100&storefront={serving.slug}&category=prints")
    assert "Rule 1</a></b> wins" in desk.text


def test_where_no_rule_matches_the_settings_decide(desk, db):
    rule(plan="pro")
    desk.get("/desk/commission?amount=10")
    assert "<b>No rule</b> matches" in desk.text


@pytest.mark.parametrize("shipping", [0, 490])
def test_the_preview_and_an_order_agree_on_every_rule(tenant, shipping):
    for terms in (
        {"basis_points": 1_000, "fixed_minor": 30},
        {"basis_points": 333, "floor_minor": 99, "includes_shipping": True},
        {"basis_points": 9_999, "cap_minor": 7, "tax_basis_points": 1_900},
        {"basis_points": 0, "fixed_minor": 1_000_000},
    ):
        CommissionRule.objects.all().delete()
        made = rule(**terms)
        preview = preview_commission(
            tenant=tenant, currency="EUR", goods_minor=1_999, shipping_minor=shipping
        )
        from services.commission_services import Saleable

        order = commission_on_order(tenant=tenant, currency="EUR", lines=[Saleable(1_999, shipping)])
        assert preview.rule_id == made.pk
        assert preview.order == order


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("amount=x", "number"),
        ("amount=-1", "0"),
        ("amount=", "required"),
        ("amount=1&storefront=nobody", "No storefront"),
        ("amount=1&currency=E", "three letters"),
        ("amount=1.005", "decimals"),
        ("amount=1&category=a%20b", "valid"),
    ],
)
def test_what_cannot_be_tried_is_explained(desk, query, told):
    rule()
    assert desk.get(f"/desk/commission?{query}").status_code == 200
    assert told in desk.text
    assert "wins" not in desk.text.partition("<aside>")[2]


# The admin --------------------------------------------------------------------------------------------------------


def test_the_admin_s_changes_go_by_the_same_service(operator, client, tenant):
    client.force_login(operator)
    made = rule(fixed_minor=30)
    host = {"HTTP_HOST": MARKETPLACE}

    def path(name, *args):
        return reverse(f"admin:payouts_commissionrule_{name}", urlconf="config.urls_public", args=args)

    form = {
        "position": "7",
        "basis_points": "1200",
        "fixed_minor": "30",
        "floor_minor": "0",
        "tax_basis_points": "0",
        "returned": "percentage",
        "fee_bearer": "seller",
        "is_active": "on",
    }
    assert client.post(path("change", made.pk), form, **host).status_code == 302
    made.refresh_from_db()
    assert (made.basis_points, made.position) == (1_200, 7)
    assert audited("commission.rule_changed")[0].facts["before"] == "basis_points 1000"

    assert client.post(path("add"), {**form, "tenant": str(tenant.pk)}, **host).status_code == 302
    added = CommissionRule.objects.latest("pk")
    assert (added.tenant, added.position) == (tenant, 7)
    assert len(audited("commission.rule_created")) == 1
    client.post(path("delete", added.pk), {"post": "yes"}, **host)
    assert not CommissionRule.objects.filter(pk=added.pk).exists()
    assert len(audited("commission.rule_deleted")) == 1


def test_a_rule_is_made_at_the_head_of_an_empty_list(operator):
    assert create_rule(actor_id=operator.pk, basis_points=100).position == 90
    assert create_rule(actor_id=operator.pk, place="last", basis_points=100).position == 100
