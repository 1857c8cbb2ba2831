"""The seller's promotions, settings and team."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.pagination import cursor_page
from core.views import PageQuery, describe, page_of
from services.notification_services import mark_read
from services.promotion_services import save_promotion
from services.shipping_services import set_flat_rate
from services.tenant_services import remove_membership, set_membership, update_storefront
from shop.api.v1.seller_catalogue import SellerView
from shop.api.v1.serializers.people import MarkedOut, MarkReadIn, NotificationOut
from shop.api.v1.serializers.selling import (
    MemberIn,
    MemberOut,
    PromotionIn,
    PromotionOut,
    ShippingRateIn,
    ShippingRateOut,
    StorefrontIn,
    StorefrontOut,
)
from shop.selectors.people import staff_notifications
from shop.selectors.selling import (
    find_promotion_by_id,
    members,
    promotions,
    shipping_rate,
)
from tenants.permissions import EVERYONE, MANAGERS, OWNER


class SellerPromotionListView(SellerView):
    @describe(parameters=[PageQuery], responses=page_of(PromotionOut))
    def get(self, request: Request) -> Response:
        """Promotions, newest first."""
        rows, cursor = cursor_page(
            promotions(), fields=("created_at", "pk"), **PageQuery.parse(request.query_params)
        )
        return Response({"results": PromotionOut(rows, many=True).data, "next_cursor": cursor})

    @describe(request=PromotionIn, responses={201: PromotionOut})
    def post(self, request: Request) -> Response:
        """A new promotion: a percentage of at most 100 or an amount above 0, ending after it starts."""
        return Response(PromotionOut(save_promotion(**PromotionIn.parse(request.data))).data, status=201)


class SellerPromotionView(SellerView):
    @describe(responses=PromotionOut)
    def get(self, request: Request, promotion_id: UUID) -> Response:
        """One promotion."""
        return Response(PromotionOut(find_promotion_by_id(promotion_id)).data)

    @describe(request=PromotionIn, responses=PromotionOut)
    def patch(self, request: Request, promotion_id: UUID) -> Response:
        """Change what is given; the rules hold for the whole."""
        body = PromotionIn.parse(request.data, partial=True)
        return Response(PromotionOut(save_promotion(promotion_id=promotion_id, **body)).data)


class SellerShippingRateView(SellerView):
    @describe(responses=ShippingRateOut)
    def get(self, request: Request) -> Response:
        """The storefront's flat rate."""
        return Response(ShippingRateOut(shipping_rate()).data)

    @describe(request=ShippingRateIn, responses=ShippingRateOut)
    def put(self, request: Request) -> Response:
        """Set it. Orders keep the price they were placed with."""
        return Response(ShippingRateOut(set_flat_rate(**ShippingRateIn.parse(request.data))).data)


class SellerStorefrontView(SellerView):
    @describe(responses=StorefrontOut)
    def get(self, request: Request) -> Response:
        """Name, brand and settings."""
        return Response(StorefrontOut(self.tenant).data)

    @describe(request=StorefrontIn, responses=StorefrontOut)
    def patch(self, request: Request) -> Response:
        """Change what is given."""
        body = StorefrontIn.parse(request.data)
        return Response(
            StorefrontOut(
                update_storefront(tenant_id=self.tenant.pk, actor_id=self.user_id, changes=body)
            ).data
        )


class SellerMemberListView(SellerView):
    roles = {"GET": MANAGERS, "POST": OWNER}

    @describe(responses=MemberOut(many=True))
    def get(self, request: Request) -> Response:
        """The team."""
        return Response(MemberOut(members(self.tenant), many=True).data)

    @describe(request=MemberIn, responses={201: MemberOut})
    def post(self, request: Request) -> Response:
        """Give a person a role; somebody without an account is sent a link."""
        body = MemberIn.parse(request.data)
        return Response(
            MemberOut(set_membership(tenant_id=self.tenant.pk, actor_id=self.user_id, **body)).data,
            status=201,
        )


class SellerMemberView(SellerView):
    roles = {"DELETE": OWNER}

    @describe(responses={204: None})
    def delete(self, request: Request, membership_id: UUID) -> Response:
        """Take a person's role away, with effect from the next request."""
        remove_membership(tenant_id=self.tenant.pk, membership_id=membership_id, actor_id=self.user_id)
        return Response(status=204)


class SellerNotificationListView(SellerView):
    roles = {"GET": EVERYONE, "POST": EVERYONE}

    @describe(parameters=[PageQuery], responses=page_of(NotificationOut))
    def get(self, request: Request) -> Response:
        """What the staff was told, newest first."""
        rows, cursor = cursor_page(
            staff_notifications(), fields=("created_at", "pk"), **PageQuery.parse(request.query_params)
        )
        return Response({"results": NotificationOut(rows, many=True).data, "next_cursor": cursor})

    @describe(request=MarkReadIn, responses={200: MarkedOut})
    def post(self, request: Request) -> Response:
        """Mark as read: those named, or all."""
        return Response(
            {
                "marked": mark_read(
                    notification_ids=MarkReadIn.parse(request.data).get("ids"), recipient_id=None
                )
            }
        )
