"""Shapes of reviews."""

from rest_framework import serializers

from core.serializers import Body, LineField, StrictIntegerField, TextField
from core.views import PageQuery
from services.review_services import MAX_TEXT
from shop.models import ReviewStatus


class ReviewIn(Body):
    rating = StrictIntegerField(min_value=1, max_value=5)
    title = LineField(required=False, max_length=120, allow_blank=True)
    text = TextField(required=False, max_length=MAX_TEXT, allow_blank=True)
    author = LineField(
        required=False, max_length=60, allow_blank=True, help_text="Shown beside it; else from the order."
    )


class ReviewOut(serializers.Serializer):
    """What everybody may read."""

    id = serializers.UUIDField()
    author = serializers.CharField()
    rating = serializers.IntegerField()
    title = serializers.CharField()
    text = serializers.CharField()
    answer = serializers.CharField()
    answered_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ReviewedProductOut(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    title = serializers.CharField()


class OwnReviewOut(ReviewOut):
    """What its author may read of it."""

    product = ReviewedProductOut()
    status = serializers.CharField()
    hidden_reason = serializers.CharField()


class SellerReviewOut(OwnReviewOut):
    email = serializers.EmailField()


class SellerReviewQuery(PageQuery):
    status = serializers.ChoiceField(choices=ReviewStatus.choices, required=False, default="")
    rating = serializers.IntegerField(required=False, min_value=1, max_value=5, default=None)
    unanswered = serializers.BooleanField(required=False, default=False)


class ReviewAnswerIn(Body):
    text = TextField(max_length=MAX_TEXT, allow_blank=True)


class HideIn(Body):
    reason = LineField(max_length=300)
