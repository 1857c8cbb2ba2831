from django.db import models
from django.db.models import F, Q

from core.ids import new_id
from shop.models.base import TenantModel


class ReviewStatus(models.TextChoices):
    PUBLISHED = "published"
    HIDDEN = "hidden"


class Review(TenantModel):
    """What somebody who received a product thinks of it, and what the seller answered.

    `order_line` is the proof. A person is known by the order's e-mail address, in small letters, and by the account
    where there is one; each reviews a product once.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.ForeignKey("shop.Product", on_delete=models.CASCADE, related_name="reviews")
    order_line = models.ForeignKey("shop.OrderLine", on_delete=models.PROTECT, related_name="+")
    email = models.EmailField(max_length=254)
    buyer_id = models.UUIDField(null=True)
    author = models.CharField(max_length=60)
    rating = models.SmallIntegerField()
    title = models.CharField(max_length=120, blank=True)
    text = models.TextField(blank=True)
    status = models.CharField(max_length=9, choices=ReviewStatus.choices, default=ReviewStatus.PUBLISHED)
    hidden_reason = models.CharField(max_length=300, blank=True)
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(
                F("product"),
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(status="published"),
                name="review_of_product",
            ),
            models.Index(F("created_at").desc(), F("id").desc(), name="review_newest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["product", "email"], name="review_once_by_address"),
            models.UniqueConstraint(
                fields=["product", "buyer_id"],
                condition=Q(buyer_id__isnull=False),
                name="review_once_by_account",
            ),
            models.CheckConstraint(condition=Q(rating__range=(1, 5)), name="review_one_to_five"),
            models.CheckConstraint(
                condition=Q(status=ReviewStatus.PUBLISHED) & Q(hidden_reason="")
                | Q(status=ReviewStatus.HIDDEN) & ~Q(hidden_reason=""),
                name="review_hidden_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rating} of 5 by {self.author}"
