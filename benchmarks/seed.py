"""Fills one storefront for the benchmarks: 1,000 products, 1,500 SKUs. Prints what the benchmarks need as JSON."""

import json
import os

import django

PRODUCTS, SECOND_VARIANTS, PLENTY, HOT_UNITS = 1_000, 500, 1_000_000, 200


def seed() -> dict[str, object]:
    """A storefront of its own, filled by bulk inserts."""
    from services.catalogue_services import refresh_product
    from services.shipping_services import set_flat_rate
    from services.tenant_services import sign_up_seller
    from shop.models import Category, InventoryItem, InventoryMovement, Product, ProductImage, Variant
    from tenants.context import tenant_scope

    made = sign_up_seller(
        email="bench@souk.example", password="a-quiet-harbour-42", name="Bench", slug="bench-shop"
    )
    with tenant_scope(made.tenant):
        categories = Category.objects.bulk_create(
            Category(slug=f"c{n}", name=f"Category {n}") for n in range(10)
        )
        products = Product.objects.bulk_create(
            Product(
                slug=f"product-{n}",
                title=f"Product number {n}",
                description="<p>" + "A plain and honest thing. " * 8 + "</p>",
                vendor="Bench",
                category=categories[n % 10],
                tags=["plain", f"tag{n % 20}"],
                option_names=["Size"] if n < SECOND_VARIANTS else [],
                is_published=True,
                currency="EUR",
            )
            for n in range(PRODUCTS)
        )
        variants = [
            variant for n, product in enumerate(products) for variant in _variants(Variant, n, product)
        ]
        Variant.objects.bulk_create(variants)
        InventoryItem.objects.bulk_create(
            InventoryItem(variant=v, product=v.product, current_stock=_units(v.sku)) for v in variants
        )
        InventoryMovement.objects.bulk_create(
            InventoryMovement(
                item_id=v.pk,
                kind="receive",
                current_delta=_units(v.sku),
                reserved_delta=0,
                current_after=_units(v.sku),
                reserved_after=0,
            )
            for v in variants
        )
        ProductImage.objects.bulk_create(
            ProductImage(
                product=p,
                file=f"products/{p.slug}.webp",
                thumbnail=f"products/{p.slug}-480.webp",
                width=1200,
                height=1200,
                alt=p.title,
            )
            for p in products
        )
        for product in products:
            refresh_product(product)
        set_flat_rate(name="Standard", price_minor=490, free_from_minor=None)
        hot = Variant.objects.get(sku="HOT")
        return {
            "host": made.tenant.host,
            "schema": made.tenant.schema_name,
            "slugs": [product.slug for product in products],
            "variants": [str(variant.pk) for variant in variants if variant.sku != "HOT"],
            "hot": str(hot.pk),
        }


def _variants(model, number, product):
    if number >= SECOND_VARIANTS:
        sku = "HOT" if number == PRODUCTS - 1 else f"SKU{number}"
        return [model(product=product, sku=sku, price_minor=1_000 + number, currency="EUR")]
    return [
        model(
            product=product,
            sku=f"SKU{number}-{size}",
            option_values=[size],
            price_minor=1_000 + number,
            currency="EUR",
            position=place,
        )
        for place, size in enumerate(("S", "L"))
    ]


def _units(sku: str) -> int:
    return HOT_UNITS if sku == "HOT" else PLENTY


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    django.setup()
    print(json.dumps(seed()))
