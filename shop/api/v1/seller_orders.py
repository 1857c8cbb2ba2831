"""The seller's orders: looking, shipping, delivering, cancelling, refunding."""

from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.idempotency import idempotent
from core.pagination import cursor_page
from core.serializers import LineField
from core.views import PageQuery, describe, page_of
from services.inventory_services import StockLine
from services.order_history import Actor
from services.order_services import cancel_order, deliver_order
from services.refund_services import request_refund
from services.shipping_services import ship_order
from shop.api.v1.seller_catalogue import SellerView
from shop.api.v1.serializers.orders import (
    ReasonIn,
    RefundIn,
    RefundOut,
    SellerOrderOut,
    SellerOrderRowOut,
    ShipIn,
    ShipmentOut,
)
from shop.models import ActorKind, IdempotencyKey, OrderStatus
from shop.selectors.orders import order_of_seller, orders_of_seller
from tenants.permissions import FULFILLERS, SUPPORTERS


class OrderQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=OrderStatus.choices, required=False, default="", allow_blank=True
    )
    q = LineField(required=False, default="", max_length=100, allow_blank=True)


def seller(request: Request) -> Actor:
    """The member of staff who asks."""
    return Actor(ActorKind.SELLER, request.user.pk)


class SellerOrderListView(SellerView):
    @describe(parameters=[OrderQuery], responses=page_of(SellerOrderRowOut))
    def get(self, request: Request) -> Response:
        """Orders, newest first, by status, number or e-mail."""
        query = OrderQuery.parse(request.query_params)
        orders = orders_of_seller(status=query.pop("status"), q=query.pop("q"))
        rows, cursor = cursor_page(orders, fields=("placed_at", "pk"), **query)
        return Response({"results": SellerOrderRowOut(rows, many=True).data, "next_cursor": cursor})


class SellerOrderView(SellerView):
    @describe(responses=SellerOrderOut)
    def get(self, request: Request, order_id: UUID) -> Response:
        """One order with payments, parcels, refunds and history."""
        return Response(SellerOrderOut(order_of_seller(order_id)).data)


class SellerShipmentListView(SellerView):
    roles = {"POST": FULFILLERS}

    @describe(request=ShipIn, responses={201: ShipmentOut})
    def post(self, request: Request, order_id: UUID) -> Response:
        """Send a parcel; without `lines` it takes all that is left. The order is SHIPPED with the last unit."""
        body = ShipIn.parse(request.data)
        quantities: dict[int, int] | None = None
        if "lines" in body:
            quantities = {}
            for line in body["lines"]:
                quantities[line["line_id"]] = quantities.get(line["line_id"], 0) + line["quantity"]
        shipment = ship_order(
            order_id=order_id,
            carrier=body["carrier"],
            tracking_number=body["tracking_number"],
            tracking_url=body["tracking_url"],
            quantities=quantities,
            actor=seller(request),
        )
        return Response(ShipmentOut(shipment).data, status=201)


class SellerDeliveryView(SellerView):
    roles = {"POST": FULFILLERS}

    @describe(request=ReasonIn, responses={200: SellerOrderOut})
    def post(self, request: Request, order_id: UUID) -> Response:
        """Everything has arrived: SHIPPED -> DELIVERED."""
        deliver_order(order_id=order_id, actor=seller(request), reason=ReasonIn.parse(request.data)["reason"])
        return Response(SellerOrderOut(order_of_seller(order_id)).data)


class SellerCancelView(SellerView):
    roles = {"POST": SUPPORTERS}

    @describe(request=ReasonIn, responses={200: SellerOrderOut})
    def post(self, request: Request, order_id: UUID) -> Response:
        """Cancel an order of which nothing was shipped; stock goes back and what was paid is refunded."""
        cancel_order(order_id=order_id, actor=seller(request), reason=ReasonIn.parse(request.data)["reason"])
        return Response(SellerOrderOut(order_of_seller(order_id)).data)


class SellerRefundListView(SellerView):
    roles = {"POST": SUPPORTERS}
    idempotency_model = IdempotencyKey

    @describe(request=RefundIn, responses={201: RefundOut})
    @idempotent
    def post(self, request: Request, order_id: UUID) -> Response:
        """Promise a refund; it is made at Stripe within moments. Never more than is left of what was captured."""
        body = RefundIn.parse(request.data)
        units: dict[int, int] | None = None
        if "lines" in body:
            units = {}
            for line in body["lines"]:
                units[line["line_id"]] = units.get(line["line_id"], 0) + line["quantity"]
        refund = request_refund(
            order_id=order_id,
            amount_minor=body.get("amount_minor"),
            reason=body["reason"],
            actor=seller(request),
            units=units,
            with_shipping=body["with_shipping"],
            restock=[StockLine(line["variant_id"], line["quantity"]) for line in body.get("restock", ())],
            request_key=request.idempotency_key,
        )
        return Response(RefundOut(refund).data, status=201)
