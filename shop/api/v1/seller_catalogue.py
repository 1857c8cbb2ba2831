"""The seller's catalogue and stock."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.pagination import cursor_page
from core.serializers import LineField
from core.views import PageQuery, View, describe, page_of
from services.catalogue_services import (
    ProductInput,
    VariantInput,
    archive_product,
    create_product,
    remove_category,
    save_category,
    update_product,
)
from services.image_services import add_image, remove_image
from services.import_services import import_products
from services.inventory_services import adjust_stock, receive_stock, set_stock_rules
from shop.api.v1.serializers.catalogue import (
    AdjustIn,
    CategoryIn,
    CategoryOut,
    ImageIn,
    ImportIn,
    ImportReportOut,
    InventoryOut,
    MovementOut,
    ProductChangeIn,
    ProductIn,
    ReceiveIn,
    SellerImageOut,
    SellerProductOut,
    SellerProductRowOut,
    StockRulesIn,
)
from shop.selectors.catalogue import list_categories
from shop.selectors.selling import inventory, movements, product_of_seller, products_of_seller
from tenants.permissions import EVERYONE, FULFILLERS, MANAGERS, IsMember


class SellerView(View):
    """Staff of this storefront; `roles` says who of them."""

    permission_classes = [IsMember]
    roles: Any = {"GET": EVERYONE}


class SearchQuery(PageQuery):
    q = LineField(required=False, default="", max_length=100, allow_blank=True)


class InventoryQuery(PageQuery):
    low = serializers.BooleanField(required=False, default=False)


def product_input(body: dict[str, Any]) -> ProductInput:
    """The validated body as the service takes it."""
    values = dict(body)
    if "variants" in values:
        values["variants"] = [
            VariantInput(**{**variant, "option_values": tuple(variant.get("option_values", ()))})
            for variant in values["variants"]
        ]
    return ProductInput(**values, clear_category="category_id" in values and values["category_id"] is None)


class SellerProductListView(SellerView):
    @describe(parameters=[SearchQuery], responses=page_of(SellerProductRowOut))
    def get(self, request: Request) -> Response:
        """All products, drafts and archived ones too."""
        query = SearchQuery.parse(request.query_params)
        rows, cursor = cursor_page(products_of_seller(q=query.pop("q")), fields=("created_at", "pk"), **query)
        return Response({"results": SellerProductRowOut(rows, many=True).data, "next_cursor": cursor})

    @describe(request=ProductIn, responses={201: SellerProductOut})
    def post(self, request: Request) -> Response:
        """A new product with its variants. Stock starts at 0: receive it."""
        product = create_product(product_input(ProductIn.parse(request.data)))
        return Response(SellerProductOut(product_of_seller(product.pk)).data, status=201)


class SellerProductView(SellerView):
    @describe(responses=SellerProductOut)
    def get(self, request: Request, product_id: UUID) -> Response:
        """A product as the staff sees it."""
        return Response(SellerProductOut(product_of_seller(product_id)).data)

    @describe(request=ProductChangeIn, responses=SellerProductOut)
    def patch(self, request: Request, product_id: UUID) -> Response:
        """Change what is given. Variants left out of `variants` become inactive."""
        update_product(product_id=product_id, values=product_input(ProductChangeIn.parse(request.data)))
        return Response(SellerProductOut(product_of_seller(product_id)).data)

    @describe(responses={204: None})
    def delete(self, request: Request, product_id: UUID) -> Response:
        """Take the product off the shelves. Orders keep their lines."""
        archive_product(product_id=product_id)
        return Response(status=204)


class SellerImageListView(SellerView):
    parser_classes = [MultiPartParser]

    @describe(request={"multipart/form-data": ImageIn}, responses={201: SellerImageOut})
    def post(self, request: Request, product_id: UUID) -> Response:
        """Add a picture (JPEG, PNG, WebP, GIF; 10 MB, 40 megapixels). It is re-encoded; metadata is dropped."""
        body = ImageIn(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        image = add_image(
            product_id=product_id,
            source=values["file"],
            alt=values["alt"],
            variant_id=values.get("variant_id"),
        )
        return Response(SellerImageOut(image).data, status=201)


class SellerImageView(SellerView):
    @describe(responses={204: None})
    def delete(self, request: Request, product_id: UUID, image_id: UUID) -> Response:
        """Remove a picture and its files."""
        remove_image(product_id=product_id, image_id=image_id)
        return Response(status=204)


class SellerImportView(SellerView):
    parser_classes = [MultiPartParser]

    @describe(request={"multipart/form-data": ImportIn}, responses={200: ImportReportOut})
    def post(self, request: Request) -> Response:
        """Import Shopify's product CSV. All or nothing per product; the same file again changes nothing."""
        body = ImportIn(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        report = import_products(values["file"].file, dry_run=values["dry_run"], actor_id=self.user_id)
        return Response(report.as_json())


class SellerCategoryListView(SellerView):
    @describe(responses=CategoryOut(many=True))
    def get(self, request: Request) -> Response:
        """All categories."""
        return Response(list_categories())

    @describe(request=CategoryIn, responses={201: CategoryOut})
    def post(self, request: Request) -> Response:
        """A new category."""
        category = save_category(**CategoryIn.parse(request.data))
        return Response(category_json(category), status=201)


def category_json(category: Any) -> dict[str, Any]:
    """A category that was just saved."""
    return {
        "id": category.pk,
        "slug": category.slug,
        "name": category.name,
        "parent_id": category.parent_id,
        "products": category.products.count(),
    }


class SellerCategoryView(SellerView):
    @describe(request=CategoryIn, responses=CategoryOut)
    def put(self, request: Request, category_id: UUID) -> Response:
        """Change a category."""
        return Response(
            category_json(save_category(category_id=category_id, **CategoryIn.parse(request.data)))
        )

    @describe(responses={204: None})
    def delete(self, request: Request, category_id: UUID) -> Response:
        """Remove a category; its products stay."""
        remove_category(category_id=category_id)
        return Response(status=204)


class SellerInventoryListView(SellerView):
    @describe(parameters=[InventoryQuery], responses=page_of(InventoryOut))
    def get(self, request: Request) -> Response:
        """Stock by SKU; `low` shows only what is at its threshold or below."""
        query = InventoryQuery.parse(request.query_params)
        rows, cursor = cursor_page(inventory(only_low=query.pop("low")), fields=("variant_id", "pk"), **query)
        return Response({"results": InventoryOut(rows, many=True).data, "next_cursor": cursor})


class SellerInventoryView(SellerView):
    roles = {"PATCH": MANAGERS}

    @describe(request=StockRulesIn, responses=InventoryOut)
    def patch(self, request: Request, variant_id: UUID) -> Response:
        """When to warn of low stock, and whether the item is counted at all."""
        return Response(
            InventoryOut(set_stock_rules(variant_id=variant_id, **StockRulesIn.parse(request.data))).data
        )


class SellerReceiveView(SellerView):
    roles = {"POST": FULFILLERS}

    @describe(request=ReceiveIn, responses={200: InventoryOut})
    def post(self, request: Request, variant_id: UUID) -> Response:
        """Goods came in."""
        return Response(
            InventoryOut(
                receive_stock(variant_id=variant_id, actor_id=self.user_id, **ReceiveIn.parse(request.data))
            ).data
        )


class SellerAdjustView(SellerView):
    roles = {"POST": FULFILLERS}

    @describe(request=AdjustIn, responses={200: InventoryOut})
    def post(self, request: Request, variant_id: UUID) -> Response:
        """Correct the count, with a reason."""
        return Response(
            InventoryOut(
                adjust_stock(variant_id=variant_id, actor_id=self.user_id, **AdjustIn.parse(request.data))
            ).data
        )


class SellerMovementListView(SellerView):
    @describe(parameters=[PageQuery], responses=page_of(MovementOut))
    def get(self, request: Request, variant_id: UUID) -> Response:
        """Every change of an item's stock, newest first."""
        rows, cursor = cursor_page(
            movements(variant_id), fields=("created_at", "pk"), **PageQuery.parse(request.query_params)
        )
        return Response({"results": MovementOut(rows, many=True).data, "next_cursor": cursor})
