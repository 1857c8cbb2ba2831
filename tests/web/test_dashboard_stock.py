"""The stock as the staff sees and changes it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from services.inventory_services import (
    Count,
    StockLine,
    adjust_stock,
    change_stock,
    receive_stock,
    set_stock_rules,
    take_stock,
)
from services.order_history import SYSTEM
from services.order_services import cancel_order
from shop.models import InventoryMovement, MovementKind, Notification, Variant
from shop.selectors.stock import holders_of, stock_by_day, stock_figures, stock_list
from tests.factories.shop import item_of, make_order, make_product, make_variant, pay
from tests.factories.tenants import add_member, owner_of
from tests.web.test_dashboard import owner, sign_in  # noqa: F401 - fixtures
from tests.web.test_storefront import Browser

HOSTILE = '<script>alert("1")</script>'


@pytest.fixture
def fulfilment(serving) -> Browser:
    return sign_in(Browser(serving), add_member(serving, "fulfilment"))


def reserve(variant: Variant, units: int) -> None:
    change_stock(MovementKind.RESERVE, [StockLine(variant.pk, units)])


def of(browser: Browser, variant: Variant) -> str:
    return f"/dashboard/inventory/{variant.pk}"


# The list ---------------------------------------------------------------------------------------------------------


def test_the_list_tells_what_there_is_what_is_held_and_what_can_be_bought(owner):  # noqa: F811
    variant = make_variant(stock=10, title="Moon jar", sku="MOON-1")
    reserve(variant, 3)

    owner.get("/dashboard/inventory")

    assert "Moon jar" in owner.text
    row = owner.text.split("MOON-1")[1].split("</tr>")[0]
    assert ">10<" in row
    assert ">3<" in row
    assert "<b>7</b>" in row
    assert "In stock" in row


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=moon", {"MOON-1"}),
        ("q=mug-2", {"MUG-2"}),
        ("q=4006381333931", {"MUG-2"}),
        ("q=400638", set()),
        ("show=low", {"MUG-2", "BOWL-3"}),
        ("show=sold_out", {"BOWL-3"}),
        ("show=not_tracked", {"FREE-4"}),
        ("show=retired", {"OLD-5"}),
        ("show=nonsense", {"MOON-1", "MUG-2", "BOWL-3", "FREE-4"}),
        ("q=%00", {"MOON-1", "MUG-2", "BOWL-3", "FREE-4"}),
        ("q=%25", set()),
        ("cursor=%C3%A4nonsense", {"MOON-1", "MUG-2", "BOWL-3", "FREE-4"}),
    ],
)
def test_the_list_is_searched_and_filtered(owner, query, found):  # noqa: F811
    make_variant(stock=30, title="Moon jar", sku="MOON-1")
    make_variant(stock=2, sku="MUG-2", barcode="4006381333931")
    make_variant(stock=0, sku="BOWL-3")
    set_stock_rules(variant_id=make_variant(stock=0, sku="FREE-4").pk, is_tracked=False)
    Variant.objects.filter(pk=make_variant(sku="OLD-5").pk).update(is_active=False)
    # An item is low from the movement on that made it so; a new one without goods has had none.
    adjust_stock(variant_id=Variant.objects.get(sku="BOWL-3").pk, delta=1, reason="x")
    adjust_stock(variant_id=Variant.objects.get(sku="BOWL-3").pk, delta=-1, reason="x")

    assert owner.get(f"/dashboard/inventory?{query}").status_code == 200

    skus = {"MOON-1", "MUG-2", "BOWL-3", "FREE-4", "OLD-5"}
    assert {sku for sku in skus if f">{sku}<" in owner.text} == found


def test_the_list_goes_on_where_it_ended(owner):  # noqa: F811
    for number in range(27):
        make_variant(sku=f"N-{number:02}", stock=0)

    owner.get("/dashboard/inventory?q=N-")
    first = {f"N-{number:02}" for number in range(27) if f">N-{number:02}<" in owner.text}
    following = owner.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    owner.get(f"/dashboard/inventory{following}")
    second = {f"N-{number:02}" for number in range(27) if f">N-{number:02}<" in owner.text}

    assert (len(first), len(second), first & second) == (25, 2, set())


def test_the_figures_are_those_of_what_is_sold_and_counted(owner):  # noqa: F811
    reserve(make_variant(stock=10), 4)
    make_variant(stock=2)
    set_stock_rules(variant_id=make_variant(stock=100).pk, is_tracked=False)
    Variant.objects.filter(pk=make_variant(stock=1000).pk).update(is_active=False)

    assert stock_figures() == {"units": 12, "reserved": 4, "low": 1, "sold_out": 0}


def test_no_list_asks_more_than_twelve_questions(owner, django_assert_max_num_queries):  # noqa: F811
    for _ in range(12):
        make_variant()

    for path in ("", "?q=thing&show=low", "?take=1"):
        with django_assert_max_num_queries(12):
            assert owner.get(f"/dashboard/inventory{path}").status_code == 200


def test_what_sellers_type_is_shown_as_text(owner):  # noqa: F811
    variant = make_variant(title=HOSTILE, sku=HOSTILE[:30])
    adjust_stock(variant_id=variant.pk, delta=1, reason=HOSTILE)

    for path in ("/dashboard/inventory", "/dashboard/inventory?take=1", of(owner, variant)):
        owner.get(path)
        assert "<script>alert" not in owner.text
        assert "&lt;script&gt;" in owner.text


# Quick changes ----------------------------------------------------------------------------------------------------


def test_goods_are_received_from_the_list_and_it_is_as_it_was(fulfilment):
    variant = make_variant(stock=1)
    form = {"action": "receive", "variant": variant.pk, "quantity": "5", "reason": "Note 7"}

    response = fulfilment.post("/dashboard/inventory?q=thing&show=low&done=saved", form)

    assert response["Location"] == "/dashboard/inventory?q=thing&show=low&done=received"
    assert item_of(variant).current_stock == 6
    movement = InventoryMovement.objects.latest("id")
    assert (movement.kind, movement.reason) == ("receive", "Note 7")
    assert movement.actor_id is not None


def test_an_item_is_counted_from_the_list(fulfilment):
    variant = make_variant(stock=7)
    form = {"action": "count", "variant": variant.pk, "counted": "5", "seen": "7", "reason": "Two broke"}

    assert fulfilment.post("/dashboard/inventory", form).status_code == 302

    assert item_of(variant).current_stock == 5
    assert InventoryMovement.objects.latest("id").reason == "Two broke"


@pytest.mark.parametrize(
    "form",
    [
        {"action": "receive", "quantity": "0"},
        {"action": "receive", "quantity": "-3"},
        {"action": "receive", "quantity": "1.5"},
        {"action": "receive", "quantity": "9999999999"},
        {"action": "receive", "quantity": ""},
        {"action": "count", "counted": "3", "seen": "10"},
        {"action": "count", "counted": "3", "seen": "10", "reason": "   "},
        {"action": "count", "counted": "-1", "seen": "10", "reason": "x"},
        {"action": "count", "counted": "3", "seen": "x", "reason": "x"},
        {"action": "count", "counted": "3", "seen": "10", "reason": "a\u202eb"},
    ],
)
def test_a_quick_change_that_makes_no_sense_is_explained_and_changes_nothing(fulfilment, form):
    variant = make_variant(stock=10)

    assert fulfilment.post("/dashboard/inventory", {**form, "variant": variant.pk}).status_code == 400

    assert 'role="alert"' in fulfilment.text
    assert item_of(variant).current_stock == 10


@pytest.mark.parametrize("variant", [uuid4(), "nonsense", ""])
def test_there_is_nothing_to_change_of_an_item_that_is_not_here(fulfilment, variant):
    form = {"action": "receive", "variant": variant, "quantity": "1"}

    assert fulfilment.post("/dashboard/inventory", form).status_code == 404


@pytest.mark.parametrize("action", ["receive", "count", "take", "adjust", "rules", "", "nonsense"])
def test_support_looks_at_the_stock_and_changes_nothing(serving, action):
    support, variant = sign_in(Browser(serving), add_member(serving, "support")), make_variant(stock=10)
    form = {"action": action, "variant": variant.pk, "quantity": 1, "counted": 1, "seen": 10, "reason": "x"}

    assert support.get("/dashboard/inventory").status_code == 200
    assert "popovertarget" not in support.text
    assert support.get(of(support, variant)).status_code == 200
    assert 'name="action"' not in support.text
    assert support.post("/dashboard/inventory", form).status_code == 403
    assert support.post(of(support, variant), form).status_code == 403
    assert item_of(variant).current_stock == 10


# Stock-taking -----------------------------------------------------------------------------------------------------


def sheet(*rows: tuple[Variant, object, object], **more: str) -> dict:
    """A sheet as the browser sends it: (variant, what was counted, what the page showed)."""
    form = {"action": "take", "reason": "Spring count", **more}
    for variant, counted, seen in rows:
        form |= {f"count-{variant.pk}": str(counted), f"seen-{variant.pk}": str(seen)}
    return form


def test_many_counts_are_saved_at_once_and_what_was_not_counted_stays(fulfilment):
    less, more, same, skipped = (make_variant(stock=10) for _ in range(4))
    fulfilment.get("/dashboard/inventory?take=1")
    assert fulfilment.text.count('name="seen-') == 4
    before = InventoryMovement.objects.count()

    response = fulfilment.post(
        "/dashboard/inventory?take=1", sheet((less, 4, 10), (more, 12, 10), (same, 10, 10), (skipped, "", 10))
    )

    assert response["Location"] == "/dashboard/inventory?take=1&done=counted"
    assert [item_of(variant).current_stock for variant in (less, more, same, skipped)] == [4, 12, 10, 10]
    made = list(InventoryMovement.objects.order_by("id")[before:])
    assert {(row.kind, row.current_delta, row.reason) for row in made} == {
        ("adjust", -6, "Spring count"),
        ("adjust", 2, "Spring count"),
    }


def test_a_count_that_changed_meanwhile_is_told_and_not_overwritten(fulfilment):
    sold, other = make_variant(stock=10, sku="SOLD"), make_variant(stock=10)
    change_stock(MovementKind.RESERVE, [StockLine(sold.pk, 2)])
    change_stock(MovementKind.CONSUME, [StockLine(sold.pk, 2)])

    response = fulfilment.post("/dashboard/inventory?take=1", sheet((sold, 9, 10), (other, 6, 10)))

    assert response.status_code == 409
    assert "1 count is saved." in fulfilment.text
    assert "The count is 8 by now." in fulfilment.text
    assert 'value="9"' in fulfilment.text
    assert f'name="seen-{sold.pk}" value="8"' in fulfilment.text
    assert [item_of(variant).current_stock for variant in (sold, other)] == [8, 6]
    # Who has been told may still say so.
    assert fulfilment.post("/dashboard/inventory?take=1", sheet((sold, 9, 8))).status_code == 302
    assert item_of(sold).current_stock == 9


def test_a_count_below_what_orders_hold_is_told(fulfilment):
    held = make_variant(stock=10)
    reserve(held, 6)

    assert fulfilment.post("/dashboard/inventory?take=1", sheet((held, 5, 10))).status_code == 409
    assert "6 are held for orders" in fulfilment.text
    assert item_of(held).current_stock == 10


@pytest.mark.parametrize("typed", ["many", "-1", "1.5", "1e3", "9999999", "٣", "1000001"])
def test_what_is_no_number_is_marked_and_the_rest_is_saved(fulfilment, typed):
    wrong, right = make_variant(stock=10), make_variant(stock=10)

    response = fulfilment.post("/dashboard/inventory?take=1", sheet((wrong, typed, 10), (right, 3, 10)))

    assert response.status_code == 409
    assert "Write a whole number." in fulfilment.text
    assert f'value="{typed}"' in fulfilment.text
    assert [item_of(variant).current_stock for variant in (wrong, right)] == [10, 3]


def test_a_sheet_with_an_item_of_another_storefront_saves_nothing(fulfilment):
    right = make_variant(stock=10)
    stranger = uuid4()
    form = sheet((right, 3, 10)) | {f"count-{stranger}": "3", f"seen-{stranger}": "10"}

    assert fulfilment.post("/dashboard/inventory?take=1", form).status_code == 404
    assert item_of(right).current_stock == 10


def test_what_is_not_counted_stays_so_whatever_the_sheet_says(serving):
    variant = make_variant(stock=0)
    set_stock_rules(variant_id=variant.pk, is_tracked=False)

    outcome = take_stock(counts=[Count(variant.pk, 5, 0)], reason="x")

    assert (outcome.changed, outcome.moved, outcome.short) == (0, {}, {})
    assert item_of(variant).current_stock == 0


def test_a_count_at_the_threshold_warns_once(serving):
    variant = make_variant(stock=10)

    take_stock(counts=[Count(variant.pk, 4, 10)], reason="x")
    take_stock(counts=[Count(variant.pk, 3, 4)], reason="x")

    assert Notification.objects.filter(type="low_stock").count() == 1


# One item ---------------------------------------------------------------------------------------------------------


def test_an_item_tells_what_happened_to_it_and_who_did_it(owner, stripe_local):  # noqa: F811
    variant = make_variant(stock=10)
    person = owner_of(owner.tenant)
    person.name = "Grace Hopper"
    person.save()
    adjust_stock(variant_id=variant.pk, delta=-2, reason="Damaged", actor_id=person.pk)
    adjust_stock(variant_id=variant.pk, delta=-1, reason="Lost", actor_id=uuid4())
    paid, waiting = make_order((variant, 2)), make_order((variant, 1))
    pay(paid, stripe_local)

    owner.get(of(owner, variant))

    assert "Grace Hopper" in owner.text
    assert "somebody who has left" in owner.text
    assert f"/dashboard/orders/{paid.pk}" in owner.text
    assert "−2" in owner.text
    for words in ("Received", "Corrected", "Held for an order", "Sold"):
        assert words in owner.text
    assert f"Order #{waiting.number}" in owner.text
    holders = holders_of(variant.pk)
    assert [order["number"] for order in holders.orders] == [waiting.number]
    assert holders.to_send == 2


def test_a_cancelled_order_holds_nothing(serving):
    variant = make_variant(stock=10)
    order = make_order((variant, 4))
    assert holders_of(variant.pk).orders

    cancel_order(order_id=order.pk, actor=SYSTEM)

    assert not holders_of(variant.pk).orders


def test_the_chart_has_the_count_at_the_end_of_each_day(serving):
    variant, at = make_variant(stock=10), timezone.now()
    receive_stock(variant_id=variant.pk, quantity=5)
    adjust_stock(variant_id=variant.pk, delta=-3, reason="x")
    moves = list(InventoryMovement.objects.order_by("id"))
    for row, days in zip(moves, (40, 3, 1), strict=True):
        InventoryMovement.objects.filter(pk=row.pk).update(created_at=at - timedelta(days=days))

    shown = stock_by_day(variant.pk, days=5, zone=ZoneInfo("UTC"), at=at)
    assert [units for _, units in shown] == [10, 15, 15, 12, 12]
    assert stock_by_day(variant.pk, days=90, zone=ZoneInfo("UTC"), at=at)[0][1] == 0


def test_a_day_ends_at_the_sellers_midnight(serving):
    variant = make_variant(stock=10)
    InventoryMovement.objects.update(created_at=datetime(2026, 5, 9, 22, 30, tzinfo=UTC))
    at = datetime(2026, 5, 10, 12, tzinfo=UTC)

    berlin = dict(stock_by_day(variant.pk, days=2, zone=ZoneInfo("Europe/Berlin"), at=at))
    utc = dict(stock_by_day(variant.pk, days=2, zone=ZoneInfo("UTC"), at=at))

    assert list(berlin.values()) == [0, 10]
    assert list(utc.values()) == [10, 10]


@pytest.mark.parametrize(
    ("form", "after"),
    [
        ({"action": "receive", "receive-quantity": "4"}, 14),
        ({"action": "adjust", "adjust-delta": "-4", "adjust-reason": "Damaged"}, 6),
        ({"action": "count", "count-counted": "3", "count-seen": "10", "count-reason": "x"}, 3),
    ],
)
def test_an_item_is_changed_from_its_page(fulfilment, form, after):
    variant = make_variant(stock=10)

    response = fulfilment.post(of(fulfilment, variant), form)

    assert response.status_code == 302
    assert item_of(variant).current_stock == after
    fulfilment.get(response["Location"])
    assert 'role="status"' in fulfilment.text


@pytest.mark.parametrize(
    ("form", "said", "status"),
    [
        ({"action": "receive", "receive-quantity": "x"}, "whole number", 400),
        ({"action": "adjust", "adjust-delta": "0", "adjust-reason": "x"}, "changes nothing", 400),
        ({"action": "adjust", "adjust-delta": "-4"}, "This field is required.", 400),
        ({"action": "adjust", "adjust-delta": "-99", "adjust-reason": "x"}, "available", 409),
        (
            {"action": "count", "count-counted": "3", "count-seen": "9", "count-reason": "x"},
            "changed since",
            409,
        ),
    ],
)
def test_a_change_that_cannot_be_is_explained_on_the_item_s_page(fulfilment, form, said, status):
    variant = make_variant(stock=10)

    assert fulfilment.post(of(fulfilment, variant), form).status_code == status

    assert said in fulfilment.text
    assert item_of(variant).current_stock == 10


def test_rules_are_the_managers(fulfilment, owner):  # noqa: F811
    variant = make_variant(stock=10)
    form = {"action": "rules", "rules-low_stock_threshold": "20", "rules-is_tracked": "on"}

    assert fulfilment.post(of(fulfilment, variant), form).status_code == 403
    assert owner.post(of(owner, variant), form).status_code == 302

    item = item_of(variant)
    assert (item.low_stock_threshold, item.is_tracked) == (20, True)
    assert item.low_stock_since is not None


def test_while_orders_wait_for_money_counting_stays_as_it_is(owner):  # noqa: F811
    variant = make_variant(stock=10)
    make_order((variant, 1))

    response = owner.post(of(owner, variant), {"action": "rules", "rules-low_stock_threshold": "2"})

    assert response.status_code == 400
    assert "Open orders of this item wait" in owner.text
    assert item_of(variant).is_tracked


def test_an_item_is_found_by_its_sku(owner):  # noqa: F811
    variant = make_variant(sku="A/B-1")

    assert owner.get("/dashboard/inventory/by-sku/A/B-1")["Location"] == of(owner, variant)
    assert owner.get("/dashboard/inventory/by-sku/none").status_code == 404
    assert owner.get("/dashboard/inventory/by-sku/%00").status_code == 404
    assert owner.get(f"/dashboard/inventory/{uuid4()}").status_code == 404


def test_an_item_s_page_asks_no_more_than_twelve_questions(owner, django_assert_max_num_queries):  # noqa: F811
    variant = make_variant(stock=100)
    for _ in range(25):
        adjust_stock(variant_id=variant.pk, delta=-1, reason="x", actor_id=owner_of(owner.tenant).pk)
    make_order((variant, 1))

    with django_assert_max_num_queries(12):
        assert owner.get(f"{of(owner, variant)}?days=90").status_code == 200


def test_what_is_sold_no_more_is_not_in_the_list(serving):
    product = make_product()
    product.archived_at = timezone.now()
    product.save()

    assert not stock_list().exists()
    assert stock_list(show="retired").exists()
