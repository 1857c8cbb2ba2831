"""Looking around: the catalogue and one product."""

from typing import Any
from urllib.parse import urlencode

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.errors import DomainError, Invalid, NotFound
from core.pagination import cursor_page
from services.cart_services import NotForSale, add_to_cart, open_cart
from services.inventory_services import InsufficientStock, StockLine
from shop.selectors.catalogue import (
    Listing,
    category_pictures,
    list_categories,
    list_products,
    product_json,
)
from shop.selectors.reviews import published_reviews, ratings_of
from shop.selectors.selling import active_rate
from shop.web.storefront.choices import choose_variant, options_from, pictures_of
from shop.web.storefront.forms import SORTS, AddForm, CatalogueForm
from shop.web.storefront.page import REFUSED, Page, buyer_id_of, cart_of, keep_cart
from shop.web.storefront.search_engines import product_data
from tenants.context import current_tenant
from tenants.models import Tenant

PRODUCTS_A_PAGE = 24
PRODUCTS_ALIKE = 4
SUGGESTIONS = 6
FEATURED = 3
FIRST_REVIEWS, REVIEWS_A_PAGE = 5, 20
FILTERS = ("in_stock", "min_price", "max_price")
ASKED = ("q", "category", "tag", "sort", "all", *FILTERS)


class HomePage(Page):
    """The catalogue: searched, filtered, sorted, a page at a time."""

    template = "storefront/home.html"
    is_kept = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Products for sale."""
        tenant: Tenant = request.tenant
        listing = CatalogueForm(request.GET).listing(limit=PRODUCTS_A_PAGE, currency=tenant.currency)
        asked = {name: request.GET[name] for name in ASKED if request.GET.get(name)}
        try:
            found = list_products(listing)
        except Invalid:
            return redirect(f"{reverse('storefront:home')}?{urlencode(asked)}")
        categories = list_categories()
        more = {**asked, "cursor": found["next_cursor"]} if found["next_cursor"] else None
        is_front = not asked and not listing.cursor
        shown = [row for row in categories if _is_shown(row, categories)]
        return self.show(
            request,
            products=found["results"],
            more=f"?{urlencode(more)}" if more else "",
            start=f"?{urlencode(asked)}" if listing.cursor else "",
            listing=listing,
            sorts=SORTS,
            categories=shown,
            featured=_featured(tenant, shown) if is_front else [],
            asked=asked,
            has_filters=any(name in asked for name in FILTERS),
            unfiltered=_unfiltered(asked),
            category=next((row for row in categories if row["slug"] == listing.category), None),
            is_front=is_front,
            canonical=_canonical(listing),
        )


def _featured(tenant: Tenant, categories: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the seller wants seen first; else the largest shelves, where there are several. With a picture each."""
    chosen = tenant.brand.get("featured") or []
    rows = [row for slug in chosen for row in categories if row["slug"] == slug]
    if not chosen and len(categories) >= FEATURED:
        rows = sorted(categories, key=lambda row: -row["products"])[:FEATURED]
    if not rows:
        return []
    pictures = category_pictures([row["slug"] for row in rows])
    return [{**row, "thumbnail": pictures.get(row["slug"])} for row in rows]


def _unfiltered(asked: dict[str, str]) -> str:
    kept = {name: value for name, value in asked.items() if name not in FILTERS}
    return f"?{urlencode(kept or {'all': '1'})}"


def _canonical(listing: Listing) -> str:
    """The one address of a front page or category, however it is sorted and filtered; "" for what engines should not keep."""
    if listing.q or listing.tag or listing.cursor or listing.min_price or listing.max_price:
        return ""
    return reverse("storefront:home") + (
        f"?{urlencode({'category': listing.category})}" if listing.category else ""
    )


def _is_shown(category: dict[str, Any], categories: list[dict[str, Any]]) -> bool:
    """Empty shelves are not shown, unless a shelf inside of them has something."""
    inside = [row for row in categories if row["parent_id"] == category["id"]]
    return bool(category["products"]) or any(_is_shown(row, categories) for row in inside)


class SuggestPage(Page):
    """What a buyer may be looking for while they type: a fragment of a page."""

    template = "storefront/suggest.html"
    is_kept = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Products by the words so far, categories by name; for the first two letters on."""
        q = CatalogueForm(request.GET).listing(limit=SUGGESTIONS, currency=current_tenant().currency).q
        if len(q) < 2:
            return self.show(request, q=q, cart_units=0)
        categories = [
            row for row in list_categories() if row["products"] and q.casefold() in row["name"].casefold()
        ]
        products = list_products(Listing(q=q, limit=SUGGESTIONS))["results"]
        return self.show(request, q=q, categories=categories[:3], products=products, cart_units=0)


class ProductPage(Page):
    """One product; its form puts a variant into the cart."""

    template = "storefront/product.html"
    is_kept = True

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        """The variant named by ?variant=, or the first to be had."""
        return self.show_product(request, slug, wanted=request.GET.get("variant", ""))

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Into the cart; a refusal is shown beside the form."""
        form = AddForm(request.POST)
        wanted = str(request.POST.get("variant_id", ""))
        if not form.is_valid():
            problem = next(iter(form.errors.values()))[0]
            return self.show_product(request, slug, wanted=wanted, problem=problem, status=400)
        variant_id, quantity = form.cleaned_data["variant_id"], form.cleaned_data["quantity"]
        cart = cart_of(request)
        try:
            if cart is None:
                cart = open_cart(buyer_id=buyer_id_of(request), lines=[StockLine(variant_id, quantity)])
            else:
                add_to_cart(cart=cart, variant_id=variant_id, quantity=quantity)
        except InsufficientStock as refusal:
            return self.show_product(
                request, slug, wanted=wanted, problem=_how_many(refusal, quantity), status=REFUSED
            )
        except NotForSale as refusal:
            return self.show_product(request, slug, wanted="", problem=refusal.sentence, status=REFUSED)
        except NotFound:
            return self.show_product(
                request, slug, wanted="", problem=_("Choose what you would like first."), status=400
            )
        except DomainError as refusal:
            return self.show_product(request, slug, wanted=wanted, problem=refusal.sentence, status=REFUSED)
        return keep_cart(redirect(f"{reverse('storefront:cart')}?added={variant_id}"), cart)

    def show_product(
        self, request: HttpRequest, slug: str, *, wanted: str, problem: str = "", status: int = 200
    ) -> HttpResponse:
        """The page as seen from one variant. Raises NotFound."""
        body = product_json(slug)
        if body is None:
            raise NotFound(what="product")
        product = orjson.loads(body)
        chosen = choose_variant(product, wanted)
        pictures = pictures_of(product, chosen)
        return self.show(
            request,
            status=status,
            product=product,
            chosen=chosen,
            options=options_from(product, chosen),
            pictures=pictures,
            structured=product_data(product, chosen, pictures, current_tenant()),
            alike=_alike(product),
            delivery=active_rate(),
            returns=_returns_page(),
            **first_reviews(product),
            quantity=request.POST.get("quantity", "1")[:5],
            problem=problem,
        )


class ReviewsPage(Page):
    """All that buyers say of a product."""

    template = "storefront/product_reviews.html"
    is_kept = True

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        """A page of them, newest first. Raises NotFound."""
        body = product_json(slug)
        product = orjson.loads(body) if body else None
        if product is None or not product["rating"]["count"]:
            raise NotFound(what="reviews")
        try:
            rows, cursor = cursor_page(
                published_reviews(product["id"]),
                fields=("created_at", "pk"),
                cursor=request.GET.get("cursor", "")[:400],
                limit=REVIEWS_A_PAGE,
            )
        except Invalid:
            return redirect("storefront:product-reviews", slug)
        return self.show(
            request,
            product=product,
            reviews=rows,
            ratings=ratings_of(product["id"]),
            more_reviews=f"?{urlencode({'cursor': cursor})}" if cursor else "",
        )


def first_reviews(product: dict[str, Any]) -> dict[str, Any]:
    """The newest reviews and how many gave how much; nothing is asked for a product without any."""
    if not product["rating"]["count"]:
        return {}
    reviews = list(published_reviews(product["id"])[: FIRST_REVIEWS + 1])
    more = reverse("storefront:product-reviews", args=[product["slug"]])
    return {
        "reviews": reviews[:FIRST_REVIEWS],
        "ratings": ratings_of(product["id"]),
        "more_reviews": more if len(reviews) > FIRST_REVIEWS else "",
    }


def _returns_page() -> dict[str, str] | None:
    """The seller's own words about delivery and returns, where there are some."""
    pages = current_tenant().brand.get("pages") or []
    return next((page for page in pages if "return" in page["slug"]), None)


def _alike(product: dict[str, Any]) -> list[dict[str, Any]]:
    """A row of other products from the same shelf."""
    category = product["category"]["slug"] if product["category"] else ""
    cards = list_products(Listing(category=category, in_stock=True, limit=PRODUCTS_ALIKE + 1))["results"]
    return [card for card in cards if card["slug"] != product["slug"]][:PRODUCTS_ALIKE]


def _how_many(refusal: InsufficientStock, asked_for: int) -> str:
    """What there is, for a person; units that are in the cart already count."""
    line: dict[str, Any] = refusal.facts["lines"][0]  # type: ignore[index]
    in_cart = line["requested"] - asked_for
    if not line["available"]:
        return _("This is sold out.")
    left = {"left": line["available"], "in_cart": in_cart}
    if in_cart:
        return (
            ngettext(
                "There is %(left)d left, and %(in_cart)d in your cart already.",
                "There are %(left)d left, and %(in_cart)d in your cart already.",
                line["available"],
            )
            % left
        )
    return ngettext("There is %(left)d left.", "There are %(left)d left.", line["available"]) % left
