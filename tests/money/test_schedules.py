"""Payout schedules: each seller on its own days, in its own time zone, once a day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from payouts.models import Payout, PayoutSchedule, PayoutStatus, SellerAccount
from services.account_services import set_seller_terms, set_terms
from services.payout_services import run_payouts
from services.schedule_services import is_due, is_payout_day, local_date, next_payout_on
from tests.factories.jobs import run_jobs
from tests.money.support import sell

MONDAY = date(2026, 11, 23)


def account(schedule="daily", day=1, zone="UTC", last_run_on=None):
    return SellerAccount(
        schedule=schedule, schedule_day=day, time_zone=zone, last_run_on=last_run_on, hold_days=7
    )


@pytest.mark.parametrize(
    ("schedule", "day", "on", "expected"),
    [
        ("daily", 1, MONDAY, True),
        ("weekly", 1, MONDAY, True),
        ("weekly", 2, MONDAY, False),
        ("weekly", 7, date(2026, 11, 29), True),
        ("monthly", 23, MONDAY, True),
        ("monthly", 22, MONDAY, False),
        ("monthly", 31, date(2026, 11, 30), True),
        ("monthly", 31, date(2028, 2, 29), True),
        ("monthly", 30, date(2027, 2, 28), True),
        ("manual", 1, MONDAY, False),
    ],
)
def test_a_schedule_names_its_days_and_a_short_month_is_paid_on_its_last(schedule, day, on, expected):
    assert is_payout_day(account(schedule, day), on) is expected


def test_the_day_is_the_sellers_not_the_servers():
    at = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)

    assert local_date(account(zone="Asia/Tokyo"), at) == date(2026, 11, 24)
    assert local_date(account(zone="America/Los_Angeles"), at) == MONDAY
    assert is_due(account("weekly", 2, "Asia/Tokyo"), at)
    assert not is_due(account("weekly", 2, "America/Los_Angeles"), at)


def test_a_day_is_looked_at_once_also_where_clocks_are_turned_back():
    berlin = account(zone="Europe/Berlin", last_run_on=date(2026, 10, 25))
    first, again = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)

    assert local_date(berlin, first) == local_date(berlin, again)
    assert not is_due(berlin, again)


def test_a_payout_day_on_which_nothing_ran_is_made_up_for():
    weekly = account("weekly", 1, last_run_on=MONDAY - timedelta(days=7))

    assert is_due(weekly, datetime(2026, 11, 25, tzinfo=UTC))
    weekly.last_run_on = date(2026, 11, 25)
    assert not is_due(weekly, datetime(2026, 11, 27, tzinfo=UTC))
    assert is_due(weekly, datetime(2026, 11, 30, tzinfo=UTC))


def test_a_seller_who_was_never_run_starts_with_the_next_payout_day():
    assert not is_due(account("weekly", 1), datetime(2026, 11, 25, tzinfo=UTC))
    assert next_payout_on(account("weekly", 1), datetime(2026, 11, 25, tzinfo=UTC)) == date(2026, 11, 30)
    assert next_payout_on(account("manual"), datetime(2026, 11, 25, tzinfo=UTC)) is None


@given(
    st.sampled_from(["daily", "weekly", "monthly"]),
    st.integers(min_value=1, max_value=7),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati", "Europe/Berlin"]),
    st.integers(min_value=0, max_value=24 * 400),
)
def test_hour_by_hour_a_seller_is_due_once_on_each_of_its_days(schedule, day, zone, start):
    one = account(schedule, day, zone)
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=start)
    one.last_run_on = local_date(one, at)
    looked = []
    for _ in range(24 * 40):
        at += timedelta(hours=1)
        if is_due(one, at):
            assert next_payout_on(one, at) == local_date(one, at)
            one.last_run_on = local_date(one, at)
            looked.append(one.last_run_on)

    assert looked == sorted(set(looked))
    assert all(is_payout_day(one, each) for each in looked)
    assert len(looked) >= {"daily": 39, "weekly": 5, "monthly": 1}[schedule]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"schedule": "hourly"}, "schedule"),
        ({"schedule": "weekly", "schedule_day": 8}, "schedule_day"),
        ({"schedule_day": 0}, "schedule_day"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"hold_days": 0}, "hold_days"),
        ({"payouts_paused_reason": ""}, "payouts_paused_reason"),
    ],
)
def test_a_seller_decides_when_and_nothing_else(serving, terms, field):
    before = SellerAccount.objects.values().get(tenant=serving)

    with pytest.raises(Invalid) as refusal:
        set_seller_terms(tenant_id=serving.pk, actor_id=None, **terms)

    assert refusal.value.facts["field"] == field
    assert SellerAccount.objects.values().get(tenant=serving) == before


def due(tenant, at):
    made = run_payouts(tenant_ids=[tenant.pk], at=at, only_due=True)
    run_jobs()
    return [Payout.objects.get(pk=payout.pk) for payout in made]


def test_the_scheduled_run_pays_on_the_sellers_day_once_however_often_it_runs(seller, stripe_local):
    set_terms(tenant_id=seller.pk, actor_id=None, schedule=PayoutSchedule.WEEKLY, schedule_day=1)
    sell(10_000, stripe_local)
    monday = datetime(2026, 11, 23, 6, tzinfo=UTC) + timedelta(weeks=520)

    assert due(seller, monday - timedelta(days=1)) == []
    assert [payout.amount_minor for payout in due(seller, monday)] == [8_650]
    sell(10_000, stripe_local)
    assert [due(seller, monday + timedelta(hours=hours)) for hours in (0, 1, 17, 30)] == [[], [], [], []]
    assert len(due(seller, monday + timedelta(weeks=1))) == 1


def test_a_manual_seller_is_paid_when_asked_only(seller, stripe_local):
    set_terms(tenant_id=seller.pk, actor_id=None, schedule=PayoutSchedule.MANUAL)
    sell(10_000, stripe_local)
    at = datetime(2036, 11, 24, tzinfo=UTC)

    assert due(seller, at) == []
    assert len(run_payouts(tenant_ids=[seller.pk], at=at)) == 1


@pytest.mark.parametrize("why", ["Stripe has not enough", "the transfer is refused"])
def test_a_payout_day_that_stripe_spoiled_is_tried_again_by_the_next_run(seller, stripe_local, why):
    set_terms(tenant_id=seller.pk, actor_id=None, schedule=PayoutSchedule.MONTHLY, schedule_day=15)
    sell(10_000, stripe_local)
    day = datetime(2036, 11, 15, 6, tzinfo=UTC)
    if why == "Stripe has not enough":
        drain = sum(part.amount for part in stripe_local.client().v1.balance.retrieve().available)
        stripe_local.client().v1.payouts.create(params={"amount": drain, "currency": "eur"})
        assert due(seller, day) == []
        stripe_local.control("funds", amount=20_000, currency="eur")
    else:
        stripe_local.control("faults", match="POST /v1/transfers", kind="insufficient_balance", times=1)
        assert [payout.status for payout in due(seller, day)] == [PayoutStatus.FAILED]

    assert [payout.status for payout in due(seller, day + timedelta(hours=1))] == [PayoutStatus.SENT]
    assert due(seller, day + timedelta(hours=2)) == []
