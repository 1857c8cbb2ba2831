"""What a guest's pages read of the cart behind a token: one query each."""

from uuid import UUID

from django.db import connection
from django.db.models import Q

from core.clock import now
from shop.models import Cart, Order, OrderStatus

UNITS = """
SELECT coalesce(sum(l.quantity), 0) FROM shop_cart c JOIN shop_cartline l ON l.cart_id = c.id
 WHERE c.token = %s AND (c.buyer_id IS NULL OR c.buyer_id = %s) AND c.order_id IS NULL AND c.expires_at > %s
"""


def units_in_cart(token: str, *, buyer_id: UUID | None = None) -> int:
    """Units in a guest's open cart, or in that of the account; 0 where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(UNITS, [token, buyer_id, now()])
        (units,) = cursor.fetchone()
    return int(units)


def unpaid_order_of_cart(token: str, *, buyer_id: UUID | None = None) -> Order | None:
    """The order a guest's cart, or the account's, has become, while it waits for its payment."""
    order_ids = Cart.objects.filter(Q(buyer_id=None) | Q(buyer_id=buyer_id), token=token).values("order_id")
    return Order.objects.filter(pk__in=order_ids, status=OrderStatus.PENDING).first()
