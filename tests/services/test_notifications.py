"""Telling people: each fact once, after it is committed, and no mail is lost while the mail server is down."""

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from core.ids import new_id
from core.models import Job
from services.notification_services import mark_read, notify, send_notification_mail
from services.order_history import SYSTEM
from services.order_services import cancel_order
from services.payment_services import sync_intent
from services.refund_services import request_refund, send_refund
from shop.models import MailState, Notification
from tests.factories.jobs import make_due, queued, run_jobs
from tests.factories.shop import make_order, pay

pytestmark = pytest.mark.usefixtures("serving")


class MailIsDown(BaseEmailBackend):
    """A mail server that does not take anything, and says to whom it did not."""

    def send_messages(self, messages):
        raise ConnectionRefusedError(f"no mail for {messages[0].to[0]} today")


def tell(key: str = "a", **fields) -> None:
    with transaction.atomic():
        notify(
            **{
                "type": "note",
                "title": "A note",
                "message": "Hello",
                "dedupe_key": key,
                "email": "ada@example.com",
                **fields,
            }
        )


def types(**where) -> list[str]:
    return list(Notification.objects.filter(**where).order_by("created_at").values_list("type", flat=True))


def test_a_fact_is_told_once_however_often_it_is_reported():
    tell("a")
    tell("a")
    tell("b")
    assert Notification.objects.count() == 2
    assert len(queued("mail.notification")) == 2


def test_a_fact_that_is_rolled_back_is_told_to_nobody():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tell()
        raise ZeroDivisionError
    assert (Notification.objects.count(), Job.objects.count()) == (0, 0)


def test_without_an_address_there_is_a_notice_and_no_mail():
    tell(email="")
    assert Notification.objects.get().mail_state == MailState.NONE
    assert queued("mail.notification") == []


def test_a_mail_is_sent_once(serving):
    tell(title="A note\nwith a break")
    run_jobs()
    notice = Notification.objects.get()
    send_notification_mail(notification_id=notice.pk)

    (sent,) = mail.outbox
    assert sent.to == ["ada@example.com"]
    assert sent.subject == f"A note with a break · {serving.name}"
    assert sent.extra_headers["Message-ID"] == f"<{notice.pk}@{serving.host}>"
    assert sent.reply_to == [serving.support_email]
    assert Notification.objects.get().mail_state == MailState.SENT


def test_while_mail_is_down_nothing_is_lost_and_afterwards_everything_is_sent_once(settings):
    for key in "abc":
        tell(key)
    works, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.MailIsDown"
    for _ in range(3):
        run_jobs()
        make_due()
    assert mail.outbox == []
    assert set(Notification.objects.values_list("mail_state", flat=True)) == {MailState.QUEUED}
    assert list(Job.objects.values_list("attempts", "state")) == [(3, "queued")] * 3

    settings.EMAIL_BACKEND = works
    run_jobs()

    assert len(mail.outbox) == 3
    assert set(Notification.objects.values_list("mail_state", flat=True)) == {MailState.SENT}
    assert not Job.objects.exists()


def test_a_mail_for_a_notice_that_is_gone_is_no_error():
    send_notification_mail(notification_id=new_id())
    assert mail.outbox == []


def test_buyer_and_seller_are_told_of_an_orders_life_each_once(serving, stripe_local):
    order = make_order(email="ada@example.com")
    payment = pay(order, stripe_local)
    sync_intent(payment.intent_id)
    refund = request_refund(order_id=order.pk, amount_minor=100, reason="a scratch", actor=SYSTEM)
    send_refund(refund_id=refund.pk)
    send_refund(refund_id=refund.pk)
    cancel_order(order_id=order.pk, actor=SYSTEM)

    assert types(email="ada@example.com") == [
        "order_placed",
        "order_paid",
        "order_refunded",
        "order_cancelled",
    ]
    assert types(for_staff=True, type="order_paid") == ["order_paid"]
    assert all(order.secret in row.message for row in Notification.objects.filter(email="ada@example.com"))


def test_the_sellers_notices_do_not_hold_the_buyers_secret(stripe_local):
    order = make_order()
    pay(order, stripe_local)
    assert not Notification.objects.filter(for_staff=True, message__contains=order.secret).exists()


def test_reading_is_of_ones_own_notices():
    ada, grace = new_id(), new_id()
    tell("a", recipient_id=ada)
    tell("b", recipient_id=grace)
    tell("c", for_staff=True)
    of_grace = Notification.objects.get(recipient_id=grace)

    assert mark_read(notification_ids=[of_grace.pk], recipient_id=ada) == 0
    assert mark_read(notification_ids=None, recipient_id=ada) == 1
    assert mark_read(notification_ids=None, recipient_id=ada) == 0
    assert mark_read(notification_ids=None, recipient_id=None) == 1
    assert list(Notification.objects.filter(is_read=False)) == [of_grace]
