"""Logs are kept for long and looked at by many: nobody is named in them, and nothing is told to Stripe that it does not need."""

import json

import pytest
import structlog
from django.db import IntegrityError, connection, transaction

from core.logs import without_people
from services.order_history import SYSTEM
from services.order_services import cancel_order
from services.payment_services import _page_params
from services.person_services import erase_person_by_email
from services.webhook_services import sweep_events
from shop.models import Order
from tests.factories.jobs import run_jobs
from tests.factories.shop import ADDRESS, make_cart, make_order, make_variant, pay
from tests.factories.tenants import PASSWORD, make_user
from tests.web.test_storefront import Browser

NAME, EMAIL, PHONE, STREET = "Ada Lovelace", "ada@example.com", "+4930123456", "Unter den Linden"


def test_what_a_buyer_does_leaves_log_lines_of_nobody(serving, stripe_local, capfd, mailoutbox):
    user = make_user(EMAIL, name=NAME)
    browser = Browser(serving)
    variant = make_variant()
    browser.post("/account/sign-in", {"email": EMAIL, "password": "wrong"})
    browser.post("/account/sign-in", {"email": EMAIL, "password": PASSWORD})
    browser.post("/account/forgotten", {"email": EMAIL})
    browser.post("/account/addresses/new", {**ADDRESS, "phone": PHONE})
    sent = {
        "cart": make_cart((variant, 1)).token,
        "email": EMAIL,
        "shipping_address": {**ADDRESS, "phone": PHONE},
    }
    headers = {"HTTP_IDEMPOTENCY_KEY": "one"}
    browser.post("/api/v1/checkout", json.dumps(sent), content_type="application/json", **headers)
    order = make_order((variant, 1), email=EMAIL, buyer_id=user.pk)
    pay(order, stripe_local, "4000000000000002")
    pay(order, stripe_local)
    browser.get(f"/orders/{order.secret}")
    sweep_events()
    run_jobs()
    cancel_order(order_id=order.pk, actor=SYSTEM)
    run_jobs()
    for pending in Order.objects.filter(status="pending"):
        cancel_order(order_id=pending.pk, actor=SYSTEM)
    erase_person_by_email(email=EMAIL, actor_id=None, reason=f"{NAME} asked")
    lines = capfd.readouterr().err

    assert lines.count('"event":"request"') > 5
    assert '"event":"job.done"' in lines
    for trace in (NAME, EMAIL, PHONE, STREET, order.secret):
        assert trace not in lines, trace


def test_the_row_that_postgresql_refused_is_not_in_the_log(serving):
    order = make_order(email=EMAIL)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE shop_order SET status = 'nonsense' WHERE id = %s", [order.pk])
    except IntegrityError:
        event = structlog.processors.format_exc_info(None, "", {"exc_info": True, "event": "x"})
    else:
        pytest.fail("PostgreSQL took it")
    if "DETAIL:" not in event["exception"]:
        event["exception"] += f"\nDETAIL:  Failing row contains (1, {EMAIL}, Ada\nLovelace)."

    told = without_people(None, "", event)["exception"]

    assert "IntegrityError" in told
    assert "Traceback" in told
    for trace in (EMAIL, NAME, STREET, "Lovelace"):
        assert trace not in told


def test_stripe_is_told_the_mail_address_and_ids_and_nothing_else_of_the_buyer(serving, stripe_local):
    order = make_order(email=EMAIL)
    params = _page_params(serving, order.payments.get())

    assert params["customer_email"] == EMAIL  # for the receipt, and to fill in the page
    assert set(params["metadata"]) == {"tenant", "order", "payment"}
    rest = json.dumps({key: value for key, value in params.items() if key != "customer_email"})
    for trace in (NAME, EMAIL, STREET, "10117"):
        assert trace not in rest, trace
