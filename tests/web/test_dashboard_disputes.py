"""Disputes as the staff meets them: what is urgent, what is at stake, one answer, and how it ended."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from core.clock import now
from payouts.models import Charge, Dispute
from services.dispute_services import sync_dispute
from services.shipping_services import ship_order
from shop.models import Order, OrderEvent, Payment
from shop.web.dashboard.dispute_words import REASONS, advice_for, deadline, reason_of
from tests.factories.tenants import add_member
from tests.money.conftest import seller  # noqa: F401 - a fixture
from tests.money.support import SELLER, sell
from tests.web.test_dashboard import owner, sign_in  # noqa: F401 - fixtures
from tests.web.test_storefront import Browser

ANSWER = {"action": "answer", "text": "It was handed over on Monday."}
ACCEPT = {"action": "accept", "is_sure": "on"}


@pytest.fixture
def dispute(seller, stripe_local):  # noqa: F811
    """Opens a dispute of a sale, told to us."""

    def open_one(minor: int = 10_000, **facts) -> Dispute:
        charge = sell(minor, stripe_local).payments.get().transaction_id
        opened = stripe_local.control("disputes", charge=charge, **{"fee": 1_500, **facts})
        sync_dispute(opened["id"])
        return Dispute.objects.get(pk=opened["id"])

    return open_one


@pytest.fixture
def manager(serving) -> Browser:
    return sign_in(Browser(serving), add_member(serving, "manager"))


@pytest.fixture
def support(serving) -> Browser:
    return sign_in(Browser(serving), add_member(serving, "support"))


def at(dispute: Dispute) -> str:
    return f"/dashboard/disputes/{dispute.pk}"


def close(stripe_local, dispute: Dispute, outcome: str) -> None:
    stripe_local.control(f"disputes/{dispute.pk}/close", outcome=outcome)
    sync_dispute(dispute.pk)


# The list ---------------------------------------------------------------------------------------------------------


def test_what_is_urgent_stands_first_with_the_days_that_are_left(owner, dispute, stripe_local):  # noqa: F811
    later, soon, past = dispute(1_001), dispute(1_002), dispute(1_003)
    over = dispute(1_004)
    close(stripe_local, over, "lost")
    for each, days in ((later, 8.5), (soon, 0.5), (past, -1)):
        Dispute.objects.filter(pk=each.pk).update(evidence_due_at=now() + timedelta(days=days))

    owner.get("/dashboard/disputes")

    places = [owner.text.index(str(each.pk)) for each in (past, soon, later, over)]
    assert places == sorted(places)
    for said in ("The day has passed", "Less than a day left", "8 days left"):
        assert said in owner.text
    assert owner.text.count(">Lost<") == 1


@pytest.mark.parametrize(
    ("hours", "left", "tone"),
    [
        (-1, "The day has passed", "bad"),
        (0, "The day has passed", "bad"),
        (1, "Less than a day left", "bad"),
        (24, "1 day left", "bad"),
        (71, "2 days left", "bad"),
        (72, "3 days left", "warn"),
    ],
)
def test_whole_days_are_counted(hours, left, tone):
    at_ = timezone.now()
    waiting = Dispute(status="needs_response", evidence_due_at=at_ + timedelta(hours=hours))

    found = deadline(waiting, at_)

    assert (found.left, found.tone) == (left, tone)
    assert deadline(Dispute(status="under_review", evidence_due_at=at_), at_) is None
    assert deadline(Dispute(status="needs_response"), at_) is None


def test_the_list_goes_on_and_asks_little(owner, dispute, stripe_local, django_assert_max_num_queries):  # noqa: F811
    kept = dispute()
    for number in range(30):
        Dispute.objects.create(
            dispute_id=f"dp_{number}",
            tenant=owner.tenant,
            charge_id=kept.charge_id,
            order_id=kept.order_id,
            currency="EUR",
            amount_minor=100 + number,
            status="won" if number % 2 else "under_review",
            opened_at=now() - timedelta(days=number),
        )

    with django_assert_max_num_queries(12):
        owner.get("/dashboard/disputes")
    first = set(re.findall(r"/disputes/(dp_\d+)\"", owner.text))
    assert len(first) == 25
    owner.get("/dashboard/disputes" + html.unescape(re.search(r'rel="next" href="([^"]+)"', owner.text)[1]))
    assert len(set(re.findall(r"/disputes/(dp_\d+)\"", owner.text)) - first) == 5
    assert str(kept.pk) not in owner.text
    assert owner.get("/dashboard/disputes?cursor=nonsense").status_code == 200


def test_without_disputes_it_is_said_what_one_is(owner):  # noqa: F811
    owner.get("/dashboard/disputes")

    assert "No disputes" in owner.text


# One --------------------------------------------------------------------------------------------------------------


def test_it_is_told_what_the_bank_says_and_what_is_withheld(owner, dispute, django_assert_max_num_queries):  # noqa: F811
    opened = dispute(reason="product_not_received")
    order = Order.objects.get(pk=opened.order_id)
    ship_order(order_id=order.pk, carrier="DHL", tracking_number="JJD1", actor=SELLER)

    with django_assert_max_num_queries(12):
        owner.get(at(opened))

    for said in (
        "The buyer says that nothing arrived.",
        "JJD1",
        "€15.00",
        "Needs an answer",
        "Dispute opened",
    ):
        assert said in owner.text
    assert f'href="/dashboard/orders/{order.pk}"' in owner.text
    assert 'id="withheld">€100.00<' in owner.text


def test_an_inquiry_withholds_nothing(owner, dispute):  # noqa: F811
    owner.get(at(dispute(inquiry=True)))

    assert 'id="withheld">€0.00<' in owner.text
    assert "no money was taken" in owner.text
    assert 'value="answer"' in owner.text


@pytest.mark.parametrize("reason", [*REASONS, "", "some_new_reason"])
def test_every_reason_is_a_sentence_and_has_advice(reason):
    words = reason_of(Dispute(reason=reason))

    assert len(words) > 10
    assert "_" not in words
    assert len(advice_for(Dispute(reason=reason))) > 20


def test_the_answer_is_sent_once(manager, dispute):
    opened = dispute()

    response = manager.post(at(opened), ANSWER)

    assert response["Location"] == f"{at(opened)}?done=answered"
    opened.refresh_from_db()
    assert opened.status == "under_review"
    manager.get(response["Location"])
    assert "The bank has your answer and decides." in manager.text
    assert 'value="answer"' not in manager.text
    assert manager.post(at(opened), ANSWER).status_code == 409
    assert "cannot be answered any more" in manager.text
    assert OrderEvent.objects.filter(action="dispute_answered").count() == 1


@pytest.mark.parametrize("text", ["", "   ", "a\u202eb", "x" * 20_001])
def test_an_answer_that_is_none_is_explained_and_not_sent(manager, dispute, text):
    opened = dispute()

    assert manager.post(at(opened), {**ANSWER, "text": text}).status_code == 400
    opened.refresh_from_db()
    assert opened.status == "needs_response"
    assert 'class="errorlist' in manager.text


def test_what_was_typed_is_kept_where_stripe_does_not_answer(manager, dispute, settings):
    opened = dispute()
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    assert manager.post(at(opened), ANSWER).status_code == 503
    assert "handed over on Monday" in manager.text
    assert 'role="alert"' in manager.text


def test_giving_in_is_said_twice(manager, dispute):
    opened = dispute()

    assert manager.post(at(opened), {"action": "accept"}).status_code == 400
    opened.refresh_from_db()
    assert opened.status == "needs_response"

    assert manager.post(at(opened), ACCEPT)["Location"] == f"{at(opened)}?done=accepted"
    opened.refresh_from_db()
    assert opened.status == "lost"
    manager.get(at(opened))
    assert "The buyer keeps €100.00" in manager.text
    assert manager.post(at(opened), ACCEPT).status_code == 409


@pytest.mark.parametrize(
    ("outcome", "said"), [("won", "€100.00 is yours again."), ("lost", "The buyer keeps €100.00")]
)
def test_the_outcome_is_said(manager, dispute, stripe_local, outcome, said):
    opened = dispute()
    close(stripe_local, opened, outcome)

    manager.get(at(opened))

    assert said in manager.text
    assert 'id="withheld">€0.00<' in manager.text
    assert 'name="action"' not in manager.text


# Who may, and whose they are --------------------------------------------------------------------------------------


def test_supporters_look_and_managers_act(serving, support, dispute):
    opened = dispute()

    assert support.get("/dashboard/disputes").status_code == 200
    assert support.get(at(opened)).status_code == 200
    assert 'name="action"' not in support.text
    for form in (ANSWER, ACCEPT, {"action": "x"}, {}):
        assert support.post(at(opened), form).status_code == 403
    opened.refresh_from_db()
    assert opened.status == "needs_response"
    packer = sign_in(Browser(serving), add_member(serving, "fulfilment"))
    assert packer.get("/dashboard/disputes").status_code == 403
    assert packer.get(at(opened)).status_code == 403


def test_disputes_of_others_are_not_there(dispute, other_tenant):
    opened = dispute()
    stranger = sign_in(Browser(other_tenant), add_member(other_tenant, "manager"))

    assert stranger.get(at(opened)).status_code == 404
    for form in (ANSWER, ACCEPT):
        assert stranger.post(at(opened), form).status_code == 404
    stranger.get("/dashboard/disputes")
    assert str(opened.pk) not in stranger.text
    opened.refresh_from_db()
    assert opened.status == "needs_response"


@pytest.mark.parametrize("bad", ["dp_none", "x" * 500, "dp_%00", "..%2F..", "dp_1'--", "dp 1"])
def test_disputes_that_are_none_are_not_there(owner, bad):  # noqa: F811
    assert owner.get(f"/dashboard/disputes/{bad}").status_code == 404


def test_texts_of_others_are_shown_as_text(owner, dispute):  # noqa: F811
    opened = dispute()
    hostile = "<script>alert(1)</script>"
    Dispute.objects.filter(pk=opened.pk).update(reason=hostile)
    Order.objects.filter(pk=opened.order_id).update(email=f"{hostile}@example.com")

    for path in (at(opened), "/dashboard/disputes"):
        owner.get(path)
        assert "<script>alert" not in owner.text
        assert "&lt;script&gt;" in owner.text
    assert Charge.objects.exists()
    assert Payment.objects.exists()
