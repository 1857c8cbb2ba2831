"""A person is an account, or a mail address; whose address it is has to be proved."""

from datetime import timedelta

import pytest

from core.clock import now
from core.db import as_marketplace
from core.errors import Invalid
from payouts.models import Charge, Dispute
from services.address_services import save_address
from services.auth_services import open_session
from services.notification_services import notify_order_cancelled
from services.order_history import SYSTEM
from services.order_note_services import add_note
from services.order_services import cancel_order
from services.person_export_services import export_person, export_person_by_email, hand_out_person
from services.person_services import (
    StillDisputed,
    TheirOrderIsOpen,
    TheirPaymentIsDisputed,
    TheyWorkHere,
    erase_person,
    erase_person_by_email,
)
from services.review_services import save_review
from shop.models import IdempotencyKey, Notification, Order, OrderEvent
from tenants.context import tenant_scope
from tenants.jobs import forget_expired
from tenants.models import AuditEntry, Erasure, Session
from tests.factories.shop import ADDRESS, make_delivered, make_order, make_variant
from tests.factories.tenants import PASSWORD, make_user, owner_of
from tests.services.test_person import rows_with

EMAIL = "ada@example.com"


def forget(email: str = EMAIL, reason: str = "asked by letter"):
    return erase_person_by_email(email=email, actor_id=None, reason=reason)


@pytest.fixture
def guest(serving, stripe_local) -> Order:
    """An order of somebody without an account, with a review."""
    order = make_delivered(make_variant(), stripe_local, email=EMAIL)
    save_review(product_id=order.lines.get().variant.product_id, order=order, rating=5)
    return order


def numbers(data) -> list[int]:
    return [order["number"] for order in data["orders"]]


# Whose it is --------------------------------------------------------------------------------------------------------


def test_whoever_proved_the_mailbox_has_what_was_ordered_with_it_as_a_guest(guest):
    user = make_user(EMAIL, email_verified_at=now())

    data = export_person(user)
    assert numbers(data) == [guest.number]
    assert len(data["reviews"]) == 1
    assert data["notifications"]
    erase_person(user=user, password=PASSWORD)

    assert rows_with(EMAIL) == []


def test_whoever_only_says_so_has_nothing_of_it(guest):
    """Anybody may open an account in somebody's name."""
    user = make_user(EMAIL)

    data = export_person(user)
    assert (data["orders"], data["reviews"], data["notifications"]) == ([], [], [])
    erase_person(user=user, password=PASSWORD)

    assert {"shop_order", "shop_review", "shop_notification"} <= set(rows_with(EMAIL))


def test_of_an_account_that_nobody_proved_only_what_has_the_address_is_given(guest):
    stranger = make_user(EMAIL)
    save_address(user_id=stranger.pk, **{**ADDRESS, "line1": "Strange Street 1"})
    ordered = make_order(buyer_id=stranger.pk, email="elsewhere@example.com")
    theirs = make_order(buyer_id=stranger.pk, email=EMAIL)

    data = export_person_by_email(EMAIL)

    assert set(numbers(data)) == {guest.number, theirs.number}
    assert ordered.number not in numbers(data)
    assert "Strange Street" not in str(data)


def test_an_order_from_another_s_account_stays_theirs_and_loses_the_address(guest):
    friend = make_user("friend@example.com", email_verified_at=now())
    lent = make_order(buyer_id=friend.pk, email=EMAIL)

    forget()

    lent.refresh_from_db()
    assert (lent.email, lent.buyer_id) == ("friend@example.com", friend.pk)
    assert lent.shipping_address["name"] == "Ada Lovelace"
    assert rows_with(EMAIL) == []


def test_the_spelling_of_the_address_does_not_matter(guest):
    assert numbers(export_person_by_email("  ADA@Example.com ")) == [guest.number]
    assert forget("ADA@EXAMPLE.COM").orders == 1
    assert rows_with(EMAIL) == []


# What others wrote ----------------------------------------------------------------------------------------------------


def test_a_name_that_is_everybody_s_words_blots_out_nothing_of_others(serving, stripe_local):
    """Whoever orders as "It is ready" is not found in what the staff was told of other orders."""
    other = make_delivered(make_variant(), stripe_local, email="zoe@example.com")
    mine = make_delivered(make_variant(), stripe_local, email=EMAIL)
    Order.objects.filter(pk=mine.pk).update(shipping_address={**ADDRESS, "name": "ready to be shipped"})
    told = list(Notification.objects.filter(order_id=other.pk).order_by("pk").values())

    forget()

    assert list(Notification.objects.filter(order_id=other.pk).order_by("pk").values()) == told
    assert not Notification.objects.filter(order_id=mine.pk, message__contains="ready to be").exists()


def test_the_address_is_found_wherever_the_staff_wrote_it(guest):
    other = make_order(email="zoe@example.com")
    add_note(order_id=other.pk, text=f"Same as {EMAIL}, not as lada@example.com", actor=SYSTEM)

    assert forget().mentions

    note = OrderEvent.objects.get(order=other, action="note")
    assert note.facts["text"] == "Same as —, not as lada@example.com"


def test_the_reason_in_the_log_does_not_name_them(guest):
    forget(reason=f"Ada Lovelace ({EMAIL}) wrote")

    entry = AuditEntry.objects.get(action="person.forgotten")
    assert entry.reason == "— (—) wrote"
    assert entry.facts["orders"] == "1"


def test_that_data_was_taken_is_written_down_and_not_whose(guest, serving):
    seller = owner_of(serving)
    hand_out_person(email=EMAIL, actor_id=seller.pk)

    entry = AuditEntry.objects.get(action="person.exported")
    assert entry.actor_id == seller.pk
    assert EMAIL not in str(entry.facts) + entry.reason


# Refused, and again ---------------------------------------------------------------------------------------------------


def test_an_open_order_has_to_end_first(guest):
    order = make_order(email=EMAIL)

    with pytest.raises(TheirOrderIsOpen):
        forget()
    assert rows_with(EMAIL)
    cancel_order(order_id=order.pk, actor=SYSTEM)
    assert forget().orders == 2


def test_a_disputed_payment_has_to_be_decided_first(guest, serving):
    charge = Charge.objects.get()
    dispute = Dispute.objects.create(
        dispute_id="dp_1",
        tenant=serving,
        charge=charge,
        order_id=guest.pk,
        currency="EUR",
        amount_minor=1,
        status="needs_response",
        opened_at=now(),
    )
    user = make_user(EMAIL, email_verified_at=now())

    with pytest.raises(TheirPaymentIsDisputed):
        forget()
    with pytest.raises(StillDisputed):
        erase_person(user=user, password=PASSWORD)
    Dispute.objects.filter(pk=dispute.pk).update(closed_at=now(), status="won")
    assert forget().orders == 1


def test_the_staff_is_not_forgotten(serving):
    with pytest.raises(TheyWorkHere):
        forget(owner_of(serving).email)


def test_forgetting_twice_does_and_tells_nothing_more(guest):
    assert forget().orders == 1
    rows = list(Order.objects.values())
    remembered = Erasure.objects.count()

    assert forget().total == 0
    assert list(Order.objects.values()) == rows
    assert Erasure.objects.count() == remembered
    assert AuditEntry.objects.filter(action="person.forgotten").count() == 1


@pytest.mark.parametrize(("email", "reason"), [("nobody", "x"), ("", "x"), (EMAIL, " "), (EMAIL, "x" * 301)])
def test_who_and_why_have_to_be_said(guest, email, reason):
    with pytest.raises(Invalid):
        forget(email, reason)
    assert rows_with(EMAIL)


def test_whoever_was_forgotten_is_told_nothing_more(guest):
    forget()
    guest.refresh_from_db()
    notify_order_cancelled(guest, "")

    assert not Notification.objects.filter(order_id=guest.pk, for_staff=False).exists()


def test_sessions_of_this_storefront_go_and_of_others_stay(guest, serving, other_tenant):
    user = make_user(EMAIL, email_verified_at=now())
    with as_marketplace():
        for tenant in (serving, other_tenant):
            open_session(user=user, tenant=tenant)

    forget()

    assert [session.tenant for session in Session.objects.filter(user=user)] == [other_tenant]


# Kept answers -----------------------------------------------------------------------------------------------------------


def test_kept_answers_go_by_themselves_after_two_days(serving):
    for key, age in (("old", 49), ("young", 1)):
        row = IdempotencyKey.objects.create(caller="guest", key=key, request_hash="", locked_until=now())
        IdempotencyKey.objects.filter(pk=row.pk).update(created_at=now() - timedelta(hours=age))

    with as_marketplace():
        forget_expired()

    with tenant_scope(serving):
        assert [row.key for row in IdempotencyKey.objects.all()] == ["young"]
