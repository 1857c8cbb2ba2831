"""What a storefront's staff reads."""

from uuid import UUID

from django.db import connection
from django.db.models import Prefetch, Q, QuerySet

from core.errors import NotFound
from shop.models import InventoryItem, InventoryMovement, Product, Promotion, ShippingRate, Variant
from tenants.models import Membership, Tenant


def products_of_seller(*, q: str = "") -> QuerySet[Product]:
    """All products, drafts and archived ones too, newest first; `q` finds titles, slugs and SKUs."""
    products = Product.objects.order_by("-created_at", "-id")
    if q:
        products = products.filter(
            Q(title__icontains=q)
            | Q(slug__startswith=q.lower())
            | Q(pk__in=Variant.objects.filter(sku__istartswith=q).values("product_id"))
        )
    return products


def product_of_seller(product_id: UUID) -> Product:
    """One product with variants, stock and pictures. Raises NotFound."""
    found = (
        Product.objects.prefetch_related(
            Prefetch("variants", Variant.objects.select_related("inventory").order_by("position", "id")),
            "images",
        )
        .filter(pk=product_id)
        .first()
    )
    if found is None:
        raise NotFound(what="product")
    return found


def inventory(*, only_low: bool = False) -> QuerySet[InventoryItem]:
    """Stock by SKU."""
    items = InventoryItem.objects.select_related("variant", "product").order_by("-variant_id")
    return items.filter(low_stock_since__isnull=False, is_tracked=True) if only_low else items


def movements(variant_id: UUID) -> QuerySet[InventoryMovement]:
    """An item's movements, newest first."""
    if not InventoryItem.objects.filter(pk=variant_id).exists():
        raise NotFound(what="inventory item")
    return InventoryMovement.objects.filter(item_id=variant_id).order_by("-created_at", "-id")


def promotions() -> QuerySet[Promotion]:
    """Newest first."""
    return Promotion.objects.order_by("-created_at", "-id")


def find_promotion_by_id(promotion_id: UUID) -> Promotion:
    """Raises NotFound."""
    found = Promotion.objects.filter(pk=promotion_id).first()
    if found is None:
        raise NotFound(what="promotion")
    return found


def first_steps(tenant: Tenant) -> dict[str, bool]:
    """What a new shop needs, and whether it is done. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (SELECT FROM shop_product WHERE is_published),
                   EXISTS (SELECT FROM shop_staticpage WHERE is_published),
                   EXISTS (SELECT FROM shop_shippingrate WHERE is_active AND price_minor > 0),
                   coalesce((SELECT payouts_enabled AND transfers_active FROM public.payouts_selleraccount WHERE tenant_id = %s), false)
            """,
            [tenant.pk],
        )
        product, page, shipping, bank = cursor.fetchone()
    return {
        "product": product,
        "brand": bool(tenant.brand.get("tagline") or tenant.brand.get("logo")),
        "pages": page,
        "shipping": shipping,
        "bank": bank,
    }


def active_rate() -> ShippingRate | None:
    """The storefront's flat rate, where it has one."""
    return ShippingRate.objects.filter(is_active=True).first()


def shipping_rate() -> ShippingRate:
    """The storefront's flat rate. Raises NotFound where there is none."""
    found = active_rate()
    if found is None:
        raise NotFound(what="shipping rate")
    return found


def members(tenant: Tenant) -> QuerySet[Membership]:
    """The team."""
    return Membership.objects.filter(tenant=tenant).select_related("user").order_by("created_at")
