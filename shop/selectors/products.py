"""What the staff reads of the catalogue: the list of products, narrowed and in order, with what stands in a row."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from core.errors import NotFound
from shop.models import Category, InventoryItem, Product, Variant
from shop.selectors.catalogue import media_url

STATUSES = ("published", "draft", "archived")
STOCKS = ("in", "low", "out")
SORTS = ("newest", "title")


@dataclass(frozen=True)
class ProductFilter:
    """Which products. `category` is an id, with those inside it, or "none"; "" narrows nothing."""

    q: str = ""
    status: str = ""
    category: str = ""
    stock: str = ""
    tag: str = ""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """From an address or a stored operation. What means nothing narrows nothing."""
        status, stock = str(params.get("status", "")), str(params.get("stock", ""))
        return cls(
            q=_text(params.get("q")),
            status=status if status in STATUSES else "",
            category=_category(str(params.get("category", ""))),
            stock=stock if stock in STOCKS else "",
            tag=_text(params.get("tag")),
        )

    def as_params(self) -> dict[str, str]:
        """What of it narrows."""
        return {name: value for name, value in asdict(self).items() if value}


def _text(value: Any) -> str:
    return str(value or "").replace("\x00", "").strip()[:100]


def _category(value: str) -> str:
    if value == "none":
        return value
    try:
        return str(UUID(value))
    except ValueError:
        return ""


def status_of(product: Product) -> str:
    """published, draft or archived."""
    return "archived" if product.archived_at else "published" if product.is_published else "draft"


def filtered_products(wanted: ProductFilter) -> QuerySet[Product]:
    """The products, in no order yet."""
    products = Product.objects.all()
    if wanted.q:
        products = products.filter(
            Q(title__icontains=wanted.q)
            | Q(slug__startswith=wanted.q.lower())
            | Q(pk__in=Variant.objects.filter(sku__istartswith=wanted.q).values("product_id"))
        )
    if wanted.status:
        products = products.filter(_has_status(wanted.status))
    if wanted.category == "none":
        products = products.filter(category=None)
    elif wanted.category:
        products = products.filter(category__in=categories_inside(UUID(wanted.category)))
    if wanted.tag:
        products = products.filter(tags__contains=[wanted.tag])
    return products.filter(_has_stock(wanted.stock)) if wanted.stock else products


def _has_status(status: str) -> Q:
    if status == "archived":
        return Q(archived_at__isnull=False)
    return Q(archived_at=None, is_published=status == "published")


def _has_stock(stock: str) -> Q:
    """in: something of it can be bought; out: nothing can; low: a variant that is sold is at its warning or below."""
    items = InventoryItem.objects.filter(product_id=OuterRef("pk"), variant__is_active=True)
    if stock == "low":
        return Q(Exists(items.filter(is_tracked=True, low_stock_since__isnull=False)))
    is_there = Q(Exists(items.filter(Q(is_tracked=False) | Q(available_stock__gt=0))))
    return is_there if stock == "in" else ~is_there


INSIDE = """
WITH RECURSIVE inside AS (SELECT id FROM shop_category WHERE id = %s
  UNION SELECT c.id FROM shop_category c JOIN inside ON c.parent_id = inside.id) SELECT id FROM inside
"""


def categories_inside(category_id: UUID) -> list[UUID]:
    """A category and all that stand inside it. One query."""
    with connection.cursor() as cursor:
        cursor.execute(INSIDE, [category_id])
        return [row[0] for row in cursor.fetchall()]


def product_list(wanted: ProductFilter, *, sort: str = "newest") -> QuerySet[Product]:
    """The products with their category; newest first, or by title from A on."""
    products = filtered_products(wanted).select_related("category").defer("description", "search")
    return products.order_by("title", "pk") if sort == "title" else products.order_by("-created_at", "-pk")


@dataclass(frozen=True)
class StockSummary:
    """Of a product's variants that are sold: how many there are, and their units. `is_tracked`: all of them are counted."""

    variants: int = 0
    units: int = 0
    is_tracked: bool = True
    is_low: bool = False

    @property
    def state(self) -> str:
        """not_tracked, sold_out, low or in_stock."""
        if not self.is_tracked:
            return "not_tracked"
        return "sold_out" if self.units <= 0 else "low" if self.is_low else "in_stock"


SUMMARY = """
SELECT v.product_id, count(*), coalesce(sum(i.available_stock) FILTER (WHERE i.is_tracked), 0), bool_and(i.is_tracked),
       bool_or(i.is_tracked AND i.low_stock_since IS NOT NULL)
  FROM shop_variant v JOIN shop_inventoryitem i ON i.variant_id = v.id
 WHERE v.product_id = ANY(%s) AND v.is_active GROUP BY v.product_id
"""


def stock_of(products: Iterable[Product]) -> dict[UUID, StockSummary]:
    """The stock of each product. One query."""
    with connection.cursor() as cursor:
        cursor.execute(SUMMARY, [[product.pk for product in products]])
        return {row[0]: StockSummary(*row[1:]) for row in cursor.fetchall()}


def thumbnail_of(product: Product) -> str:
    """Where its first picture is served, small; "" without one."""
    return media_url((product.cover or {}).get("thumbnail")) or ""


def product_with_slug(slug: str) -> UUID:
    """Raises NotFound."""
    found = Product.objects.filter(slug=slug).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(what="product")
    return found


@dataclass(frozen=True)
class Shelf:
    """A category in the tree: how deep it stands, and how many products, whatever their state, are directly in it."""

    id: UUID
    name: str
    slug: str
    parent_id: UUID | None
    depth: int
    products: int
    is_first: bool
    is_last: bool

    @property
    def indented(self) -> str:
        """For lists to choose from."""
        return "\u2003" * self.depth + self.name


def shelves(*, with_counts: bool = False) -> list[Shelf]:
    """All categories as a tree: each before those inside it, siblings in the seller's order. One query, two with counts."""
    rows = list(Category.objects.order_by("position", "name", "pk"))
    counts: dict[UUID | None, int] = {}
    if with_counts:
        with connection.cursor() as cursor:
            cursor.execute("SELECT category_id, count(*) FROM shop_product GROUP BY category_id")
            counts = dict(cursor.fetchall())
    inside: dict[UUID | None, list[Category]] = {}
    for row in rows:
        inside.setdefault(row.parent_id, []).append(row)
    found: list[Shelf] = []

    def add(parent_id: UUID | None, depth: int) -> None:
        siblings = inside.get(parent_id, [])
        for at, row in enumerate(siblings):
            is_first, is_last = at == 0, at == len(siblings) - 1
            count = counts.get(row.pk, 0)
            found.append(Shelf(row.pk, row.name, row.slug, row.parent_id, depth, count, is_first, is_last))
            add(row.pk, depth + 1)

    add(None, 0)
    return found


def tags_in_use(*, limit: int = 200) -> list[str]:
    """Tags to choose from, those of most products first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tag FROM shop_product, unnest(tags) AS tag GROUP BY tag ORDER BY count(*) DESC, tag LIMIT %s",
            [limit],
        )
        return [tag for (tag,) in cursor.fetchall()]
