"""Taking people out of a storefront's own tables. What the law and other people need stays, of nobody.

These are the steps; who may ask for them, and when they are refused, is in `person_services` and `erasure_services`. All of
them are sets of rows, so that one person and ten thousand cost the same number of questions.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from core.clock import now
from core.db import as_marketplace
from core.idempotency import caller_for
from core.ids import new_id
from core.models import OperationState
from services.forgotten_words import Words, blot_out, blot_table, telling_words
from services.personal_data import PERSONAL_DATA, Kind
from services.stripe_privacy import PERSONAL, without_person
from shop.models import (
    ActorKind,
    Address,
    CancelReason,
    Cart,
    IdempotencyKey,
    InventoryMovement,
    Notification,
    Operation,
    Order,
    OrderEvent,
    Payment,
    PaymentAttempt,
    PromotionRedemption,
    Refund,
    Review,
    SavedView,
    Shipment,
)
from shop.models.order import NOBODY
from shop.selectors.order_lists import NOTE
from tenants.models import User

EXPORTS = ("orders.export", "customers.export")
ASK_AGAIN = "Somebody asked to be forgotten meanwhile. Start it again."
MOVEMENT_WORDS = 200  # of a reason, in the log of stock


@dataclass(frozen=True)
class Trail:
    """What leads to people who are to be forgotten: their orders, their accounts, and the mail addresses that are proved
    to be theirs.

    `words` name them, as far as their own orders say: anybody may type anything there, so that these are taken out of
    rows of theirs only. `until`: of an account's rows those made after that moment stay, of somebody who has come back.
    """

    orders: list[UUID]
    users: list[UUID]
    proved: set[str]
    emails: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    until: dict[UUID, datetime] | None = None

    @property
    def callers(self) -> list[str]:
        """Who they are in the kept answers of requests."""
        return [caller_for(user_id) for user_id in self.users]


def follow(trail: Trail, *, names: Iterable[str] = ()) -> Trail:
    """The trail with the mail addresses and the words that its rows say of these people, before those are gone."""
    emails, addresses = set(trail.proved), []
    placed = Order.objects.filter(pk__in=trail.orders)
    for email, shipping, billing in placed.values_list("email", "shipping_address", "billing_address"):
        emails.add(email)
        addresses += [address for address in (shipping, billing) if isinstance(address, dict)]
    emails = {email for email in emails if email and not email.endswith(NOBODY)}
    words = telling_words(emails=emails, names=names, addresses=addresses)
    return replace(trail, emails=emails, words=words)


def forget_in_storefront(trail: Trail) -> dict[str, int]:
    """Take these people out of every table of the storefront. Returns how many rows of what went or lost their person.

    Call in a transaction that holds the orders' locks.
    """
    nobodies = {email: f"erased-{new_id().hex[-12:]}{NOBODY}" for email in trail.emails}
    done = _forget_accounts(trail)
    done["mentions"] = _blot_out_of_their_rows(trail) + blot_out(Words(trail.proved))
    done["reviews"] = _forget_in_reviews(trail, nobodies)
    done["messages"] = _forget_messages(trail)
    _forget_in_history(trail)
    _forget_in_payments(trail)
    done["exports"], done["lists"] = _forget_in_lists(trail)
    done["answers"] = _forget_answers(trail)
    done["orders"] = _forget_in_orders(trail, nobodies)
    return done


def _mine(rows: QuerySet[Any], trail: Trail, column: str) -> QuerySet[Any]:
    """Rows of these accounts, as old as they have to be."""
    if trail.until is None:
        return rows.filter(**{f"{column}__in": trail.users})
    found = Q(pk__in=[])
    by_moment: dict[datetime, list[UUID]] = {}
    for user_id, moment in trail.until.items():
        by_moment.setdefault(moment, []).append(user_id)
    for moment, users in by_moment.items():
        found |= Q(**{f"{column}__in": users}, created_at__lt=moment)
    return rows.filter(found)


def _forget_accounts(trail: Trail) -> dict[str, int]:
    """What hangs on accounts alone."""
    addresses, _ = _mine(Address.objects.all(), trail, "user_id").delete()
    carts = _mine(Cart.objects.all(), trail, "buyer_id")
    open_carts = carts.filter(order_id=None)
    count = open_carts.count()
    open_carts.delete()
    carts.update(buyer_id=None)
    Cart.objects.filter(order_id__in=trail.orders).update(buyer_id=None)
    return {"addresses": addresses, "carts": count}


def _forget_in_reviews(trail: Trail, nobodies: dict[str, str]) -> int:
    """Stars and words stay for their readers. One that somebody's other account proves keeps that."""
    theirs = Review.objects.filter(order_line__order__in=trail.orders) | Review.objects.filter(
        pk__in=_mine(Review.objects.all(), trail, "buyer_id").values("pk")
    )
    count = 0
    for review in theirs.only("email", "buyer_id", "author").distinct():
        review.email = nobodies.get(review.email) or f"erased-{new_id().hex[-12:]}{NOBODY}"
        review.buyer_id, review.author = None, "—"
        review.save(update_fields=["email", "buyer_id", "author"])
        count += 1
    return count


REVIEWS_NOTICES = """SELECT 'staff:review:' || r.id FROM shop_review r
  JOIN shop_orderline l ON l.id = r.order_line_id WHERE l.order_id = ANY(%s)"""
# Rows of an order's with free words in them.
OF_ORDERS = {
    "shop_order": ("id = ANY(%s)", ("needs_attention",)),
    "shop_orderevent": ("order_id = ANY(%s)", ("reason", "facts")),
    "shop_refund": ("order_id = ANY(%s)", ("reason", "gateway_response")),
    "shop_inventorymovement": ("order_id = ANY(%s)", ("reason",)),
    "shop_payment": ("order_id = ANY(%s)", ("failure_message", "gateway_response")),
    "shop_paymentattempt": (
        "payment_id IN (SELECT id FROM shop_payment WHERE order_id = ANY(%s))",
        ("failure_message", "gateway_response"),
    ),
    "shop_review": (
        "order_line_id IN (SELECT id FROM shop_orderline WHERE order_id = ANY(%s))",
        ("title", "text", "answer", "hidden_reason"),
    ),
    "shop_notification": (
        f"(order_id = ANY(%s) OR dedupe_key IN ({REVIEWS_NOTICES}))",
        ("title", "message"),
    ),
}


def _blot_out_of_their_rows(trail: Trail) -> int:
    """What others wrote of their orders, and what they wrote of products, without the words that name them."""
    words = Words(trail.words)
    if not words or not trail.orders:
        return 0
    count = 0
    for table, (where, names) in OF_ORDERS.items():
        columns = {
            name: Kind.FACTS if PERSONAL_DATA[table][name] in (Kind.FACTS, Kind.GATEWAY) else Kind.WORDS
            for name in names
        }
        count += blot_table(words, table, columns, where=where, params=[trail.orders] * where.count("%s"))
    return count


def _forget_messages(trail: Trail) -> int:
    """What the buyer was told goes; what the staff was told stays, of nobody: see `forgotten_words`."""
    told = Notification.objects.filter(for_staff=False)
    by_mail = told.filter(Q(order_id__in=trail.orders) | Q(email__in=trail.proved)).delete()[0]
    return by_mail + _mine(told, trail, "recipient_id").delete()[0]


def _forget_in_history(trail: Trail) -> None:
    """That the buyer moved an order stays, without who that is and what they wrote; the shop's own words stay.

    Not the staff's notes: they are of the person as often as of the order. That there was one stays. Nor the address of
    the carrier's page: some have the buyer's postal code in them.
    """
    events = OrderEvent.objects.filter(order__in=trail.orders)
    events.filter(action=NOTE).update(facts={})
    moved = events.filter(actor_kind__in=(ActorKind.BUYER, ActorKind.GUEST))
    words = set(moved.exclude(reason="").values_list("reason", flat=True))
    movements = InventoryMovement.objects.filter(order_id__in=trail.orders)
    if words:
        movements.filter(reason__in={text[:MOVEMENT_WORDS] for text in words}).update(
            reason=CancelReason.BUYER.value
        )
        Refund.objects.filter(order__in=trail.orders, reason__in=words).update(reason="")
    movements.filter(actor_id__in=trail.users).update(actor_id=None)
    Refund.objects.filter(order__in=trail.orders, actor_id__in=trail.users).update(
        actor_id=None, request_key=None
    )
    Shipment.objects.filter(order__in=trail.orders).exclude(tracking_url="").update(tracking_url="")
    moved.update(actor_id=None, reason="")


def _forget_in_payments(trail: Trail) -> None:
    """Stripe's ids stay: the books name them. Its page of the payment is over, and what it said of the payer goes."""
    payments = Payment.objects.filter(order__in=trail.orders)
    payments.exclude(checkout_url="", client_secret="").update(checkout_url="", client_secret="")
    told = {"gateway_response__has_any_keys": sorted(PERSONAL)}
    kept: tuple[Any, ...] = (
        *payments.filter(**told),
        *PaymentAttempt.objects.filter(payment__order__in=trail.orders, **told),
        *Refund.objects.filter(order__in=trail.orders, **told),
    )
    for row in kept:
        row.gateway_response = without_person(row.gateway_response)
        row.save(update_fields=["gateway_response"])


def _forget_in_lists(trail: Trail) -> tuple[int, int]:
    """Files that the staff had made go, since everybody is in them; one that is being made is not kept. So do saved lists
    that look for one of these people."""
    exports = Operation.objects.filter(kind__in=EXPORTS)
    exports.filter(finished_at=None).update(
        state=OperationState.FAILED, error=ASK_AGAIN, finished_at=now(), params={}
    )
    made, _ = exports.exclude(error=ASK_AGAIN).filter(finished_at__isnull=False).delete()
    words, lists = Words(trail.words | trail.proved), 0
    for view in SavedView.objects.all():
        asked = " ".join([view.name, *parse_qs(view.query).get("q", [])])
        if words.blot(asked) != asked:
            view.delete()
            lists += 1
    return made, lists


def _forget_answers(trail: Trail) -> int:
    """Kept answers of requests: of these accounts, and those to guests that name one of the orders."""
    if trail.until is not None:  # an archive's: whoever sent these does not wait for an answer any more
        return IdempotencyKey.objects.all().delete()[0] if trail.orders or trail.users else 0
    names = [str(order_id) for order_id in trail.orders] + sorted(trail.proved)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM shop_idempotencykey WHERE caller = ANY(%s) OR EXISTS (SELECT FROM unnest(%s::text[]) AS n(word)"
            " WHERE position(convert_to(n.word, 'UTF8') IN body) > 0)",
            [trail.callers, names],
        )
        return cursor.rowcount


FORGET_ORDERS = """
WITH changed AS (
  UPDATE shop_order o
     SET buyer_id = NULL, request_key = NULL, email = coalesce(n.nobody, o.email),
         shipping_address = %(empty)s::jsonb || jsonb_build_object('country', coalesce(o.shipping_address->>'country', '')),
         billing_address = CASE WHEN jsonb_typeof(o.billing_address) = 'object'
           THEN %(empty)s::jsonb || jsonb_build_object('country', coalesce(o.billing_address->>'country', '')) END
    FROM shop_order was LEFT JOIN unnest(%(emails)s::text[], %(nobodies)s::text[]) AS n(email, nobody) USING (email)
   WHERE was.id = o.id AND o.id = ANY(%(orders)s::uuid[])
  RETURNING o.id, o.email)
UPDATE shop_promotionredemption r SET buyer_key = changed.email FROM changed WHERE r.order_id = changed.id
"""
EMPTY = '{"name": "—", "company": "", "line1": "—", "line2": "", "postal_code": "", "city": "", "region": "", "phone": ""}'


def _forget_in_orders(trail: Trail, nobodies: dict[str, str]) -> int:
    """Of the addresses the country stays, since taxes go by it. One person's orders stay one person's, of no name."""
    with connection.cursor() as cursor:
        cursor.execute(
            FORGET_ORDERS,
            {
                "empty": EMPTY,
                "orders": trail.orders,
                "emails": list(nobodies),
                "nobodies": list(nobodies.values()),
            },
        )
    _give_back_lent_addresses(trail)
    return len(trail.orders)


def _give_back_lent_addresses(trail: Trail) -> None:
    """Orders that others placed from their accounts with one of these mail addresses: told by their own from now on."""
    lent = Order.objects.filter(email__in=trail.proved, buyer_id__isnull=False).exclude(pk__in=trail.orders)
    rows = list(lent.only("email", "buyer_id"))
    with as_marketplace():
        own = dict(User.objects.filter(pk__in={row.buyer_id for row in rows}).values_list("pk", "email"))
    for order in rows:
        lent_by, theirs = order.email, own.get(order.buyer_id) if order.buyer_id else None
        if theirs == lent_by:
            continue
        order.email = theirs or f"erased-{new_id().hex[-12:]}{NOBODY}"
        order.save(update_fields=["email"])
        PromotionRedemption.objects.filter(order=order).update(buyer_key=order.email)
        for review in Review.objects.filter(order_line__order=order, email=lent_by):
            review.email = f"erased-{new_id().hex[-12:]}{NOBODY}"
            review.save(update_fields=["email"])
