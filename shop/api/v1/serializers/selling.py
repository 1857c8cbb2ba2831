from rest_framework import serializers

from core.serializers import Body, LineField, MinorField, StrictIntegerField
from shop.models import PromotionKind
from tenants.models import Role


class PromotionIn(Body):
    code = serializers.RegexField(r"^[A-Za-z0-9_-]{2,40}\Z")
    kind = serializers.ChoiceField(choices=PromotionKind.choices)
    percentage_basis_points = StrictIntegerField(required=False, allow_null=True, help_text="1000 is 10 %.")
    amount_minor = StrictIntegerField(required=False, allow_null=True, max_value=10**12)
    minimum_spend_minor = MinorField(required=False)
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    usage_limit = StrictIntegerField(required=False, allow_null=True, min_value=1, max_value=10**9)
    per_buyer_limit = StrictIntegerField(required=False, allow_null=True, min_value=1, max_value=10**6)
    is_active = serializers.BooleanField(required=False)


class PromotionOut(serializers.Serializer):
    id = serializers.UUIDField()
    code = serializers.CharField()
    kind = serializers.CharField()
    percentage_basis_points = serializers.IntegerField(allow_null=True)
    amount_minor = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField()
    minimum_spend_minor = serializers.IntegerField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    usage_limit = serializers.IntegerField(allow_null=True)
    per_buyer_limit = serializers.IntegerField(allow_null=True)
    times_redeemed = serializers.IntegerField()
    is_active = serializers.BooleanField()


class ShippingRateIn(Body):
    name = LineField(max_length=80)
    price_minor = MinorField()
    free_from_minor = MinorField(required=False, allow_null=True, default=None)


class ShippingRateOut(serializers.Serializer):
    name = serializers.CharField()
    price_minor = serializers.IntegerField()
    free_from_minor = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField()


class BrandIn(Body):
    primary = serializers.RegexField(r"^#[0-9a-fA-F]{6}\Z", required=False)
    accent = serializers.RegexField(r"^#[0-9a-fA-F]{6}\Z", required=False)
    tagline = LineField(required=False, max_length=160, allow_blank=True)
    font = serializers.ChoiceField(choices=["system", "serif", "rounded", "mono"], required=False)


class StorefrontIn(Body):
    name = LineField(required=False, max_length=80)
    support_email = serializers.EmailField(required=False)
    country = serializers.RegexField(r"^[A-Z]{2}\Z", required=False)
    brand = BrandIn(required=False)


class StorefrontOut(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField()
    status = serializers.CharField()
    currency = serializers.CharField()
    country = serializers.CharField()
    support_email = serializers.EmailField()
    brand = serializers.JSONField()


class MemberIn(Body):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=[role for role in Role.choices if role[0] != Role.OWNER])


class MemberOut(serializers.Serializer):
    id = serializers.UUIDField()
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.CharField()


class BalanceOut(serializers.Serializer):
    currency = serializers.CharField()
    pending_minor = serializers.IntegerField()
    available_minor = serializers.IntegerField(help_text="May be negative: a debt.")
    paid_minor = serializers.IntegerField()


class PayoutOut(serializers.Serializer):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    status = serializers.CharField()
    failure_message = serializers.CharField()
    requested_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)


class StatementOut(PayoutOut):
    statement = serializers.JSONField(
        help_text="Opening and closing balance, totals, lines, and the order lines behind them."
    )


class AccountOut(serializers.Serializer):
    """How far the seller is at Stripe, and under which terms earnings are paid out."""

    is_open = serializers.SerializerMethodField()
    details_submitted = serializers.BooleanField()
    payouts_enabled = serializers.BooleanField()
    transfers_active = serializers.BooleanField()
    requirements = serializers.JSONField()
    hold_days = serializers.IntegerField()
    payout_minimum_minor = serializers.IntegerField()
    payouts_paused_reason = serializers.CharField()

    def get_is_open(self, account: object) -> bool:
        """Whether there is an account at Stripe yet; its id stays ours."""
        return bool(getattr(account, "stripe_account_id", None))


class OnboardingIn(Body):
    return_path = serializers.RegexField(r"^/(?!/)[^\\\s]{0,200}\Z", required=False, default="/dashboard")


class LinkOut(serializers.Serializer):
    url = serializers.URLField()
