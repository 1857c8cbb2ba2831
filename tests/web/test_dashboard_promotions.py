"""Promotions as the staff makes and tries them."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from payouts.models import CommissionRule, SellerAccount
from services.order_history import SYSTEM
from services.order_services import cancel_order
from services.promotion_services import fund_promotion, save_promotion
from shop.models import Product, Promotion
from tests.factories.shop import make_order, make_promotion, make_variant
from tests.factories.tenants import add_member, make_operator
from tests.web.test_dashboard import owner, sign_in  # noqa: F401 - fixtures
from tests.web.test_storefront import Browser

NEW = "/dashboard/promotions/new"
TYPED = {
    "code": "spring10",
    "kind": "percentage",
    "percentage": "10",
    "amount": "",
    "minimum": "",
    "starts_at": "",
    "ends_at": "",
    "usage_limit": "",
    "per_buyer_limit": "",
    "is_active": "on",
}


def typed(action: str = "save", **changes: object) -> dict:
    return {**TYPED, "action": action, **changes}


def trying(*lines: tuple, **changes: object) -> dict:
    """The form with a cart to try it with."""
    return {
        **typed("preview", **changes),
        "item": [str(variant.pk) for variant, _ in lines],
        **{f"units-{variant.pk}": str(units) for variant, units in lines},
    }


def shown(browser: Browser, element: str) -> str:
    return re.search(rf'id="{element}">([^<]*)<', browser.text)[1]


def reasons(browser: Browser) -> str:
    return browser.text.split('class="why"')[1].split("</ul>")[0]


# The list ---------------------------------------------------------------------------------------------------------


def test_the_list_tells_each_one_s_state_and_what_it_gave_away(owner):  # noqa: F811
    at = timezone.now()
    used = make_promotion(code="GIVEN", usage_limit=9)
    make_order((make_variant(price_minor=2000), 1), code="GIVEN")
    undone = make_order((make_variant(price_minor=5000), 1), code="GIVEN", email="b@example.com")
    cancel_order(order_id=undone.pk, actor=SYSTEM)
    make_promotion(code="LATER", starts_at=at + timedelta(days=3))
    make_promotion(code="OVER", ends_at=at - timedelta(minutes=1))
    make_promotion(code="OFF", is_active=False)
    make_promotion(code="DRAINED", usage_limit=1)
    make_order((make_variant(price_minor=1000), 1), code="DRAINED")

    owner.get("/dashboard/promotions")

    def row(code: str) -> str:
        return owner.text.split(f">{code}<")[1].split("</tr>")[0]

    assert "€2.00" in row("GIVEN")
    assert re.search(r"1 <span class=.soft.>/ 9<", row("GIVEN"))
    for code, state in (
        ("GIVEN", "Active"),
        ("LATER", "Scheduled"),
        ("OVER", "Ended"),
        ("OFF", "Switched off"),
        ("DRAINED", "Used up"),
    ):
        assert f">{state}<" in row(code)
    used.refresh_from_db()
    assert used.times_redeemed == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=active", {"NOW"}),
        ("state=scheduled", {"LATER"}),
        ("state=inactive", {"OFF"}),
        ("state=nonsense", {"NOW", "LATER", "OFF"}),
        ("q=late", {"LATER"}),
        ("q=%00", {"NOW", "LATER", "OFF"}),
        ("q=%25", set()),
    ],
)
def test_the_list_is_filtered(owner, query, found):  # noqa: F811
    make_promotion(code="NOW")
    make_promotion(code="LATER", starts_at=timezone.now() + timedelta(days=3))
    make_promotion(code="OFF", is_active=False)

    assert owner.get(f"/dashboard/promotions?{query}").status_code == 200

    assert {code for code in ("NOW", "LATER", "OFF") if f">{code}<" in owner.text} == found


def test_one_is_switched_off_and_on_again_from_the_list(owner):  # noqa: F811
    promotion = make_promotion()
    form = {"action": "switch", "promotion": promotion.pk}

    assert owner.post("/dashboard/promotions?state=active", {**form, "to": "off"})["Location"].endswith(
        "?state=active&done=saved"
    )
    promotion.refresh_from_db()
    assert not promotion.is_active
    owner.post("/dashboard/promotions", {**form, "to": "on"})
    promotion.refresh_from_db()
    assert promotion.is_active
    assert owner.post("/dashboard/promotions", {**form, "promotion": uuid4()}).status_code == 404
    assert owner.post("/dashboard/promotions", {**form, "promotion": "x"}).status_code == 400


def test_no_page_asks_more_than_twelve_questions(owner, django_assert_max_num_queries):  # noqa: F811
    variants = [make_variant() for _ in range(5)]
    promotion = make_promotion()
    for _ in range(9):
        make_promotion()
    make_order(code=promotion.code)

    for path in ("/dashboard/promotions", NEW, f"/dashboard/promotions/{promotion.pk}"):
        with django_assert_max_num_queries(12):
            assert owner.get(path).status_code == 200
    with django_assert_max_num_queries(14):  # the form's token, and a search
        owner.post(NEW, trying(*((variant, 2) for variant in variants), find="thing"))


# Who --------------------------------------------------------------------------------------------------------------


def test_support_looks_and_tries_and_changes_nothing(serving):
    support = sign_in(Browser(serving), add_member(serving, "support"))
    promotion = make_promotion(code="TRIED", percentage_basis_points=2500)
    path, variant = f"/dashboard/promotions/{promotion.pk}", make_variant(price_minor=1000)

    assert support.get("/dashboard/promotions").status_code == 200
    assert "Switch off" not in support.text
    assert support.get(NEW).status_code == 403
    assert support.get(path).status_code == 200
    assert 'value="save"' not in support.text
    # What they send beside the cart counts for nothing.
    assert support.post(path, trying((variant, 1), code="TRIED", percentage="90")).status_code == 200
    assert shown(support, "trial-total") == "€12.40"
    for form in (typed(), typed("switch", promotion=promotion.pk)):
        assert support.post(path, form).status_code == 403
        assert support.post(NEW, form).status_code == 403
        assert support.post("/dashboard/promotions", form).status_code == 403


def test_promotions_are_none_of_the_packers_business(serving):
    packer = sign_in(Browser(serving), add_member(serving, "fulfilment"))

    for path in ("/dashboard/promotions", NEW, f"/dashboard/promotions/{make_promotion().pk}"):
        assert packer.get(path).status_code == 403


def test_there_is_no_promotion_of_another_storefront(owner):  # noqa: F811
    assert owner.get(f"/dashboard/promotions/{uuid4()}").status_code == 404
    assert owner.post(f"/dashboard/promotions/{uuid4()}", typed()).status_code == 404


# Making one -------------------------------------------------------------------------------------------------------


def test_a_percentage_is_made_and_buyers_can_use_it(owner):  # noqa: F811
    response = owner.post(NEW, typed(percentage="12.5", minimum="30", usage_limit="100", per_buyer_limit="1"))

    promotion = Promotion.objects.get()
    assert response["Location"] == f"/dashboard/promotions/{promotion.pk}?done=added"
    assert (promotion.code, promotion.percentage_basis_points, promotion.amount_minor) == (
        "SPRING10",
        1250,
        None,
    )
    assert (promotion.minimum_spend_minor, promotion.usage_limit, promotion.per_buyer_limit) == (3000, 100, 1)
    order = make_order((make_variant(price_minor=4000), 1), code="SPRING10")
    assert order.discount_minor == 500


def test_a_percentage_becomes_an_amount(owner):  # noqa: F811
    promotion = make_promotion(code="CHANGES")
    path = f"/dashboard/promotions/{promotion.pk}"
    owner.get(path)
    assert 'value="10"' in owner.text

    assert owner.post(path, typed(code="CHANGES", kind="fixed", amount="4.20")).status_code == 302

    promotion.refresh_from_db()
    assert (promotion.kind, promotion.amount_minor, promotion.percentage_basis_points) == ("fixed", 420, None)


def test_a_yen_has_no_decimals(owner):  # noqa: F811
    owner.tenant.currency = "JPY"
    owner.tenant.save()

    assert owner.post(NEW, typed(kind="fixed", amount="500.5")).status_code == 400
    assert "JPY has 0 decimals" in owner.text
    owner.post(NEW, typed(kind="fixed", amount="500"))
    assert (Promotion.objects.get().amount_minor, Promotion.objects.get().currency) == (500, "JPY")


def test_times_are_those_of_the_seller_s_clock(owner):  # noqa: F811
    SellerAccount.objects.filter(tenant=owner.tenant).update(time_zone="Europe/Berlin")

    owner.post(NEW, typed(starts_at="2026-07-01T00:00", ends_at="2026-12-01T00:00"))

    promotion = Promotion.objects.get()
    assert promotion.starts_at == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert promotion.ends_at == datetime(2026, 11, 30, 23, tzinfo=UTC)
    owner.get(f"/dashboard/promotions/{promotion.pk}")
    assert 'value="2026-07-01T00:00"' in owner.text
    assert 'value="2026-12-01T00:00"' in owner.text
    assert "Europe/Berlin" in owner.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": ""}, "This field is required."),
        ({"code": "x"}, "Two to forty letters"),
        ({"code": "SÜSS"}, "Two to forty letters"),
        ({"code": "A B"}, "Two to forty letters"),
        ({"code": "<script>alert(1)</script>"}, "Two to forty letters"),
        ({"kind": "free"}, "Select a valid choice."),
        ({"percentage": ""}, "Say how much it takes off."),
        ({"percentage": "0"}, "greater than or equal to 0.01"),
        ({"percentage": "100.01"}, "less than or equal to 100"),
        ({"percentage": "1.234"}, "2 decimal places"),
        ({"percentage": "NaN"}, "Enter a number."),
        ({"kind": "fixed", "amount": ""}, "Say how much it takes off."),
        ({"kind": "fixed", "amount": "0"}, "More than 0."),
        ({"kind": "fixed", "amount": "-5"}, "greater than or equal to 0"),
        ({"kind": "fixed", "amount": "1e30"}, "digits"),
        ({"minimum": "1.999"}, "EUR has 2 decimals."),
        ({"starts_at": "tomorrow"}, "Enter a valid date/time."),
        ({"starts_at": "0001-01-01T00:00"}, "greater than or equal"),
        ({"ends_at": "9999-12-31T23:59"}, "less than or equal"),
        ({"ends_at": "2020-01-01T00:00"}, "It must end after it starts."),
        ({"starts_at": "2027-01-02T00:00", "ends_at": "2027-01-01T00:00"}, "It must end after it starts."),
        ({"usage_limit": "0"}, "greater than or equal to 1"),
        ({"usage_limit": "99999999999"}, "less than or equal"),
        ({"per_buyer_limit": "1.5"}, "whole number"),
    ],
)
def test_what_makes_no_sense_is_explained_and_not_made(owner, changes, said):  # noqa: F811
    assert owner.post(NEW, typed(**changes)).status_code == 400

    assert said in owner.text
    assert "<script>alert" not in owner.text
    assert not Promotion.objects.exists()


def test_a_time_that_the_clocks_leave_out_is_explained(owner):  # noqa: F811
    SellerAccount.objects.filter(tenant=owner.tenant).update(time_zone="Europe/Berlin")

    assert owner.post(NEW, typed(starts_at="2027-03-28T02:30")).status_code == 400
    assert not Promotion.objects.exists()


def test_a_code_is_there_once(owner):  # noqa: F811
    make_promotion(code="TAKEN")

    assert owner.post(NEW, typed(code="taken")).status_code == 409
    assert "There is a promotion with this code already." in owner.text
    assert Promotion.objects.count() == 1


def test_a_limit_below_its_uses_is_refused(owner):  # noqa: F811
    promotion = make_promotion(code="USED")
    for number in range(2):
        make_order(code="USED", email=f"b{number}@example.com")

    response = owner.post(f"/dashboard/promotions/{promotion.pk}", typed(code="USED", usage_limit="1"))

    assert response.status_code == 400
    assert "used 2 times already" in owner.text
    promotion.refresh_from_db()
    assert promotion.usage_limit is None


# Trying one -------------------------------------------------------------------------------------------------------


def test_a_new_form_shows_what_the_newest_products_would_cost(owner):  # noqa: F811
    make_variant(price_minor=1000, title="Oldest")
    make_variant(price_minor=1200, stock=0, title="Sold out")
    make_variant(price_minor=2000, title="Newest")

    owner.get(NEW)

    assert "Newest" in owner.text
    assert "Sold out" not in owner.text.split('id="trial"')[1]
    assert shown(owner, "trial-total") == "€34.90"
    assert "Without a discount so far" in owner.text


def test_a_preview_has_each_line_s_part_and_saves_nothing(owner):  # noqa: F811
    one, two = make_variant(price_minor=1000, title="Mug"), make_variant(price_minor=333, title="Cup")

    assert owner.post(NEW, trying((one, 1), (two, 3), percentage="15")).status_code == 200

    # 15 % of 19.99 is 3.00 (half up): 1.50 of the mug's 10.00, 1.50 of the cups' 9.99.
    table = owner.text.split('class="table trial-table"')[1].split("</table>")[0]
    assert table.count("−€1.50") == 2
    assert "€8.49" in table
    assert shown(owner, "trial-total") == "€21.89"
    assert "SPRING10 takes 15% off €19.99." in reasons(owner)
    assert not Promotion.objects.exists()
    assert 'value="15"' in owner.text


def test_what_is_missing_for_the_minimum_is_said(owner):  # noqa: F811
    variant = make_variant(price_minor=2580)

    owner.post(NEW, trying((variant, 1), code="", minimum="30"))

    assert "needs at least €30.00 in the cart. €4.20 are missing." in reasons(owner)
    assert shown(owner, "trial-total") == "€30.70"
    # A code is not asked for to try it out.
    assert "This field is required." not in owner.text


def test_shipping_that_a_discount_makes_dearer_is_said(owner):  # noqa: F811
    owner.post("/dashboard/shipping", {"name": "Post", "price": "4.90", "free_from": "60"})
    variant = make_variant(price_minor=3000)

    owner.post(NEW, trying((variant, 1)))
    assert "Shipping is free from €60.00: €33.00 are missing." in reasons(owner)
    owner.post(NEW, trying((variant, 2)))
    assert "The discount takes the cart below the €60.00" in reasons(owner)
    owner.post(NEW, trying((variant, 3)))
    assert "Shipping is free from €60.00." in reasons(owner)
    assert shown(owner, "trial-total") == "€81.00"


def test_what_the_marketplace_takes_and_pays_is_said(owner):  # noqa: F811
    CommissionRule.objects.create(basis_points=500, fixed_minor=30, tax_basis_points=2000)
    promotion = make_promotion(code="HALF", percentage_basis_points=5000)
    fund_promotion(tenant=owner.tenant, code="HALF", funded_basis_points=4000, actor_id=make_operator().pk)
    path = f"/dashboard/promotions/{promotion.pk}"

    owner.post(path, trying((make_variant(price_minor=10_000), 1), code="HALF", percentage="50"))

    # The buyer pays 50.00 + 4.90; 20.00 are the marketplace's; 5 % of 70.00 + 0.30 and 20 % tax on it go back.
    assert shown(owner, "trial-total") == "€54.90"
    assert shown(owner, "trial-kept") == "€70.34"
    assert "The marketplace pays 40% of the discount: €20.00." in reasons(owner)
    assert "The marketplace takes 5% of €70.00 and €0.30." in reasons(owner)


def test_a_scheduled_one_is_tried_as_it_will_be(owner):  # noqa: F811
    day, variant = timezone.now() + timedelta(days=9), make_variant(price_minor=1000)
    form = trying((variant, 1), starts_at=f"{day:%Y-%m-%dT%H:%M}")

    owner.post(NEW, form)
    assert "SPRING10 starts on" in reasons(owner)
    assert shown(owner, "trial-total") == "€14.90"
    owner.post(NEW, {**form, "when": "start"})
    assert shown(owner, "trial-total") == "€13.90"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_active": ""}, "SPRING10 is switched off"),
        ({"starts_at": "2020-01-01T00:00", "ends_at": "2020-02-01T00:00"}, "SPRING10 ended on"),
        ({"kind": "fixed", "amount": "99"}, "takes off no more than the goods cost"),
        ({"kind": "fixed", "amount": "5"}, "SPRING10 takes €5.00 off"),
        ({"usage_limit": "1", "per_buyer_limit": "2"}, "It can be used once more."),
        ({"per_buyer_limit": "2"}, "Each buyer can use it 2 times."),
        ({"percentage": "100"}, "SPRING10 takes 100% off"),
        ({"percentage": "x"}, "Without a discount so far"),
    ],
)
def test_the_preview_says_why(owner, changes, said):  # noqa: F811
    owner.post(NEW, trying((make_variant(price_minor=1000), 1), **changes))

    assert said in reasons(owner)


def test_one_that_is_used_up_says_so(owner):  # noqa: F811
    promotion = make_promotion(code="ONCE", usage_limit=1)
    make_order(code="ONCE")

    owner.get(f"/dashboard/promotions/{promotion.pk}")

    assert "ONCE has been used up." in reasons(owner)


def test_products_are_found_put_in_and_taken_out_again(owner):  # noqa: F811
    bowl, mug = make_variant(title="Bowl", price_minor=1000), make_variant(title="Mug", sku="MUG-1")

    owner.post(NEW, typed("preview", find="mu"))
    assert f'name="add" value="{mug.pk}"' in owner.text
    assert f'name="add" value="{bowl.pk}"' not in owner.text
    owner.post(NEW, {**trying((bowl, 2)), "add": str(mug.pk)})
    assert owner.text.count('name="item"') == 2
    owner.post(NEW, {**trying((bowl, 2), (mug, 1)), "drop": str(mug.pk)})
    assert owner.text.count('name="item"') == 1
    assert f'name="units-{bowl.pk}" value="2"' in owner.text


def test_a_preview_takes_five_products_and_nothing_that_is_not_there(owner):  # noqa: F811
    variants = [make_variant() for _ in range(7)]
    form = trying(*((variant, 1) for variant in variants))

    owner.post(NEW, form)
    assert owner.text.count('name="item"') == 5
    assert "Five products at most." in owner.text
    for item in (str(uuid4()), "nonsense", "\x00", "1" * 40):
        assert owner.post(NEW, typed("preview", item=item)).status_code == 200
        assert "Pick a product" in owner.text
    variant = variants[0]
    for units in ("0", "-1", "x", "99999999999", ""):
        form = {**trying((variant, 1)), f"units-{variant.pk}": units}
        assert owner.post(NEW, form).status_code == 200


def test_what_cannot_be_bought_is_said(owner):  # noqa: F811
    gone, few = make_variant(title="Gone"), make_variant(title="Few", stock=2)
    Product.objects.filter(pk=gone.product_id).update(is_published=False)

    owner.post(NEW, trying((gone, 1), (few, 3)))

    assert "Gone is not for sale." in reasons(owner)
    assert "Of Few only 2 can be bought now." in reasons(owner)


def test_hostile_titles_are_text(owner):  # noqa: F811
    variant = make_variant(title="<script>alert(1)</script>", stock=0)

    owner.post(NEW, trying((variant, 1), find="<script>"))

    assert "<script>alert" not in owner.text
    assert "&lt;script&gt;" in owner.text


def test_a_saved_one_stays_what_it_is_while_it_is_tried(owner):  # noqa: F811
    promotion = save_promotion(code="STAYS", kind="fixed", amount_minor=100)

    owner.post(
        f"/dashboard/promotions/{promotion.pk}",
        trying((make_variant(price_minor=1000), 1), code="OTHER", percentage="50"),
    )

    assert shown(owner, "trial-total") == "€9.90"
    promotion.refresh_from_db()
    assert (promotion.code, promotion.amount_minor) == ("STAYS", 100)
