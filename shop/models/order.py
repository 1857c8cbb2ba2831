from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django_fsm import FSMField, FSMModelMixin, transition

from core.ids import new_id, new_secret
from core.money import Money
from shop.models.base import TenantModel

if TYPE_CHECKING:
    from shop.models.payment import Payment


# The mail addresses of orders whose buyer was forgotten end like this.
NOBODY = "@erased.invalid"


class OrderStatus(models.TextChoices):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class CancelReason(models.TextChoices):
    UNPAID = "unpaid"
    BUYER = "buyer"
    SELLER = "seller"


def was_unpaid(order: Any) -> bool:
    """Only an order that ran out of time may come back, when its money comes late."""
    return order.cancelled_because == CancelReason.UNPAID


class Order(FSMModelMixin, TenantModel):
    """What a buyer agreed to. Amounts and addresses are frozen when it is placed.

    pending --confirm (paid)--> confirmed --ship (all lines)--> shipped --deliver--> delivered
    pending or confirmed --cancel--> cancelled
    cancelled --revive (it was unpaid, the money came late, the stock is still there)--> confirmed
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.BigIntegerField(
        unique=True,
        editable=False,
        db_default=Func(
            Value("shop_order_number"), function="nextval", output_field=models.BigIntegerField()
        ),
    )
    secret = models.CharField(max_length=40, unique=True, default=new_secret, editable=False)
    request_key = models.CharField(max_length=360, unique=True, null=True, editable=False)
    status = FSMField(default=OrderStatus.PENDING, choices=OrderStatus.choices, protected=True)
    buyer_id = models.UUIDField(null=True, db_index=True)
    email = models.EmailField(max_length=254)
    currency = models.CharField(max_length=3)
    subtotal_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField(default=0)
    shipping_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField(default=0)
    uncaptured_minor = models.BigIntegerField(default=0)
    promotion_code = models.CharField(max_length=40, blank=True)
    shipping_method = models.CharField(max_length=80, blank=True)
    shipping_address = models.JSONField()
    billing_address = models.JSONField(null=True)
    commission_rule = models.JSONField()
    commission_minor = models.BigIntegerField(default=0)
    commission_tax_minor = models.BigIntegerField(default=0)
    funded_minor = models.BigIntegerField(default=0)
    cancelled_because = models.CharField(max_length=10, choices=CancelReason.choices, blank=True)
    needs_attention = models.CharField(max_length=300, blank=True)
    deadline_at = models.DateTimeField()
    placed_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    shipped_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    # What the staff finds it by: number, the words of the mail address, the recipient's name.
    search = models.GeneratedField(
        expression=SearchVector(
            Cast("number", models.TextField()),
            Func(
                F("email"),
                Value("@.-_+"),
                Value("     "),
                function="translate",
                output_field=models.TextField(),
            ),
            KeyTextTransform("name", "shipping_address"),
            config="simple",
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            models.Index(F("placed_at").desc(), F("id").desc(), name="order_newest"),
            models.Index(fields=["deadline_at"], condition=Q(status="pending"), name="order_deadline"),
            models.Index(fields=["email", "-placed_at", "-id"], name="order_by_email"),
            models.Index(fields=["status", "-placed_at", "-id"], name="order_by_status"),
            models.Index(
                fields=["confirmed_at"],
                include=["currency", "total_minor", "refunded_minor", "uncaptured_minor"],
                condition=Q(confirmed_at__isnull=False),
                name="order_sales",
            ),
            models.Index(fields=["-placed_at"], condition=~Q(needs_attention=""), name="order_attention"),
            GinIndex(fields=["search"], name="order_search"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=OrderStatus.values), name="order_status_known"),
            models.CheckConstraint(
                condition=Q(
                    total_minor=F("subtotal_minor")
                    - F("discount_minor")
                    + F("shipping_minor")
                    + F("tax_minor")
                ),
                name="order_total_is_its_parts",
            ),
            models.CheckConstraint(
                condition=Q(discount_minor__gte=0)
                & Q(discount_minor__lte=F("subtotal_minor"))
                & Q(shipping_minor__gte=0),
                name="order_parts_in_range",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0)
                & Q(uncaptured_minor__gte=0)
                & Q(refunded_minor__lte=F("total_minor") - F("uncaptured_minor")),
                name="order_refund_within_total",
            ),
            models.CheckConstraint(
                condition=Q(funded_minor__gte=0) & Q(funded_minor__lte=F("discount_minor")),
                name="order_funding_within_discount",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["confirmed", "shipped", "delivered"])
                | Q(confirmed_at__isnull=False),
                name="order_confirmed_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["shipped", "delivered"]) | Q(shipped_at__isnull=False),
                name="order_shipped_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="delivered") | Q(delivered_at__isnull=False),
                name="order_delivered_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="cancelled") | Q(cancelled_at__isnull=False),
                name="order_cancelled_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"

    # The payment that `place_order` made with it; not a column.
    new_payment: "Payment | None" = None

    @property
    def total(self) -> Money:
        """What the buyer pays."""
        return Money(self.total_minor, self.currency)

    @transition(field=status, source=OrderStatus.PENDING, target=OrderStatus.CONFIRMED)
    def confirm(self, *, at: datetime) -> None:
        self.confirmed_at = at

    @transition(field=status, source=OrderStatus.CONFIRMED, target=OrderStatus.SHIPPED)
    def ship(self, *, at: datetime) -> None:
        self.shipped_at = at

    @transition(field=status, source=OrderStatus.SHIPPED, target=OrderStatus.DELIVERED)
    def deliver(self, *, at: datetime) -> None:
        self.delivered_at = at

    @transition(
        field=status, source=[OrderStatus.PENDING, OrderStatus.CONFIRMED], target=OrderStatus.CANCELLED
    )
    def cancel(self, *, at: datetime, because: str) -> None:
        self.cancelled_at, self.cancelled_because = at, because

    @transition(
        field=status,
        source=OrderStatus.CANCELLED,
        target=OrderStatus.CONFIRMED,
        conditions=[was_unpaid],
    )
    def revive(self, *, at: datetime) -> None:
        self.confirmed_at, self.cancelled_at, self.cancelled_because = at, None, ""


class OrderLine(TenantModel):
    """A frozen copy of what was bought, with its own share of discount, shipping, tax and commission.

    `funded_minor` is the part of the discount that the marketplace pays for. The `credited_` columns are what was taken
    back of each share (refunded, lost in a dispute, or never captured), and never more than the share: the next refund
    takes from what remains. `commission_returnable_minor` is how much of the commission goes back if all of it is.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    variant = models.ForeignKey("shop.Variant", on_delete=models.SET_NULL, null=True, related_name="+")
    position = models.SmallIntegerField()
    sku = models.CharField(max_length=80)
    product_title = models.CharField(max_length=200)
    variant_title = models.CharField(max_length=260, blank=True)
    unit_price_minor = models.BigIntegerField()
    quantity = models.IntegerField()
    subtotal_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField(default=0)
    shipping_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    commission_minor = models.BigIntegerField(default=0)
    commission_tax_minor = models.BigIntegerField(default=0)
    commission_returnable_minor = models.BigIntegerField(default=0)
    funded_minor = models.BigIntegerField(default=0)
    credited_quantity = models.IntegerField(default=0)
    credited_goods_minor = models.BigIntegerField(default=0)
    credited_shipping_minor = models.BigIntegerField(default=0)
    credited_tax_minor = models.BigIntegerField(default=0)
    credited_commission_minor = models.BigIntegerField(default=0)
    credited_commission_tax_minor = models.BigIntegerField(default=0)
    credited_funded_minor = models.BigIntegerField(default=0)
    shipped_quantity = models.IntegerField(default=0)
    returned_quantity = models.IntegerField(default=0)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="order_line_position"),
            models.CheckConstraint(
                condition=Q(subtotal_minor=F("unit_price_minor") * F("quantity")), name="order_line_subtotal"
            ),
            models.CheckConstraint(
                condition=Q(discount_minor__gte=0) & Q(discount_minor__lte=F("subtotal_minor")),
                name="order_line_discount",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_line_quantity"),
            models.CheckConstraint(
                condition=Q(funded_minor__gte=0)
                & Q(funded_minor__lte=F("discount_minor"))
                & Q(commission_returnable_minor__gte=0)
                & Q(commission_returnable_minor__lte=F("commission_minor")),
                name="order_line_funding_and_commission",
            ),
            models.CheckConstraint(
                condition=Q(credited_quantity__gte=0)
                & Q(credited_quantity__lte=F("quantity"))
                & Q(credited_goods_minor__gte=0)
                & Q(credited_goods_minor__lte=F("subtotal_minor") - F("discount_minor"))
                & Q(credited_shipping_minor__gte=0)
                & Q(credited_shipping_minor__lte=F("shipping_minor"))
                & Q(credited_tax_minor__gte=0)
                & Q(credited_tax_minor__lte=F("tax_minor")),
                name="order_line_credit_within",
            ),
            models.CheckConstraint(
                condition=Q(credited_commission_minor__gte=0)
                & Q(credited_commission_minor__lte=F("commission_returnable_minor"))
                & Q(credited_commission_tax_minor__gte=0)
                & Q(credited_commission_tax_minor__lte=F("commission_tax_minor"))
                & Q(credited_funded_minor__gte=0)
                & Q(credited_funded_minor__lte=F("funded_minor")),
                name="order_line_return_within",
            ),
            models.CheckConstraint(
                condition=Q(shipped_quantity__gte=0)
                & Q(shipped_quantity__lte=F("quantity"))
                & Q(returned_quantity__gte=0)
                & Q(returned_quantity__lte=F("quantity")),
                name="order_line_shipped_within",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"

    @property
    def paid_minor(self) -> int:
        """What the buyer pays for this line: goods after the discount, shipping and tax."""
        return self.subtotal_minor - self.discount_minor + self.shipping_minor + self.tax_minor

    @property
    def credited_minor(self) -> int:
        """How much of that was taken back."""
        return self.credited_goods_minor + self.credited_shipping_minor + self.credited_tax_minor


class ActorKind(models.TextChoices):
    BUYER = "buyer"
    GUEST = "guest"
    SELLER = "seller"
    SYSTEM = "system"


class OrderEvent(TenantModel):
    """A move in an order's life: who, when, from, to, why."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    action = models.CharField(max_length=40)
    from_status = models.CharField(max_length=10, blank=True)
    to_status = models.CharField(max_length=10, blank=True)
    actor_kind = models.CharField(max_length=6, choices=ActorKind.choices)
    actor_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_kind}"
