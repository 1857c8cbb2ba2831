"""Looking around: the catalogue and one product."""

from typing import Any
from urllib.parse import urlencode

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from core.errors import DomainError, Invalid, NotFound
from services.cart_services import NotForSale, add_to_cart, open_cart
from services.inventory_services import InsufficientStock, StockLine
from shop.selectors.catalogue import Listing, list_categories, list_products, product_json
from shop.web.storefront.choices import choose_variant, options_from, pictures_of
from shop.web.storefront.forms import SORTS, AddForm, CatalogueForm
from shop.web.storefront.page import REFUSED, Page, cart_of, keep_cart
from shop.web.storefront.search_engines import product_data
from tenants.context import current_tenant

PRODUCTS_A_PAGE = 24
PRODUCTS_ALIKE = 4


class HomePage(Page):
    """The catalogue: searched, filtered, sorted, a page at a time."""

    template = "storefront/home.html"
    is_kept = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Products for sale."""
        listing = CatalogueForm(request.GET).listing(limit=PRODUCTS_A_PAGE)
        asked = {
            name: request.GET[name]
            for name in ("q", "category", "tag", "sort", "in_stock")
            if request.GET.get(name)
        }
        try:
            found = list_products(listing)
        except Invalid:
            return redirect(f"{reverse('storefront:home')}?{urlencode(asked)}")
        categories = list_categories()
        more = {**asked, "cursor": found["next_cursor"]} if found["next_cursor"] else None
        return self.show(
            request,
            products=found["results"],
            more=f"?{urlencode(more)}" if more else "",
            start=f"?{urlencode(asked)}" if listing.cursor else "",
            listing=listing,
            sorts=SORTS,
            categories=[row for row in categories if _is_shown(row, categories)],
            category=next((row for row in categories if row["slug"] == listing.category), None),
            is_front=not asked and not listing.cursor,
            canonical=_canonical(listing),
        )


def _canonical(listing: Listing) -> str:
    """The one address of a front page or category, however it is sorted and filtered; "" for what engines should not keep."""
    if listing.q or listing.tag or listing.cursor:
        return ""
    return reverse("storefront:home") + (
        f"?{urlencode({'category': listing.category})}" if listing.category else ""
    )


def _is_shown(category: dict[str, Any], categories: list[dict[str, Any]]) -> bool:
    """Empty shelves are not shown, unless a shelf inside of them has something."""
    inside = [row for row in categories if row["parent_id"] == category["id"]]
    return bool(category["products"]) or any(_is_shown(row, categories) for row in inside)


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
                cart = open_cart(lines=[StockLine(variant_id, quantity)])
            else:
                add_to_cart(cart=cart, variant_id=variant_id, quantity=quantity)
        except InsufficientStock as refusal:
            return self.show_product(
                request, slug, wanted=wanted, problem=_how_many(refusal, quantity), status=REFUSED
            )
        except NotForSale as refusal:
            return self.show_product(request, slug, wanted="", problem=f"{refusal.title}.", status=REFUSED)
        except NotFound:
            return self.show_product(
                request, slug, wanted="", problem="Choose what you would like first.", status=400
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
            quantity=request.POST.get("quantity", "1")[:5],
            problem=problem,
        )


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
        return "This is sold out."
    there_are = f"There {'is' if line['available'] == 1 else 'are'} {line['available']} left"
    return f"{there_are}, and {in_cart} in your cart already." if in_cart else f"{there_are}."
