"""Reviews: read by everybody, written by those who received the product, moderated and answered by the seller."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.pagination import cursor_page
from core.views import PageQuery, PublicView, View, describe, page_of
from services.review_services import answer_review, hide_review, publish_review, remove_review, save_review
from shop.api.v1.seller_catalogue import SellerView
from shop.api.v1.serializers.reviews import (
    HideIn,
    OwnReviewOut,
    ReviewAnswerIn,
    ReviewIn,
    ReviewOut,
    SellerReviewOut,
    SellerReviewQuery,
)
from shop.models import Review
from shop.selectors.catalogue import product_id_of
from shop.selectors.orders import order_by_secret
from shop.selectors.reviews import published_reviews, reviews_by, reviews_of_seller
from tenants.permissions import EVERYONE, SUPPORTERS

NEWEST = ("created_at", "pk")


class ProductReviewListView(PublicView):
    @describe(parameters=[PageQuery], responses=page_of(ReviewOut))
    def get(self, request: Request, slug: str) -> Response:
        """What buyers say of a product, newest first. The average is with the product."""
        rows, cursor = cursor_page(
            published_reviews(product_id_of(slug)), fields=NEWEST, **PageQuery.parse(request.query_params)
        )
        return Response({"results": ReviewOut(rows, many=True).data, "next_cursor": cursor})


class MyReviewListView(View):
    @describe(parameters=[PageQuery], responses=page_of(OwnReviewOut))
    def get(self, request: Request) -> Response:
        """The person's reviews here, newest first."""
        query = PageQuery.parse(request.query_params)
        rows, cursor = cursor_page(reviews_by(buyer_id=self.user_id), fields=NEWEST, **query)
        return Response({"results": OwnReviewOut(rows, many=True).data, "next_cursor": cursor})


class MyReviewView(View):
    @describe(request=ReviewIn, responses=OwnReviewOut)
    def put(self, request: Request, product_id: UUID) -> Response:
        """Review a product that was delivered to the person, or change the review."""
        body = ReviewIn.parse(request.data)
        return Response(OwnReviewOut(save_review(product_id=product_id, buyer_id=self.user_id, **body)).data)

    @describe(responses={204: None})
    def delete(self, request: Request, product_id: UUID) -> Response:
        """Take the review back."""
        remove_review(product_id=product_id, buyer_id=self.user_id)
        return Response(status=204)


class GuestReviewView(PublicView):
    @describe(request=ReviewIn, responses=OwnReviewOut)
    def put(self, request: Request, secret: str, product_id: UUID) -> Response:
        """Review a product of a guest's order, or change the review. The order's link is the proof."""
        body = ReviewIn.parse(request.data)
        order = order_by_secret(secret)
        return Response(OwnReviewOut(save_review(product_id=product_id, order=order, **body)).data)

    @describe(responses={204: None})
    def delete(self, request: Request, secret: str, product_id: UUID) -> Response:
        """Take the review back."""
        remove_review(product_id=product_id, order=order_by_secret(secret))
        return Response(status=204)


class SellerReviewListView(SellerView):
    @describe(parameters=[SellerReviewQuery], responses=page_of(SellerReviewOut))
    def get(self, request: Request) -> Response:
        """All reviews, newest first."""
        query = SellerReviewQuery.parse(request.query_params)
        page = {name: query.pop(name) for name in ("cursor", "limit")}
        rows, cursor = cursor_page(reviews_of_seller(**query), fields=NEWEST, **page)
        return Response({"results": SellerReviewOut(rows, many=True).data, "next_cursor": cursor})


class SellerReviewActionView(SellerView):
    """Something staff may do with one review."""

    roles = {"GET": EVERYONE, "PUT": SUPPORTERS, "POST": SUPPORTERS}

    @staticmethod
    def shown(review: Review) -> Response:
        """The review as it is now."""
        return Response(SellerReviewOut(review).data)


class SellerReviewAnswerView(SellerReviewActionView):
    @describe(request=ReviewAnswerIn, responses=SellerReviewOut)
    def put(self, request: Request, review_id: UUID) -> Response:
        """Answer in public; an empty text takes the answer back."""
        return self.shown(answer_review(review_id=review_id, **ReviewAnswerIn.parse(request.data)))


class SellerReviewHideView(SellerReviewActionView):
    @describe(request=HideIn, responses=SellerReviewOut)
    def post(self, request: Request, review_id: UUID) -> Response:
        """Take it out of sight and of the average."""
        return self.shown(hide_review(review_id=review_id, **HideIn.parse(request.data)))


class SellerReviewPublishView(SellerReviewActionView):
    @describe(request=None, responses=SellerReviewOut)
    def post(self, request: Request, review_id: UUID) -> Response:
        """Show it again."""
        return self.shown(publish_review(review_id=review_id))
