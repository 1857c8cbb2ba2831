"""What search engines and shared links are told: where to look, what there is, and products as structured data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import strip_tags
from django.views.decorators.http import require_safe

from core.money import to_major
from shop.selectors.catalogue import sitemap_categories, sitemap_products
from shop.selectors.pages import sitemap_pages
from tenants.models import Tenant

NOT_FOR_ROBOTS = ("/api/", "/account", "/cart", "/checkout", "/dashboard", "/orders/", "/search/")
HOUR = "public, max-age=3600"
Json = dict[str, Any]


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """robots.txt: pages that are one buyer's own are not to be asked for."""
    tenant: Tenant = request.tenant
    lines = [
        "User-agent: *",
        *(f"Disallow: {path}" for path in NOT_FOR_ROBOTS),
        f"Sitemap: {tenant.url}/sitemap.xml",
    ]
    return HttpResponse(
        "\n".join(lines) + "\n", content_type="text/plain; charset=utf-8", headers={"Cache-Control": HOUR}
    )


class Listed(Sitemap):
    """A part of the sitemap; (slug, last change) each."""

    limit = 10_000
    protocol = settings.SCHEME

    def lastmod(self, item: tuple[str, datetime | None]) -> datetime | None:
        return item[1]


class ProductSitemap(Listed):
    def items(self) -> Any:
        return sitemap_products()

    def location(self, item: tuple[str, datetime | None]) -> str:
        return reverse("storefront:product", args=[item[0]])


class CategorySitemap(Listed):
    """The front page, and each category that has products for sale."""

    def items(self) -> Sequence[tuple[str, datetime | None]]:
        return [("", None), *((slug, None) for slug in sitemap_categories())]

    def location(self, item: tuple[str, datetime | None]) -> str:
        return f"{reverse('storefront:home')}{f'?category={item[0]}' if item[0] else ''}"


class PageSitemap(Listed):
    """The seller's own pages."""

    def items(self) -> Any:
        return sitemap_pages()

    def location(self, item: tuple[str, datetime | None]) -> str:
        return reverse("storefront:page", args=[item[0]])


SITEMAPS: dict[str, type[Sitemap]] = {
    "shelves": CategorySitemap,
    "products": ProductSitemap,
    "pages": PageSitemap,
}


def product_data(product: Json, chosen: Json | None, pictures: Sequence[Json], tenant: Tenant) -> list[Json]:
    """The product as schema.org has it, with an offer for each variant, and the way to it. Prices in major units."""
    address = tenant.url + reverse("storefront:product", args=[product["slug"]])
    about: Json = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": product["title"],
        "url": address,
        "description": strip_tags(product["description"])[:5000],
        "image": [tenant.url + picture["large_url"] for picture in pictures],
        "offers": [_offer(variant, address, tenant) for variant in product["variants"]],
    }
    if chosen and chosen["sku"]:
        about["sku"] = chosen["sku"]
    if product["rating"]["count"]:
        about["aggregateRating"] = {
            "@type": "AggregateRating",
            "ratingValue": product["rating"]["average"],
            "reviewCount": product["rating"]["count"],
        }
    if product["vendor"]:
        about["brand"] = {"@type": "Brand", "name": product["vendor"]}
    way = [("All products", tenant.url + reverse("storefront:home"))]
    if product["category"]:
        way.append((product["category"]["name"], f"{way[0][1]}?category={product['category']['slug']}"))
    crumbs = [
        {"@type": "ListItem", "position": number, "name": name, "item": where}
        for number, (name, where) in enumerate([*way, (product["title"], address)], start=1)
    ]
    return [about, {"@context": "https://schema.org", "@type": "BreadcrumbList", "itemListElement": crumbs}]


def _offer(variant: Json, address: str, tenant: Tenant) -> Json:
    price = variant["price"]
    return {
        "@type": "Offer",
        "url": f"{address}?variant={variant['id']}",
        "sku": variant["sku"],
        "price": str(to_major(price["amount"], price["currency"])),
        "priceCurrency": price["currency"],
        "availability": f"https://schema.org/{'InStock' if variant['in_stock'] else 'OutOfStock'}",
        "seller": {"@type": "Organization", "name": tenant.name},
    }
