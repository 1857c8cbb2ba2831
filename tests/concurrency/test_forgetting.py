"""A person is forgotten while something of theirs happens: either it is seen, or it is not touched."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from core.clock import now
from services.address_services import save_address
from services.forgetting_services import Trail, follow, forget_in_storefront
from services.person_services import Forgotten, StillNeeded, erase_person, erase_person_by_email
from shop.models import Address, Notification, Order
from tenants.context import tenant_scope
from tenants.models import Erasure
from tests.factories.shop import ADDRESS, make_delivered, make_order, make_variant
from tests.factories.tenants import PASSWORD, make_user
from tests.factories.threads import at_once, failures

pytestmark = pytest.mark.usefixtures("committed")
EMAIL = "ada@example.com"
WAITS_FOR_ME = """
SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted AND transactionid = pg_current_xact_id()::xid
"""


@pytest.fixture
def ada(tenant, stripe_local):
    """Somebody with an order that has arrived, and an address."""
    user = make_user(EMAIL, email_verified_at=now())
    with tenant_scope(tenant):
        make_delivered(make_variant(), stripe_local, buyer_id=user.pk, email=EMAIL)
        save_address(user_id=user.pk, **ADDRESS)
        make_variant(stock=9)
    return user


def with_an_order_in_between(tenant, user, forget: Callable[[], Any]) -> list[Any]:
    """`forget` has read the person's orders and stands still; they order something; it goes on. What it came to."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.extend(at_once([forget], tenant=tenant)))
    with tenant_scope(tenant), transaction.atomic():
        assert Address.objects.select_for_update().get()
        thread.start()
        until_somebody_waits_for_me()
        placed = partial(make_order, buyer_id=user.pk, email=EMAIL)
        assert failures(at_once([placed], tenant=tenant)) == []
    thread.join()
    return results


def until_somebody_waits_for_me() -> None:
    for _ in range(400):
        with connection.cursor() as cursor:
            cursor.execute(WAITS_FOR_ME)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def test_an_order_that_is_placed_meanwhile_refuses_the_erasure_and_keeps_its_mail(tenant, ada):
    (result,) = with_an_order_in_between(tenant, ada, partial(erase_person, user=ada, password=PASSWORD))

    assert isinstance(result, StillNeeded)
    with tenant_scope(tenant):
        order = Order.objects.get(status="pending")
        assert Notification.objects.filter(order_id=order.pk, email=EMAIL).exists()
        assert Order.objects.filter(email=EMAIL).count() == 2
    assert not Erasure.objects.exists()


def test_control_without_a_second_look_the_open_order_loses_its_mail(tenant, ada):
    def naive() -> None:
        with transaction.atomic():
            orders = list(Order.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
            forget_in_storefront(follow(Trail(orders, [ada.pk], {EMAIL})))

    assert failures(with_an_order_in_between(tenant, ada, naive)) == []

    with tenant_scope(tenant):
        order = Order.objects.get(status="pending")
        assert order.email == EMAIL
        assert not Notification.objects.filter(order_id=order.pk, email=EMAIL).exists()


def test_forgotten_by_several_at_once_they_are_forgotten_once(tenant, ada):
    forget = partial(erase_person_by_email, email=EMAIL, actor_id=None, reason="x")

    results = at_once([forget] * 3, tenant=tenant)

    assert failures(results) == []
    assert sorted(result.orders for result in results if isinstance(result, Forgotten)) == [0, 0, 1]
    with tenant_scope(tenant):
        assert not Order.objects.filter(email=EMAIL).exists()
    assert Erasure.objects.count() == 2
