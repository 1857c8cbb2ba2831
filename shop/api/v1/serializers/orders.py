from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.money import Money
from core.serializers import Body, LineField, MinorField, QuantityField, StrictIntegerField
from shop.models import Order


class LineIn(Body):
    variant_id = serializers.UUIDField()
    quantity = QuantityField(default=1)


class CartIn(Body):
    lines = LineIn(many=True, required=False, max_length=20)


class QuantityIn(Body):
    quantity = QuantityField(min_value=0)


class CodeIn(Body):
    code = LineField(max_length=40)


class AddressIn(Body):
    """An address as people write it; checked against the country's own format."""

    name = LineField(max_length=120)
    company = LineField(required=False, default="", max_length=120, allow_blank=True)
    line1 = LineField(max_length=200)
    line2 = LineField(required=False, default="", max_length=200, allow_blank=True)
    postal_code = LineField(required=False, default="", max_length=20, allow_blank=True)
    city = LineField(max_length=120)
    region = LineField(required=False, default="", max_length=120, allow_blank=True)
    country = serializers.RegexField(r"^[A-Z]{2}\Z", help_text="ISO 3166-1 alpha-2")
    phone = LineField(required=False, default="", max_length=40, allow_blank=True)


class CheckoutIn(Body):
    cart = LineField(max_length=40, help_text="The cart's token.")
    email = serializers.EmailField(max_length=254, required=False)
    shipping_address = AddressIn(required=False)
    address_id = serializers.UUIDField(required=False, help_text="One of the signed-in buyer's addresses.")
    billing_address = AddressIn(required=False)
    expected_total_minor = MinorField(
        required=False, help_text="The total the buyer has seen; refused when it has changed."
    )


class MoneyOut(serializers.Serializer):
    amount = serializers.IntegerField()
    currency = serializers.CharField()


class CartLineOut(serializers.Serializer):
    variant_id = serializers.UUIDField()
    product_slug = serializers.CharField()
    product_title = serializers.CharField()
    variant_title = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = MoneyOut()
    subtotal = MoneyOut()
    discount = MoneyOut()
    available = serializers.IntegerField(allow_null=True)
    problem = serializers.CharField(allow_null=True, help_text="insufficient_stock or not_for_sale")


class CartOut(serializers.Serializer):
    token = serializers.CharField()
    lines = CartLineOut(many=True)
    subtotal = MoneyOut()
    discount = MoneyOut()
    shipping = MoneyOut()
    total = MoneyOut()
    promotion_code = serializers.CharField()
    promotion_problem = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField()


def cart_json(cart: Any, priced: Any) -> dict[str, Any]:
    """A priced cart in the API's shape."""
    currency = priced.currency
    return {
        "token": cart.token,
        "lines": [
            {
                "variant_id": line.variant_id,
                "product_slug": line.product_slug,
                "product_title": line.product_title,
                "variant_title": line.variant_title,
                "sku": line.sku,
                "quantity": line.quantity,
                "unit_price": {"amount": line.unit_price_minor, "currency": currency},
                "subtotal": {"amount": line.subtotal_minor, "currency": currency},
                "discount": {"amount": discount, "currency": currency},
                "available": line.available,
                "problem": "not_for_sale"
                if not line.is_for_sale
                else "insufficient_stock"
                if line.is_short
                else None,
            }
            for line, discount in zip(priced.lines, priced.discounts, strict=True)
        ],
        "subtotal": {"amount": priced.subtotal_minor, "currency": currency},
        "discount": {"amount": priced.discount_minor, "currency": currency},
        "shipping": {"amount": priced.shipping_minor, "currency": currency},
        "total": {"amount": priced.total_minor, "currency": currency},
        "promotion_code": priced.promotion_code,
        "promotion_problem": priced.promotion_problem.sentence if priced.promotion_problem else None,
        "expires_at": cart.expires_at,
    }


@extend_schema_field(MoneyOut)
class AmountField(serializers.Field):
    """A column `<name>_minor` of a row with a currency, as money."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"read_only": True, "source": "*", **kwargs})

    def to_representation(self, value: Any) -> dict[str, Any]:
        """Takes the currency of the row, or of its order."""
        currency = value.currency if hasattr(value, "currency") else value.order.currency
        return Money(getattr(value, f"{self.field_name}_minor"), currency).as_json()


class OrderLineOut(serializers.Serializer):
    id = serializers.IntegerField()
    variant_id = serializers.UUIDField(allow_null=True)
    sku = serializers.CharField()
    product_title = serializers.CharField()
    variant_title = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price_minor = serializers.IntegerField()
    subtotal_minor = serializers.IntegerField()
    discount_minor = serializers.IntegerField()
    shipping_minor = serializers.IntegerField()
    tax_minor = serializers.IntegerField()
    credited_minor = serializers.IntegerField(help_text="Refunded, lost in a dispute, or never captured.")
    credited_quantity = serializers.IntegerField()
    shipped_quantity = serializers.IntegerField()
    returned_quantity = serializers.IntegerField()


class ShipmentLineOut(serializers.Serializer):
    order_line_id = serializers.IntegerField()
    quantity = serializers.IntegerField()


class ShipmentOut(serializers.Serializer):
    id = serializers.UUIDField()
    carrier = serializers.CharField()
    tracking_number = serializers.CharField()
    tracking_url = serializers.CharField()
    shipped_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    lines = ShipmentLineOut(many=True)


class PaymentOut(serializers.Serializer):
    """What a buyer may know of a payment."""

    id = serializers.UUIDField()
    method = serializers.CharField()
    status = serializers.CharField()
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    checkout_url = serializers.SerializerMethodField()
    failure_code = serializers.CharField()
    failure_message = serializers.CharField()
    captured_at = serializers.DateTimeField(allow_null=True)

    def get_checkout_url(self, payment: Any) -> str | None:
        """Only while there is something to pay."""
        return payment.checkout_url or None if payment.status == "pending" else None


class RefundLineOut(serializers.Serializer):
    """What a refund takes of one order line."""

    line_id = serializers.IntegerField(source="order_line_id")
    quantity = serializers.IntegerField()
    goods_minor = serializers.IntegerField()
    shipping_minor = serializers.IntegerField()
    tax_minor = serializers.IntegerField()


class RefundOut(serializers.Serializer):
    id = serializers.UUIDField()
    status = serializers.CharField()
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    lines = RefundLineOut(many=True)


class OrderRowOut(serializers.Serializer):
    """An order in a list."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    status = serializers.CharField()
    total = AmountField()
    refunded = AmountField()
    placed_at = serializers.DateTimeField()

    def to_representation(self, order: Order) -> dict[str, Any]:
        """Plain values; DRF's per-field work is not needed."""
        return {
            "id": order.pk,
            "number": order.number,
            "status": order.status,
            "total": Money(order.total_minor, order.currency).as_json(),
            "refunded": Money(order.refunded_minor, order.currency).as_json(),
            "placed_at": order.placed_at,
        }


class OrderOut(serializers.Serializer):
    """An order as its buyer sees it."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    secret = serializers.CharField(help_text="Opens this order without an account. Keep it.")
    status = serializers.CharField()
    email = serializers.EmailField()
    subtotal = AmountField()
    discount = AmountField()
    shipping = AmountField()
    tax = AmountField()
    total = AmountField()
    refunded = AmountField()
    promotion_code = serializers.CharField()
    shipping_method = serializers.CharField()
    shipping_address = serializers.JSONField()
    placed_at = serializers.DateTimeField()
    deadline_at = serializers.DateTimeField()
    confirmed_at = serializers.DateTimeField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    lines = OrderLineOut(many=True)
    shipments = ShipmentOut(many=True)
    payments = PaymentOut(many=True)
    refunds = RefundOut(many=True)


class CheckoutOut(serializers.Serializer):
    """An order that was just placed, and where to pay for it. The whole of it is at guest-orders/{secret}."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    secret = serializers.CharField(help_text="Opens this order without an account. Keep it.")
    status = serializers.CharField()
    email = serializers.EmailField()
    subtotal = MoneyOut()
    discount = MoneyOut()
    shipping = MoneyOut()
    tax = MoneyOut()
    total = MoneyOut()
    promotion_code = serializers.CharField()
    shipping_method = serializers.CharField()
    shipping_address = serializers.JSONField()
    placed_at = serializers.DateTimeField()
    deadline_at = serializers.DateTimeField()
    checkout_url = serializers.CharField(
        allow_null=True, help_text="Where to pay; null when there is nothing to pay."
    )


def checkout_json(order: Order, checkout_url: str | None) -> dict[str, Any]:
    """A placed order in the shape of CheckoutOut, without reading it again."""
    names = ("number", "secret", "status", "email", "promotion_code", "shipping_method", "shipping_address")
    amounts = ("subtotal", "discount", "shipping", "tax", "total")
    return {
        "id": order.pk,
        **{name: getattr(order, name) for name in names},
        **{name: {"amount": getattr(order, f"{name}_minor"), "currency": order.currency} for name in amounts},
        "placed_at": order.placed_at,
        "deadline_at": order.deadline_at,
        "checkout_url": checkout_url,
    }


# The seller's side --------------------------------------------------------------------------------------------------


class AttemptOut(serializers.Serializer):
    transaction_id = serializers.CharField()
    succeeded = serializers.BooleanField()
    failure_code = serializers.CharField()
    failure_message = serializers.CharField()
    created_at = serializers.DateTimeField()


class SellerPaymentOut(serializers.Serializer):
    id = serializers.UUIDField()
    method = serializers.CharField()
    status = serializers.CharField()
    amount_minor = serializers.IntegerField()
    captured_minor = serializers.IntegerField()
    refunded_minor = serializers.IntegerField()
    currency = serializers.CharField()
    transaction_id = serializers.CharField(allow_null=True)
    failure_code = serializers.CharField()
    failure_message = serializers.CharField()
    gateway_response = serializers.JSONField()
    authorised_at = serializers.DateTimeField(allow_null=True)
    capture_before = serializers.DateTimeField(allow_null=True, help_text="Capture until then, or it lapses.")
    captured_at = serializers.DateTimeField(allow_null=True)
    attempts = AttemptOut(many=True)


class OrderEventOut(serializers.Serializer):
    at = serializers.DateTimeField()
    action = serializers.CharField()
    from_status = serializers.CharField()
    to_status = serializers.CharField()
    actor_kind = serializers.CharField()
    actor_id = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField()
    facts = serializers.JSONField()


class SellerOrderRowOut(OrderRowOut):
    email = serializers.EmailField()
    needs_attention = serializers.CharField()

    def to_representation(self, order: Order) -> dict[str, Any]:
        """With who bought, and what a person should look at."""
        return {
            **super().to_representation(order),
            "email": order.email,
            "needs_attention": order.needs_attention,
        }


class SellerOrderOut(serializers.Serializer):
    """An order as the storefront's staff sees it."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    status = serializers.CharField()
    email = serializers.EmailField()
    subtotal = AmountField()
    discount = AmountField()
    shipping = AmountField()
    tax = AmountField()
    total = AmountField()
    refunded = AmountField()
    commission = AmountField()
    promotion_code = serializers.CharField()
    shipping_method = serializers.CharField()
    shipping_address = serializers.JSONField()
    needs_attention = serializers.CharField()
    placed_at = serializers.DateTimeField()
    confirmed_at = serializers.DateTimeField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    lines = OrderLineOut(many=True)
    shipments = ShipmentOut(many=True)
    payments = SellerPaymentOut(many=True)
    refunds = RefundOut(many=True)
    events = OrderEventOut(many=True)


class ShipLineIn(Body):
    line_id = StrictIntegerField(min_value=1)
    quantity = QuantityField()


class ShipIn(Body):
    carrier = LineField(max_length=60)
    tracking_number = LineField(required=False, default="", max_length=80, allow_blank=True)
    tracking_url = serializers.URLField(required=False, default="", max_length=500, allow_blank=True)
    lines = ShipLineIn(many=True, required=False, max_length=100)


class ReasonIn(Body):
    reason = LineField(required=False, default="", max_length=300, allow_blank=True)


class RefundIn(Body):
    """By units of lines, by an amount, by an amount of certain lines, or all that is left."""

    amount_minor = StrictIntegerField(
        required=False,
        min_value=1,
        max_value=10**12,
        help_text="Left out: what the named lines cost, or all that is left.",
    )
    lines = ShipLineIn(many=True, required=False, min_length=1, max_length=100)
    with_shipping = serializers.BooleanField(
        required=False, default=False, help_text="With the named units' part of the shipping."
    )
    reason = LineField(max_length=300)
    restock = LineIn(many=True, required=False, max_length=100)
