"""Reviews: by people who received the product, one each; moderated and answered by the seller."""

from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_noop

from core.clock import now
from core.errors import Conflict, Invalid, NotFound, Refused
from core.jobs import enqueue
from services.catalogue_services import find_product, lock_product
from services.notification_services import notify
from shop.models import Order, OrderLine, OrderStatus, Product, Review, ReviewStatus, ShipmentLine
from tenants.context import current_tenant

MAX_TEXT = 4_000


class NotReceived(Refused):
    """Only what has arrived can be reviewed."""

    code = "not_received"
    title = gettext_noop("This product has not been delivered to you")
    detail = gettext_noop("You can review a product once it has been delivered to you.")


class AlreadyReviewed(Conflict):
    """Somebody with this e-mail address reviewed the product from another order."""

    code = "already_reviewed"
    title = gettext_noop("This product has been reviewed with your e-mail address already")
    detail = gettext_noop("To change that review, open it from the order you wrote it from.")


def received_lines(**order: object) -> list[OrderLine]:
    """Lines of orders that match (`order_id=` or `order__buyer_id=`) and have arrived, the latest first."""
    parcel = ShipmentLine.objects.filter(order_line=OuterRef("pk"), shipment__delivered_at__isnull=False)
    arrived = Q(order__status=OrderStatus.DELIVERED) | Exists(parcel)
    lines = OrderLine.objects.filter(arrived, variant__isnull=False, **order)
    return list(lines.select_related("order", "variant__product").order_by("-order__placed_at", "position"))


def save_review(
    *,
    product_id: UUID,
    rating: int,
    title: str = "",
    text: str = "",
    author: str = "",
    buyer_id: UUID | None = None,
    order: Order | None = None,
) -> Review:
    """Write a review, or change the one this person wrote before; a hidden one stays hidden.

    The proof is an order: one of the account's (`buyer_id`), or the one whose link the guest holds (`order`).
    `rating` is 1 to 5. Without `author` the name is taken from the order, the last name as an initial.
    Locks the product. Raises NotFound (product), NotReceived, AlreadyReviewed, Invalid.
    """
    if not 1 <= rating <= 5:
        raise Invalid(field="rating", reason="give one to five stars")
    if len(text) > MAX_TEXT:
        raise Invalid(field="text", reason=f"at most {MAX_TEXT} characters")
    line = _proof(product_id, buyer_id=buyer_id, order=order)
    with transaction.atomic():
        product = lock_product(product_id)
        review = _written_by(line) or Review(product=product, email=line.order.email.lower())
        is_new = review._state.adding
        review.order_line, review.buyer_id = line, line.order.buyer_id
        review.rating, review.title, review.text = rating, title, text
        review.author = (
            author or review.author or short_name(str(line.order.shipping_address.get("name", "")))
        )
        _store(review)
        _count_ratings(product_id)
        if is_new:
            _tell_staff(review, product)
    return review


def _store(review: Review) -> None:
    try:
        with transaction.atomic():
            review.save()
    except IntegrityError as error:
        if "review_once" not in str(error):
            raise
        raise AlreadyReviewed() from error


def _proof(product_id: UUID, *, buyer_id: UUID | None, order: Order | None) -> OrderLine:
    where: dict[str, object] = {"order_id": order.pk} if order is not None else {"order__buyer_id": buyer_id}
    lines = received_lines(variant__product_id=product_id, **where) if order or buyer_id else []
    if not lines:
        find_product(product_id)
        raise NotReceived()
    return lines[0]


def _written_by(line: OrderLine) -> Review | None:
    """What the owner of this order wrote of this product. An e-mail address alone proves nothing: anybody may type it."""
    assert line.variant is not None
    mine = Q(order_line__order=line.order)
    if line.order.buyer_id:
        mine |= Q(buyer_id=line.order.buyer_id)
    return Review.objects.filter(mine, product_id=line.variant.product_id).first()


def remove_review(*, product_id: UUID, buyer_id: UUID | None = None, order: Order | None = None) -> None:
    """Take back what this person wrote. Locks the product. Raises NotFound."""
    try:
        line = _proof(product_id, buyer_id=buyer_id, order=order)
    except (NotReceived, NotFound) as error:
        raise NotFound(what="review") from error
    with transaction.atomic():
        lock_product(product_id)
        review = _written_by(line)
        if review is None:
            raise NotFound(what="review")
        review.delete()
        _count_ratings(product_id)


def short_name(name: str) -> str:
    """Grace Brewster Hopper -> Grace H."""
    words = name.split()
    return f"{words[0]} {words[-1][0]}."[:60] if len(words) > 1 else name[:60] or "A buyer"


def _count_ratings(product_id: UUID) -> None:
    """Make the product's sums what its published reviews say. The product is locked by the caller."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE shop_product SET (rating_count, rating_sum) = (SELECT count(*), coalesce(sum(rating), 0)"
            " FROM shop_review WHERE product_id = %(id)s AND status = 'published') WHERE id = %(id)s",
            {"id": product_id},
        )
    enqueue("directory.refresh")


def _tell_staff(review: Review, product: Product) -> None:
    notify(
        type="review_written",
        title=f"{review.rating} of 5 for {product.title}",
        message=review.text or review.title or "Without words.",
        dedupe_key=f"staff:review:{review.pk}",
        for_staff=True,
    )


# The seller's side --------------------------------------------------------------------------------------------------


def answer_review(*, review_id: UUID, text: str) -> Review:
    """Answer in public; "" takes the answer back. The reviewer is told by mail of the first answer. Locks the review."""
    with transaction.atomic():
        review = _lock(review_id)
        review.answer, review.answered_at = text, now() if text else None
        review.save(update_fields=["answer", "answered_at", "updated_at"])
        if text and review.status == ReviewStatus.PUBLISHED:
            tenant = current_tenant()
            notify(
                type="review_answered",
                title=f"{tenant.name} has answered your review",
                message=f"{text}\n\n{tenant.url}/products/{review.product.slug}#reviews",
                dedupe_key=f"review_answered:{review.pk}",
                email=review.email,
                recipient_id=review.buyer_id,
            )
    return review


def hide_review(*, review_id: UUID, reason: str) -> Review:
    """Take a review out of sight, and out of the average. The reason is kept. Locks the product. Raises Invalid."""
    if not reason.strip():
        raise Invalid(field="reason", reason="say why it is hidden")
    return _moderate(review_id, ReviewStatus.HIDDEN, reason.strip())


def publish_review(*, review_id: UUID) -> Review:
    """Show a hidden review again. Locks the product."""
    return _moderate(review_id, ReviewStatus.PUBLISHED, "")


def _moderate(review_id: UUID, status: ReviewStatus, reason: str) -> Review:
    found = Review.objects.filter(pk=review_id).values_list("product_id", flat=True).first()
    if found is None:
        raise NotFound(what="review")
    with transaction.atomic():
        lock_product(found)
        review = _lock(review_id)
        review.status, review.hidden_reason = status, reason
        review.save(update_fields=["status", "hidden_reason", "updated_at"])
        _count_ratings(found)
    return review


def _lock(review_id: UUID) -> Review:
    review = (
        Review.objects.select_for_update(of=("self",)).select_related("product").filter(pk=review_id).first()
    )
    if review is None:
        raise NotFound(what="review")
    return review
