"""Stripe's events at the desk: the inbox, its figures and lag, and events that are applied again."""

from datetime import timedelta

import pytest
from django.test import Client

from core.clock import now
from payouts.models import EventState, SellerAccount, StripeEvent
from services.webhook_services import apply_stripe_event, store_event
from tests.desk.conftest import Desk
from tests.desk.money_support import audited
from tests.factories.jobs import queued, run_jobs
from tests.factories.tenants import make_user, owner_of
from tests.money.support import account_of, sell
from tests.tenancy.support import MARKETPLACE


def make_events(count: int = 1, **fields) -> list[StripeEvent]:
    """Rows of the inbox."""
    prefix = fields.pop("prefix", "evt_")
    values = {
        "type": "charge.updated",
        "livemode": False,
        "created": now() - timedelta(hours=1),
        "object_id": "ch_1",
        "body": {"data": {"object": {"id": "ch_1"}}},
        "state": EventState.APPLIED,
        **fields,
    }
    return StripeEvent.objects.bulk_create(
        StripeEvent(event_id=f"{prefix}{number}", **values) for number in range(count)
    )


def test_nobody_but_operators_gets_in(serving):
    (event,) = make_events(state=EventState.QUARANTINED)
    for path in ("/desk/events", f"/desk/events/{event.pk}"):
        for person in (None, make_user(), owner_of(serving)):
            assert Desk(person).get(path).status_code == 302
            assert Desk(person).post(path, {"action": "retry", "event": event.pk}).status_code == 302
    event.refresh_from_db()
    assert event.state == EventState.QUARANTINED


def test_forms_of_others_are_refused(operator):
    (event,) = make_events(state=EventState.QUARANTINED)
    attacker = Client(enforce_csrf_checks=True, HTTP_HOST=MARKETPLACE)
    attacker.force_login(operator)

    assert attacker.post("/desk/events", {"action": "retry", "event": event.pk}).status_code == 403
    assert queued("stripe_event.apply") == []


def test_the_inbox_is_filtered_and_counted(desk, tenant):
    make_events(3, prefix="evt_a")
    make_events(
        2, prefix="evt_q", state=EventState.QUARANTINED, type="transfer.created", note="<i>not ours</i>"
    )
    make_events(1, prefix="evt_old", created=now() - timedelta(days=20))
    SellerAccount.objects.filter(tenant=tenant).update(stripe_account_id="acct_mine")
    make_events(1, prefix="evt_acct", account="acct_mine", type="payout.paid")

    desk.get("/desk/events")
    assert desk.text.count('name="event"') == 6
    assert "evt_old0" not in desk.text
    assert "&lt;i&gt;not ours&lt;/i&gt;" in desk.text
    desk.get("/desk/events?days=all")
    assert desk.text.count('name="event"') == 7
    desk.get("/desk/events?state=quarantined")
    assert desk.text.count('name="event"') == 2
    desk.get("/desk/events?type=payout.paid")
    assert desk.text.count('name="event"') == 1
    desk.get(f"/desk/events?storefront={tenant.slug}")
    assert desk.text.count('name="event"') == 1
    desk.get("/desk/events?storefront=nobody")
    assert 'name="event"' not in desk.text


def test_an_event_is_found_by_its_id_and_by_its_object_however_old(desk):
    make_events(2, prefix="evt_x", object_id="pi_wanted", created=now() - timedelta(days=400))
    make_events(1, prefix="evt_y")

    desk.get("/desk/events?q=pi_wanted")
    assert desk.text.count('name="event"') == 2
    desk.get("/desk/events?q=evt_y0")
    assert desk.text.count('name="event"') == 1
    for q in ("nothing", "%00", "' or 1=1", "x" * 500):
        assert desk.get("/desk/events", {"q": q}).status_code == 200
        assert 'name="event"' not in desk.text or q == "%00"


def test_the_lag_of_the_oldest_that_waits_is_shown(desk):
    make_events(1, prefix="evt_w", state=EventState.RECEIVED)
    StripeEvent.objects.update(received_at=now() - timedelta(minutes=42, seconds=5))
    desk.get("/desk/events")
    assert "The oldest waits for 42 min" in desk.text

    StripeEvent.objects.update(state=EventState.APPLIED)
    desk.get("/desk/events")
    assert "Nothing waits" in desk.text


def test_the_list_asks_few_questions_and_goes_on(desk, django_assert_max_num_queries):
    make_events(120)
    with django_assert_max_num_queries(12):
        desk.get("/desk/events")
    assert desk.text.count('name="event"') == 50
    seen, query = set(), "?days=7"
    while query:
        desk.get(f"/desk/events{query}")
        seen |= {f"evt_{number}" for number in range(120) if f'/desk/events/evt_{number}"' in desk.text}
        query = desk.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert len(seen) == 120


def test_an_event_shows_its_body_as_text_and_what_is_booked(
    desk, seller, stripe_local, django_assert_max_num_queries
):
    order = sell(10_000, stripe_local)
    charge = order.payments.get().transaction_id
    body = {"data": {"object": {"id": charge, "note": "</code><script>alert(1)</script>"}}}
    (event,) = make_events(
        object_id=charge,
        body=body,
        account=account_of(seller),
        note="2 payouts followed",
        type="strange.type",
    )

    with django_assert_max_num_queries(12):
        desk.get(f"/desk/events/{event.pk}")

    assert "<script>alert" not in desk.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in desk.text
    assert f"charge:{charge}" in desk.text
    assert seller.name in desk.text
    assert "2 payouts followed" in desk.text
    assert "does nothing with events of this type" in desk.text
    assert desk.get("/desk/events/evt_nothing").status_code == 404
    assert desk.post("/desk/events/evt_nothing", {"action": "retry"}).status_code == 404


def test_one_event_is_applied_again_and_noted(desk, seller, stripe_local):
    sell(10_000, stripe_local)
    for event in stripe_local.client().v1.events.list(params={"type": "charge.succeeded"}).data:
        store_event(event.to_dict())
    run_jobs()
    event = StripeEvent.objects.get(type="charge.succeeded")
    StripeEvent.objects.update(state=EventState.QUARANTINED, note="did not fit", handled_at=now())

    assert desk.post(f"/desk/events/{event.pk}", {"action": "retry"}).status_code == 302
    event.refresh_from_db()
    assert (event.state, event.note) == (EventState.RECEIVED, "")
    run_jobs()

    event.refresh_from_db()
    assert event.state == EventState.APPLIED
    (entry,) = audited("events.retried")
    assert (entry.actor_id, entry.facts["events"]) == (desk.person.pk, event.pk)


def test_several_are_applied_again_at_once(desk):
    make_events(5, state=EventState.QUARANTINED)

    answer = desk.post(
        "/desk/events?state=quarantined", {"action": "retry", "event": ["evt_0", "evt_3", "evt_nothing"]}
    )

    assert answer["Location"] == "/desk/events?state=quarantined&done=again"
    assert sorted(each["event_id"] for each in queued("stripe_event.apply")) == ["evt_0", "evt_3"]
    assert StripeEvent.objects.filter(state=EventState.QUARANTINED).count() == 3
    assert [entry.facts["count"] for entry in audited("events.retried")] == ["2"]


def test_choosing_nothing_is_told_and_changes_nothing(desk):
    assert desk.post("/desk/events", {"action": "retry"}).status_code == 409
    assert desk.post("/desk/events", {"action": "delete"}).status_code == 400
    assert audited("events.retried") == []


def test_an_event_of_stripe_s_other_mode_is_never_applied(desk):
    (event,) = make_events(livemode=True, state=EventState.IGNORED, note="another mode than ours")

    assert desk.post(f"/desk/events/{event.pk}", {"action": "retry"}).status_code == 409
    assert desk.post("/desk/events", {"action": "retry", "event": event.pk}).status_code == 409
    event.refresh_from_db()
    assert event.state == EventState.IGNORED
    assert queued("stripe_event.apply") == []
    assert apply_stripe_event(event_id=event.pk).state == EventState.IGNORED
    desk.get(f"/desk/events/{event.pk}")
    assert 'value="retry"' not in desk.text


@pytest.mark.parametrize(
    "query", ["state=%00x", "cursor=bm9uc2Vuc2U", "days=x", "type=%27", "storefront=%F0%9F"]
)
def test_nonsense_in_the_address_is_no_error(desk, query):
    assert desk.get(f"/desk/events?{query}").status_code == 200
