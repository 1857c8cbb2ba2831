"""Who buys here: one row for each mail address, however many orders there are.

There is no table of customers. A customer is the latest order of a mail address; a page of them is found by walking the
orders from the newest and passing over those that have a newer one of the same address.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from core.errors import NotFound
from shop.models import Order, Review
from shop.selectors.order_lists import search_query

CHUNK = 500


@dataclass(frozen=True)
class Totals:
    """What a customer has bought. `spent_minor` is what was captured less what was refunded, in `currency`."""

    orders: int = 0
    spent_minor: int = 0
    refunded_minor: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


# p.captured_minor is 0 unless money was taken; an order has one payment that took some at the most.
TOTALS = """
SELECT o.email, count(DISTINCT o.id), coalesce(sum(p.captured_minor), 0),
       coalesce(sum(o.refunded_minor) FILTER (WHERE p.captured_minor > 0), 0), min(o.placed_at), max(o.placed_at)
  FROM shop_order o LEFT JOIN shop_payment p ON p.order_id = o.id AND p.captured_minor > 0
 WHERE o.email = ANY(%(emails)s) AND o.currency = %(currency)s GROUP BY o.email
"""


def customers(q: str = "") -> QuerySet[Order]:
    """The latest order of each mail address, newest first; with `q`, the latest one that has these words."""
    orders = Order.objects.order_by("-placed_at", "-id")
    newer = Order.objects.filter(
        Q(placed_at__gt=OuterRef("placed_at")) | Q(placed_at=OuterRef("placed_at"), id__gt=OuterRef("id")),
        email=OuterRef("email"),
    )
    if q:
        query = search_query(q)
        if query is None:
            return orders.none()
        orders, newer = orders.filter(search=query), newer.filter(search=query)
    return orders.filter(~Exists(newer)).only("number", "email", "placed_at", "shipping_address", "currency")


def totals_of(emails: Iterable[str], *, currency: str) -> dict[str, Totals]:
    """By mail address. One query."""
    with connection.cursor() as cursor:
        cursor.execute(TOTALS, {"emails": list(emails), "currency": currency})
        return {
            email: Totals(orders, int(captured) - int(refunded), int(refunded), first_at, last_at)
            for email, orders, captured, refunded, first_at, last_at in cursor.fetchall()
        }


def customer_of(order_id: UUID) -> Order:
    """The order that stands for a customer in addresses of pages, so that no mail address is in them. Raises NotFound."""
    found = (
        Order.objects.only("email", "placed_at", "shipping_address", "buyer_id").filter(pk=order_id).first()
    )
    if found is None:
        raise NotFound(what="customer")
    return found


def orders_by_email(email: str) -> QuerySet[Order]:
    """A customer's orders, newest first."""
    return Order.objects.filter(email=email).order_by("-placed_at", "-id")


ADDRESSES = """
SELECT address, max(placed_at) AS last_at FROM (
  SELECT shipping_address AS address, placed_at FROM shop_order WHERE email = %(email)s ORDER BY placed_at DESC, id DESC LIMIT 200) recent
 GROUP BY address ORDER BY last_at DESC LIMIT 10
"""


def addresses_used(email: str) -> list[dict[str, Any]]:
    """Where the last orders went, without repetition, the latest first."""
    with connection.cursor() as cursor:
        cursor.execute(ADDRESSES, {"email": email})
        rows = cursor.fetchall()
    return [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in rows]


def reviews_of_customer(email: str, *, limit: int = 20) -> list[Review]:
    """What they wrote of what they bought, newest first."""
    reviews = Review.objects.filter(order_line__order__email=email).select_related("product")
    return list(
        reviews.defer("product__description", "product__search").order_by("-created_at", "-id")[:limit]
    )


PAGE_OF_EMAILS = "SELECT DISTINCT email FROM shop_order WHERE email > %s ORDER BY email LIMIT %s"
LATEST = """
SELECT DISTINCT ON (email) email, shipping_address->>'name', shipping_address->>'country', number
  FROM shop_order WHERE email = ANY(%s) ORDER BY email, placed_at DESC, id DESC
"""


def all_customers(*, currency: str) -> Iterator[list[tuple[str, str, str, int, Totals]]]:
    """Everybody by mail address, a chunk at a time: (mail address, name, country, number of the last order, totals)."""
    after = ""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(PAGE_OF_EMAILS, [after, CHUNK])
            emails = [email for (email,) in cursor.fetchall()]
            if not emails:
                return
            cursor.execute(LATEST, [emails])
            latest = cursor.fetchall()
        totals = totals_of(emails, currency=currency)
        yield [
            (email, name or "", country or "", number, totals.get(email, Totals()))
            for email, name, country, number in latest
        ]
        after = emails[-1]
