"""Reading reviews."""

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from shop.models import Order, Review, ReviewStatus


def published_reviews(product_id: UUID) -> QuerySet[Review]:
    """What buyers may read of a product, newest first."""
    return Review.objects.filter(product_id=product_id, status=ReviewStatus.PUBLISHED).order_by(
        "-created_at", "-id"
    )


def ratings_of(product_id: UUID) -> dict[int, int]:
    """How many gave 5, 4, 3, 2 and 1 stars, in that order. One query."""
    rows = (
        Review.objects.filter(product_id=product_id, status=ReviewStatus.PUBLISHED)
        .order_by()
        .values_list("rating")
        .annotate(Count("id"))
    )
    counts = dict(rows)
    return {stars: counts.get(stars, 0) for stars in range(5, 0, -1)}


def reviews_by(*, buyer_id: UUID) -> QuerySet[Review]:
    """What a person wrote here, newest first."""
    return Review.objects.filter(buyer_id=buyer_id).select_related("product").order_by("-created_at", "-id")


def reviews_from(order: Order) -> dict[UUID, Review]:
    """What the owner of an order wrote of the products in it, by product."""
    mine = Q(order_line__order=order)
    if order.buyer_id:
        mine |= Q(buyer_id=order.buyer_id)
    return {review.product_id: review for review in Review.objects.filter(mine)}


def reviews_of_seller(
    *, status: str = "", rating: int | None = None, unanswered: bool = False
) -> QuerySet[Review]:
    """The storefront's reviews, newest first."""
    reviews = Review.objects.select_related("product").order_by("-created_at", "-id")
    if status:
        reviews = reviews.filter(status=status)
    if rating:
        reviews = reviews.filter(rating=rating)
    return reviews.filter(answer="") if unanswered else reviews
