"""The catalogue: the list with its changes to many, the first product, taking in an export and making one."""

from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import linebreaks
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from core.errors import DomainError, NotFound
from core.forms import add_refusal
from services.catalogue_bulk_services import MOST_PRODUCTS, change_products
from services.catalogue_operations import EXPORT, IMPORT
from services.image_services import add_simple_product
from services.operation_services import start_operation
from shop.models import Product
from shop.selectors.products import (
    SORTS,
    ProductFilter,
    StockSummary,
    filtered_products,
    product_list,
    product_with_slug,
    shelves,
    status_of,
    stock_of,
    tags_in_use,
    thumbnail_of,
)
from shop.web.dashboard.frame import StaffPage, back, listed
from shop.web.dashboard.product_forms import BulkForm, ImportForm, NewProductForm, category_choices
from tenants.permissions import MANAGERS

PER_PAGE = 50
TABS = (
    ("", lazy("All")),
    ("published", lazy("For sale")),
    ("draft", lazy("Drafts")),
    ("archived", lazy("Archived")),
)
STOCKS = (
    ("", lazy("Any stock")),
    ("in", lazy("In stock")),
    ("low", lazy("Low")),
    ("out", lazy("Sold out")),
)


class Row:
    """A product in the list, as the template shows it."""

    def __init__(self, product: Product, stock: StockSummary) -> None:
        self.product, self.stock = product, stock
        self.status, self.picture = status_of(product), thumbnail_of(product)


class ProductsPage(StaffPage):
    """All products, narrowed and in order; managers change those that are ticked."""

    template = "dashboard/products.html"
    section = "products"
    changes: ClassVar = {"change": MANAGERS, "export": MANAGERS}

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """A page of the list."""
        wanted = ProductFilter.from_params(request.GET)
        sort = request.GET.get("sort", "")
        sort = sort if sort in SORTS else SORTS[0]
        products, pager = listed(
            request,
            product_list(wanted, sort=sort),
            fields=("title", "pk") if sort == "title" else ("created_at", "pk"),
            limit=PER_PAGE,
            is_ascending=sort == "title",
        )
        stock, tree = stock_of(products), shelves()
        is_long = bool(pager["next"] or pager["first"])
        narrowed = {**wanted.as_params(), **({"sort": sort} if sort == "title" else {})}
        return self.show(
            request,
            **{
                "rows": [Row(product, stock.get(product.pk, StockSummary())) for product in products],
                "pager": pager,
                "wanted": wanted,
                "sort": sort,
                "tabs": [
                    (urlencode({**narrowed, "status": key}), label, key == wanted.status)
                    for key, label in TABS
                ],
                "narrowed": urlencode(narrowed),
                "here": urlencode(_kept(request)),
                "whatever_tag": urlencode({**narrowed, "tag": ""}),
                "stocks": STOCKS,
                "categories": category_choices(tree)[1:],
                "matching": filtered_products(wanted).count() if is_long else len(products),
                "is_long": is_long,
                "form": BulkForm(currency=request.tenant.currency, shelves=tree),
                "tags": tags_in_use() if self.role in MANAGERS else [],
                "ticked": frozenset(),
                **_told(request),
                **context,
            },
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The list, with the same products ticked and the same change chosen."""
        form = BulkForm(request.POST, currency=request.tenant.currency, shelves=shelves())
        return self.get(
            request, **{"form": form, "ticked": frozenset(request.POST.getlist("product")), **context}
        )

    def do_change(self, request: HttpRequest) -> HttpResponse:
        """One change to those that are ticked, or to all that the list is narrowed to."""
        form = BulkForm(request.POST, currency=request.tenant.currency, shelves=shelves())
        if not form.is_valid():
            return self.show_again(request, form=form, status=HTTPStatus.BAD_REQUEST)
        changed = change_products(product_ids=_ticked(request), change=form.as_change())
        kept = {**_kept(request), "changed": str(changed)}
        return redirect(f"{reverse('dashboard:products')}?{urlencode(kept)}")

    def do_export(self, request: HttpRequest) -> HttpResponse:
        """The list as it is narrowed, as a file; a worker makes it."""
        wanted = ProductFilter.from_params(request.GET)
        operation = start_operation(EXPORT, actor_id=self.user_id, **wanted.as_params())
        return back("operation", operation.pk)


def _kept(request: HttpRequest) -> dict[str, str]:
    """Where in the list somebody is."""
    names = ("q", "status", "category", "stock", "tag", "sort", "cursor")
    return {name: request.GET[name] for name in names if request.GET.get(name)}


def _told(request: HttpRequest) -> dict[str, str]:
    """How many products were changed, after they were."""
    changed = request.GET.get("changed", "")
    if not changed.isdecimal() or len(changed) > 6:
        return {}
    words = ngettext("%(n)d product changed.", "%(n)d products changed.", int(changed))
    return {"said": words % {"n": int(changed)}}


def _ticked(request: HttpRequest) -> list[UUID]:
    """The products that are ticked; with `everything` all that the list is narrowed to. Raises NotFound."""
    if "everything" in request.POST:
        matching = filtered_products(ProductFilter.from_params(request.GET))
        return list(matching.values_list("pk", flat=True)[: MOST_PRODUCTS + 1])
    try:
        return [UUID(text) for text in request.POST.getlist("product")]
    except ValueError as error:
        raise NotFound(what="product") from error


class ProductSlugPage(StaffPage):
    """The way to a product by its address in the shop."""

    section = "products"

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        """To its page."""
        return redirect("dashboard:product", product_with_slug(slug))


class NewProductPage(StaffPage):
    """A product with a price, pieces and a picture; options and more are on its own page."""

    template = "dashboard/product_new.html"
    roles = MANAGERS
    section = "products"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self.show(request, form=NewProductForm(currency=request.tenant.currency))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Add it, and look at it as buyers do; or go on to its page."""
        form = NewProductForm(request.POST, request.FILES, currency=request.tenant.currency)
        if not form.is_valid():
            return self.show(request, form=form, status=HTTPStatus.BAD_REQUEST)
        values = form.cleaned_data
        try:
            product = add_simple_product(
                title=values["title"],
                price_minor=values["price"],
                stock=values["stock"],
                description=linebreaks(values["description"]) if values["description"] else "",
                picture=values["picture"],
                is_published=values["is_published"],
            )
        except DomainError as refusal:
            if refusal.facts.get("field") == "file":
                form.add_error("picture", str(refusal.facts["reason"]))
            else:
                add_refusal(form, refusal)
            return self.show(request, form=form, status=HTTPStatus.BAD_REQUEST)
        if product.is_for_sale and "more" not in request.POST:
            return redirect("storefront:product", product.slug)
        return back("product", product.pk, done="added")


class ImportPage(StaffPage):
    """Shopify's product export, tried first or taken in at once; a worker does it."""

    template = "dashboard/import.html"
    roles = MANAGERS
    section = "products"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self.show(request, form=ImportForm())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Begin. A file that is no export is refused right away."""
        form = ImportForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.show(request, form=form, status=HTTPStatus.BAD_REQUEST)
        operation = start_operation(
            IMPORT,
            actor_id=self.user_id,
            upload=form.cleaned_data["file"],
            file_name=request.FILES["file"].name or "",
            dry_run="try" in request.POST,
        )
        return back("operation", operation.pk)
