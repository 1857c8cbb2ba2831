"""Today: what was sold, on the seller's clock, against the time before; what there is to do; who may see which of it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from payouts.models import SellerAccount
from services import operation_services
from services.operation_services import Outcome, runner, start_operation
from shop.models import Order
from shop.selectors.today import best_sellers, sales
from tests.factories.shop import make_order, make_product, make_variant, pay
from tests.factories.tenants import add_member, owner_of
from tests.web.test_dashboard import sign_in
from tests.web.test_storefront import Browser

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def owner(serving):
    return sign_in(Browser(serving), owner_of(serving))


def sold_at(moment: datetime, total: int = 1_000, refunded: int = 0) -> Order:
    """An order that was paid at a moment, with the shipping of the factory's rate taken out of its total."""
    order = make_order((make_variant(price_minor=total), 1))
    Order.objects.filter(pk=order.pk).update(
        status="confirmed",
        confirmed_at=moment,
        refunded_minor=refunded,
        subtotal_minor=total,
        shipping_minor=0,
        total_minor=total,
    )
    return order


def test_a_day_is_the_seller_s_day(serving):
    at = datetime(2026, 6, 15, 12, tzinfo=BERLIN)
    sold_at(datetime(2026, 6, 15, 0, 30, tzinfo=BERLIN), 1_000)
    sold_at(datetime(2026, 6, 14, 23, 30, tzinfo=BERLIN), 200)

    here = sales(days=2, zone=BERLIN, currency="EUR", at=at)
    in_utc = sales(days=2, zone=ZoneInfo("UTC"), currency="EUR", at=at)

    assert here.amounts == [200, 1_000]
    assert in_utc.amounts == [1_200, 0]


def test_a_range_is_compared_with_the_one_before_and_refunds_count(serving):
    at = datetime(2026, 6, 15, 12, tzinfo=BERLIN)
    sold_at(at - timedelta(days=1), 1_000, refunded=400)
    sold_at(at - timedelta(days=8), 3_000)
    sold_at(at - timedelta(days=2), 500, refunded=500)
    sold_at(at - timedelta(days=30), 9_000)

    figures = sales(days=7, zone=BERLIN, currency="EUR", at=at)

    assert (figures.amount, figures.amount_before) == (600, 3_000)
    assert (figures.orders, figures.orders_before) == (1, 1)


def test_hours_of_the_days_when_clocks_change_are_all_counted(serving):
    for day in (datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)):
        for hour in range(24):
            sold_at(day.replace(hour=hour, minute=30), 100)

        figures = sales(days=1, zone=BERLIN, currency="EUR", at=day.replace(hour=20))

        assert figures.amount == 2_400
        assert len(figures.buckets) == 24


def test_a_year_is_shown_in_whole_weeks_up_to_now(serving):
    at = datetime(2026, 6, 17, 12, tzinfo=BERLIN)  # a Wednesday
    sold_at(at - timedelta(days=2, hours=1), 100)  # the Monday of this week
    sold_at(datetime(2025, 6, 23, 0, 1, tzinfo=BERLIN), 20)  # the Monday 51 weeks before
    sold_at(datetime(2025, 6, 22, 23, 59, tzinfo=BERLIN), 3)  # in the year before

    figures = sales(days=364, zone=BERLIN, currency="EUR", at=at)

    assert len(figures.amounts) == len(figures.amounts_before) == 52
    assert (figures.amounts[-1], figures.amounts[0], figures.amounts_before[-1]) == (100, 20, 3)
    assert figures.amount == 120


def test_what_sold_best_comes_first_less_what_came_back(serving):
    at = datetime.now(BERLIN)
    plenty, little = make_product(title="Plenty"), make_product(title="Little")
    for product, units in ((plenty, 3), (little, 1)):
        order = make_order((product.variants.get(), units))
        Order.objects.filter(pk=order.pk).update(confirmed_at=at, status="confirmed")

    assert [(row["title"], row["units"]) for row in best_sellers(days=1, zone=BERLIN, at=at)] == [
        ("Plenty", 3),
        ("Little", 1),
    ]


def test_today_shows_what_was_sold_and_what_waits(owner, stripe_local):
    order = make_order((make_variant(stock=2), 2))
    pay(order, stripe_local)

    owner.get("/dashboard?days=7")

    assert f"#{order.number}" in owner.text
    assert "Sold out" in owner.text
    assert "Sales" in owner.text
    assert 'class="nav-count">1<' in owner.text


@pytest.mark.parametrize("asked", ["0", "-1", "8", "365", "x", "1e9", "٧", ""])
def test_a_range_that_is_not_offered_is_seven_days(owner, asked):
    owner.get(f"/dashboard?days={asked}")

    assert '<a class="chip" href="?days=7" aria-current="page">' in owner.text


@pytest.mark.parametrize("role", ["fulfilment", "support"])
def test_figures_and_money_are_for_those_who_manage(serving, stripe_local, role):
    pay(make_order(), stripe_local)
    staff = sign_in(Browser(serving), add_member(serving, role))

    assert staff.get("/dashboard").status_code == 200
    assert "Orders to ship" in staff.text
    assert "Balance" not in staff.text
    assert "Average order" not in staff.text


def test_times_are_on_the_seller_s_clock(owner, stripe_local):
    pay(order := make_order(), stripe_local)
    Order.objects.filter(pk=order.pk).update(placed_at=datetime(2026, 6, 15, 22, 30, tzinfo=ZoneInfo("UTC")))
    SellerAccount.objects.filter(tenant=owner.tenant).update(time_zone="Europe/Berlin")

    owner.get("/dashboard")

    assert "Jun 16, 2026, 12:30" in owner.text


def test_today_asks_no_more_than_twelve_questions(owner, stripe_local, django_assert_max_num_queries):
    for _ in range(3):
        pay(make_order(), stripe_local)

    with django_assert_max_num_queries(12):
        owner.get("/dashboard?days=30")


# Long work --------------------------------------------------------------------------------------------------------


@pytest.fixture
def work(owner):
    """An operation that waits."""

    @runner("test.page")
    def run(operation, say):
        return Outcome(output=b"=1+1", output_type="text/csv", file_name='a"b\r\nX: y.csv')

    yield start_operation("test.page", actor_id=owner_of(owner.tenant).pk, file_name="<b>.csv")
    del operation_services.RUNNERS["test.page"]


def test_work_that_goes_on_looks_again_and_is_over_when_it_is(owner, work):
    owner.get(f"/dashboard/operations/{work.pk}")
    assert f'data-live="/dashboard/operations/{work.pk}"' in owner.text
    assert "<b>.csv" not in owner.text

    operation_services.run_operation(operation_id=work.pk)
    owner.get(f"/dashboard/operations/{work.pk}")
    assert "data-live" not in owner.text
    response = owner.get(f"/dashboard/operations/{work.pk}/file")
    assert response.content == b"=1+1"
    assert response["Content-Disposition"] == 'attachment; filename="a_b__X_ y.csv"'
    assert response["Cache-Control"] == "private, no-store"


def test_work_is_listed_for_those_who_manage_only(serving, owner, work):
    owner.get("/dashboard/operations")
    assert f"/dashboard/operations/{work.pk}" in owner.text

    support = sign_in(Browser(serving), add_member(serving, "support"))
    for path in ("", f"/{work.pk}", f"/{work.pk}/file"):
        assert support.get(f"/dashboard/operations{path}").status_code == 403


def test_a_file_that_is_not_there_yet_is_not_found(owner, work):
    assert owner.get(f"/dashboard/operations/{work.pk}/file").status_code == 404
