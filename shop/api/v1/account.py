"""A buyer's own things: profile, addresses, orders, notifications. Everything is looked up by the person and nothing else."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.pagination import cursor_page
from core.views import PageQuery, View, describe, page_of
from services.address_services import remove_address, save_address
from services.auth_services import rename_user
from services.notification_services import mark_read
from services.order_history import Actor
from services.order_services import cancel_order
from shop.api.v1.serializers.orders import OrderOut, OrderRowOut, ReasonIn
from shop.api.v1.serializers.people import (
    AddressOut,
    AddressSaveIn,
    MarkedOut,
    MarkReadIn,
    NotificationOut,
    ProfileIn,
    ProfileOut,
)
from shop.models import ActorKind
from shop.selectors.orders import order_of_buyer, orders_of_buyer
from shop.selectors.people import addresses_of, notifications_of
from tenants.permissions import role_here


def profile_json(request: Request) -> dict:
    """The person as this storefront knows them."""
    user = request.user
    return {"id": user.pk, "email": user.email, "name": user.name, "role": role_here(request)}


class MeView(View):
    @describe(responses=ProfileOut)
    def get(self, request: Request) -> Response:
        """Who is signed in, and with which role here."""
        return Response(profile_json(request))

    @describe(request=ProfileIn, responses=ProfileOut)
    def patch(self, request: Request) -> Response:
        """Change the name."""
        request.user.name = rename_user(user_id=self.user_id, name=ProfileIn.parse(request.data)["name"])
        return Response(profile_json(request))


class MyAddressListView(View):
    @describe(responses=AddressOut(many=True))
    def get(self, request: Request) -> Response:
        """The person's addresses, the default first."""
        return Response(AddressOut(addresses_of(self.user_id), many=True).data)

    @describe(request=AddressSaveIn, responses={201: AddressOut})
    def post(self, request: Request) -> Response:
        """Add an address; the first one is the default."""
        body = AddressSaveIn.parse(request.data)
        return Response(AddressOut(save_address(user_id=self.user_id, **body)).data, status=201)


class MyAddressView(View):
    @describe(request=AddressSaveIn, responses=AddressOut)
    def put(self, request: Request, address_id: UUID) -> Response:
        """Replace an address; `is_default` makes it the default."""
        body = AddressSaveIn.parse(request.data)
        return Response(AddressOut(save_address(user_id=self.user_id, address_id=address_id, **body)).data)

    @describe(responses={204: None})
    def delete(self, request: Request, address_id: UUID) -> Response:
        """Forget an address."""
        remove_address(user_id=self.user_id, address_id=address_id)
        return Response(status=204)


class MyOrderListView(View):
    @describe(parameters=[PageQuery], responses=page_of(OrderRowOut))
    def get(self, request: Request) -> Response:
        """The person's orders here, newest first."""
        query = PageQuery.parse(request.query_params)
        rows, cursor = cursor_page(orders_of_buyer(self.user_id), fields=("placed_at", "pk"), **query)
        return Response({"results": OrderRowOut(rows, many=True).data, "next_cursor": cursor})


class MyOrderView(View):
    @describe(responses=OrderOut)
    def get(self, request: Request, order_id: UUID) -> Response:
        """One of the person's orders."""
        return Response(OrderOut(order_of_buyer(order_id=order_id, buyer_id=self.user_id)).data)


class MyOrderCancelView(View):
    @describe(request=ReasonIn, responses={200: OrderOut})
    def post(self, request: Request, order_id: UUID) -> Response:
        """Cancel an order of which nothing was shipped; what was paid is refunded."""
        reason = ReasonIn.parse(request.data)["reason"]
        order = order_of_buyer(order_id=order_id, buyer_id=self.user_id)
        cancel_order(order_id=order.pk, actor=Actor(ActorKind.BUYER, self.user_id), reason=reason)
        return Response(OrderOut(order_of_buyer(order_id=order_id, buyer_id=self.user_id)).data)


class MyNotificationListView(View):
    @describe(parameters=[PageQuery], responses=page_of(NotificationOut))
    def get(self, request: Request) -> Response:
        """What the person was told here, newest first."""
        query = PageQuery.parse(request.query_params)
        rows, cursor = cursor_page(notifications_of(self.user_id), fields=("created_at", "pk"), **query)
        return Response({"results": NotificationOut(rows, many=True).data, "next_cursor": cursor})

    @describe(request=MarkReadIn, responses={200: MarkedOut})
    def post(self, request: Request) -> Response:
        """Mark as read: those named, or all."""
        ids = MarkReadIn.parse(request.data).get("ids")
        return Response({"marked": mark_read(notification_ids=ids, recipient_id=self.user_id)})
