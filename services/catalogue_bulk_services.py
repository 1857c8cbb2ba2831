"""One change to many products at once: all of them, or none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext

from core.clock import now
from core.errors import Conflict, Invalid, NotFound
from core.jobs import enqueue
from core.money import BASIS_POINTS
from services.catalogue_services import find_category, refresh_products
from shop.models import Product

MOST_PRODUCTS = 20_000
MAX_MINOR = 10**12
MOST_TAGS = 50
MOST_PERCENT = 1_000
NAMED = 3


class PricesRefused(Conflict):
    """A price would fall below zero, or reach the former price beside it. Facts: reason, products (titles), more."""

    code = "prices_refused"

    @property
    def sentence(self) -> str:
        """Names the first of the products."""
        return str(self.facts["reason"])


@dataclass(frozen=True)
class BulkChange:
    """What to do with each product. `what` is one of CHANGES; the other fields are what it needs."""

    what: str
    category_id: UUID | None = None
    tag: str = ""
    basis_points: int = 0
    amount_minor: int = 0


@transaction.atomic
def change_products(*, product_ids: Sequence[UUID], change: BulkChange) -> int:
    """Make the change to each of these products, and say of how many anything changed.

    Prices are those of variants that are sold, rounded half up at the minor unit. Locks the products in ascending id. Raises
    Invalid, NotFound (one of them is not there), PricesRefused; then nothing has changed.
    """
    wanted = set(product_ids)
    if not wanted:
        raise Invalid(field="product", reason=gettext("tick at least one product"))
    if len(wanted) > MOST_PRODUCTS:
        raise Invalid(field="product", reason=gettext("these are too many at once"))
    locked = Product.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    if len(ids) < len(wanted):
        raise NotFound(what="product")
    changed = CHANGES[change.what](ids, change)
    if changed:
        enqueue("directory.refresh")
    return changed


def _publish(ids: list[UUID], change: BulkChange) -> int:
    hidden = Product.objects.filter(pk__in=ids).exclude(is_published=True, archived_at=None)
    return hidden.update(is_published=True, archived_at=None, updated_at=now())


def _unpublish(ids: list[UUID], change: BulkChange) -> int:
    return Product.objects.filter(pk__in=ids, is_published=True).update(is_published=False, updated_at=now())


def _archive(ids: list[UUID], change: BulkChange) -> int:
    here = Product.objects.filter(pk__in=ids, archived_at=None)
    return here.update(is_published=False, archived_at=now(), updated_at=now())


def _restore(ids: list[UUID], change: BulkChange) -> int:
    return Product.objects.filter(pk__in=ids, archived_at__isnull=False).update(
        archived_at=None, updated_at=now()
    )


def _set_category(ids: list[UUID], change: BulkChange) -> int:
    category = find_category(change.category_id) if change.category_id else None
    elsewhere = Product.objects.filter(pk__in=ids)
    if category is None:
        elsewhere = elsewhere.filter(category__isnull=False)
    else:
        elsewhere = elsewhere.exclude(category=category)
    return elsewhere.update(category=category, updated_at=now())


ADD_TAG = """
UPDATE shop_product SET tags = tags || %(tag)s::varchar, updated_at = now()
 WHERE id = ANY(%(ids)s) AND NOT tags @> ARRAY[%(tag)s]::varchar[] RETURNING cardinality(tags)
"""
REMOVE_TAG = """
UPDATE shop_product SET tags = array_remove(tags, %(tag)s::varchar), updated_at = now()
 WHERE id = ANY(%(ids)s) AND tags @> ARRAY[%(tag)s]::varchar[] RETURNING cardinality(tags)
"""


def _tag(sql: str, ids: list[UUID], change: BulkChange) -> int:
    if not change.tag:
        raise Invalid(field="tag", reason=gettext("name the tag"))
    with connection.cursor() as cursor:
        cursor.execute(sql, {"ids": ids, "tag": change.tag})
        counts = [count for (count,) in cursor.fetchall()]
    if sql == ADD_TAG and max(counts, default=0) > MOST_TAGS:
        raise Invalid(
            field="tag", reason=gettext("a product has at most %(most)d tags") % {"most": MOST_TAGS}
        )
    return len(counts)


def _add_tag(ids: list[UUID], change: BulkChange) -> int:
    return _tag(ADD_TAG, ids, change)


def _remove_tag(ids: list[UUID], change: BulkChange) -> int:
    return _tag(REMOVE_TAG, ids, change)


# What a price becomes: half up, as core.money.percent_of, which has the same rule in Python.
NEW_PRICE = "(v.price_minor * %(factor)s * 2 + %(whole)s) / (%(whole)s * 2) + %(amount)s"
REFUSED = """
SELECT DISTINCT p.title, p.id FROM shop_variant v JOIN shop_product p ON p.id = v.product_id
 WHERE v.product_id = ANY(%(ids)s) AND v.is_active AND {rule} ORDER BY p.id
"""
BELOW_ZERO = REFUSED.format(rule=f"({NEW_PRICE} < 0 OR {NEW_PRICE} > %(most)s)")
AT_FORMER = REFUSED.format(rule=f"v.compare_at_price_minor <= {NEW_PRICE}")
CHANGE_PRICES = f"""
UPDATE shop_variant v SET price_minor = {NEW_PRICE}, updated_at = now()
 WHERE v.product_id = ANY(%(ids)s) AND v.is_active AND v.price_minor <> {NEW_PRICE} RETURNING v.product_id
"""  # noqa: S608 - both parts are ours


def _change_prices(ids: list[UUID], change: BulkChange) -> int:
    if not -100 * 100 <= change.basis_points <= MOST_PERCENT * 100:
        raise Invalid(
            field="percent",
            reason=gettext("a percentage from -100 to %(most)d") % {"most": MOST_PERCENT},
        )
    if abs(change.amount_minor) > MAX_MINOR:
        raise Invalid(field="amount", reason=gettext("this is too much"))
    if not change.basis_points and not change.amount_minor:
        raise Invalid(field="amount", reason=gettext("a change of 0 changes nothing"))
    values: dict[str, Any] = {
        "ids": ids,
        "factor": BASIS_POINTS + change.basis_points,
        "whole": BASIS_POINTS,
        "amount": change.amount_minor,
        "most": MAX_MINOR,
    }
    with connection.cursor() as cursor:
        cursor.execute(BELOW_ZERO, values)
        _refuse(cursor.fetchall(), gettext("The price would fall below zero, or grow too large: {titles}."))
        cursor.execute(AT_FORMER, values)
        _refuse(cursor.fetchall(), gettext("The price would reach the former price beside it: {titles}."))
        cursor.execute(CHANGE_PRICES, values)
        changed = {product_id for (product_id,) in cursor.fetchall()}
    if changed:
        refresh_products(sorted(changed))
    return len(changed)


def _refuse(found: list[tuple[str, UUID]], words: str) -> None:
    """Raises PricesRefused where products were found."""
    if not found:
        return
    titles = [title for title, _ in found]
    more = len(titles) - NAMED
    shown = ", ".join(titles[:NAMED]) + (gettext(" and %(n)d more") % {"n": more} if more > 0 else "")
    raise PricesRefused(reason=words.format(titles=shown), products=titles[:NAMED], more=max(more, 0))


CHANGES: dict[str, Callable[[list[UUID], BulkChange], int]] = {
    "publish": _publish,
    "unpublish": _unpublish,
    "archive": _archive,
    "restore": _restore,
    "category": _set_category,
    "add_tag": _add_tag,
    "remove_tag": _remove_tag,
    "prices": _change_prices,
}
