"""What anybody may do on a storefront: look, fill a cart, order, follow the order."""

import hashlib
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import Invalid, NotFound
from core.idempotency import idempotent
from core.renderers import dumps
from core.views import PublicView, describe, page_of
from services.address_rules import check_address
from services.address_services import own_address
from services.cart_services import (
    add_to_cart,
    adopt_cart,
    find_cart,
    open_priced_cart,
    price,
    set_promotion,
    set_quantity,
)
from services.inventory_services import StockLine
from services.order_history import Actor
from services.order_services import cancel_order, place_order
from services.payment_services import payment_page, refresh_payment
from shop.api.v1.serializers.catalogue import CategoryOut, ListingQuery, ProductCardOut, ProductOut
from shop.api.v1.serializers.orders import (
    CartIn,
    CartOut,
    CheckoutIn,
    CheckoutOut,
    CodeIn,
    LineIn,
    OrderOut,
    QuantityIn,
    ReasonIn,
    cart_json,
    checkout_json,
)
from shop.models import ActorKind, Cart, IdempotencyKey
from shop.selectors.catalogue import Listing, list_categories, list_products, product_json
from shop.selectors.orders import order_by_secret


def cacheable(request: Request, body: bytes) -> HttpResponse:
    """A catalogue answer with a strong ETag: revalidated each time, so no price is shown that is no longer true.

    The body is finished JSON, so it leaves as a plain response, past what the framework does to render one.
    """
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("If-None-Match") == tag:
        return Response(status=304, headers=headers)
    return HttpResponse(body, content_type="application/json", headers=headers)


class ProductListView(PublicView):
    @describe(parameters=[ListingQuery], responses=page_of(ProductCardOut))
    def get(self, request: Request) -> HttpResponse:
        """Products for sale, filtered and sorted, a page at a time."""
        listing = Listing(**ListingQuery.parse(request.query_params)) if request.GET else Listing()
        return cacheable(request, dumps(list_products(listing)))


class ProductDetailView(PublicView):
    @describe(responses=ProductOut)
    def get(self, request: Request, slug: str) -> HttpResponse:
        """One product with options, variants, stock and pictures."""
        body = product_json(slug)
        if body is None:
            raise NotFound()
        return cacheable(request, body)


class CategoryListView(PublicView):
    @describe(responses=CategoryOut(many=True))
    def get(self, request: Request) -> HttpResponse:
        """All categories, in the seller's order."""
        return cacheable(request, dumps(list_categories()))


def buyer_of(request: Request) -> UUID | None:
    """The signed-in person, if any."""
    return request.user.pk if request.user else None


class CartListView(PublicView):
    @describe(request=CartIn, responses={201: CartOut})
    def post(self, request: Request) -> Response:
        """A new cart, with its first lines. Its token is its key: keep it."""
        body = CartIn.parse(request.data)
        lines = [StockLine(line["variant_id"], line["quantity"]) for line in body.get("lines", ())]
        cart, priced = open_priced_cart(buyer_id=buyer_of(request), lines=lines)
        return Response(cart_json(cart, priced), status=201)


class OneCartView(PublicView):
    """A view of the cart in the path."""

    def cart(self, request: Request, token: str) -> Cart:
        """The cart behind the token; a signed-in buyer makes a guest's cart theirs."""
        if request.user:
            return adopt_cart(token=token, buyer_id=self.user_id)
        cart = find_cart(token)
        if cart.buyer_id is not None:
            raise NotFound(what="cart")
        return cart


class CartView(OneCartView):
    @describe(responses=CartOut)
    def get(self, request: Request, token: str) -> Response:
        """The cart at the prices and with the stock of now."""
        cart = self.cart(request, token)
        return Response(cart_json(cart, price(cart)))


class CartLineListView(OneCartView):
    @describe(request=LineIn, responses={201: CartOut})
    def post(self, request: Request, token: str) -> Response:
        """Add units of a variant. Refused with the number there are, when there are fewer."""
        body = LineIn.parse(request.data)
        cart = self.cart(request, token)
        add_to_cart(cart=cart, variant_id=body["variant_id"], quantity=body["quantity"])
        return Response(cart_json(cart, price(cart)), status=201)


class CartLineView(OneCartView):
    @describe(request=QuantityIn, responses=CartOut)
    def patch(self, request: Request, token: str, variant_id: UUID) -> Response:
        """Make it exactly so many units; 0 takes the line out."""
        body = QuantityIn.parse(request.data)
        cart = self.cart(request, token)
        set_quantity(cart=cart, variant_id=variant_id, quantity=body["quantity"])
        return Response(cart_json(cart, price(cart)))

    @describe(responses={200: CartOut})
    def delete(self, request: Request, token: str, variant_id: UUID) -> Response:
        """Take the line out."""
        cart = self.cart(request, token)
        set_quantity(cart=cart, variant_id=variant_id, quantity=0)
        return Response(cart_json(cart, price(cart)))


class CartPromotionView(OneCartView):
    @describe(request=CodeIn, responses=CartOut)
    def put(self, request: Request, token: str) -> Response:
        """Enter a code. Refused with the reason when it does not apply."""
        body = CodeIn.parse(request.data)
        cart = self.cart(request, token)
        set_promotion(cart=cart, code=body["code"])
        return Response(cart_json(cart, price(cart)))

    @describe(responses={200: CartOut})
    def delete(self, request: Request, token: str) -> Response:
        """Take the code out."""
        cart = self.cart(request, token)
        set_promotion(cart=cart, code="")
        return Response(cart_json(cart, price(cart)))


class CheckoutView(PublicView):
    idempotency_model = IdempotencyKey

    @describe(request=CheckoutIn, responses={201: CheckoutOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Order what is in the cart. The stock is held until `deadline_at`; pay at `checkout_url`."""
        body = CheckoutIn.parse(request.data)
        order = place_order(
            cart_token=body["cart"],
            email=self._email(request, body),
            shipping_address=self._address(request, body),
            billing_address=check_address(body["billing_address"]) if "billing_address" in body else None,
            buyer_id=buyer_of(request),
            expected_total_minor=body.get("expected_total_minor"),
            request_key=request.idempotency_key,
        )
        return Response(checkout_json(order, payment_page(order)), status=201)

    @staticmethod
    def _email(request: Request, body: dict) -> str:
        if "email" in body:
            return body["email"]
        if request.user is None:
            raise Invalid(field="email", reason="is required without an account")
        return request.user.email

    @staticmethod
    def _address(request: Request, body: dict) -> dict:
        if "shipping_address" in body:
            return check_address(body["shipping_address"])
        if "address_id" in body and request.user:
            return own_address(user_id=request.user.pk, address_id=body["address_id"]).snapshot()
        raise Invalid(field="shipping_address", reason="is required (or address_id, with an account)")


class GuestOrderView(PublicView):
    @describe(responses=OrderOut)
    def get(self, request: Request, secret: str) -> Response:
        """An order by its secret."""
        return Response(OrderOut(order_by_secret(secret)).data)


class GuestOrderCancelView(PublicView):
    @describe(request=ReasonIn, responses={200: OrderOut})
    def post(self, request: Request, secret: str) -> Response:
        """Cancel an order of which nothing was shipped; what was paid is refunded."""
        reason = ReasonIn.parse(request.data)["reason"]
        order = order_by_secret(secret)
        cancel_order(order_id=order.pk, actor=Actor(ActorKind.GUEST), reason=reason)
        return Response(OrderOut(order_by_secret(secret)).data)


class GuestOrderPaymentView(PublicView):
    @describe(request=None, responses={200: OrderOut})
    def post(self, request: Request, secret: str) -> Response:
        """Where the order's payment stands at Stripe now; opens the payment page where there is none yet."""
        order = order_by_secret(secret)
        refresh_payment(order)
        return Response(OrderOut(order_by_secret(secret)).data)
