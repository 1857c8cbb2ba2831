from rest_framework import serializers

from core.serializers import Body, LineField, MinorField, StrictIntegerField, TextField
from services.page_services import MAX_BODY
from shop.models import PromotionKind
from tenants.models import CaptureMethod, Role


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
    announcement = LineField(required=False, max_length=160, allow_blank=True)
    hero_title = LineField(required=False, max_length=120, allow_blank=True)
    hero_text = LineField(required=False, max_length=300, allow_blank=True)
    listed = serializers.BooleanField(required=False, help_text="Shown in the marketplace's directory.")
    featured = serializers.ListField(
        child=serializers.SlugField(max_length=80),
        max_length=6,
        required=False,
        help_text="Categories that the front page shows first.",
    )


class BrandPictureIn(Body):
    file = serializers.FileField()


class PageChangeIn(Body):
    title = LineField(required=False, max_length=120)
    body = TextField(required=False, max_length=MAX_BODY, allow_blank=True, help_text="Markdown.")
    is_published = serializers.BooleanField(required=False)
    position = StrictIntegerField(required=False, min_value=0, max_value=1000)


class PageIn(PageChangeIn):
    slug = serializers.SlugField(required=False, max_length=80)
    title = LineField(max_length=120)


class PageOut(serializers.Serializer):
    slug = serializers.CharField()
    title = serializers.CharField()
    html = serializers.CharField(help_text="Sanitised HTML.")
    updated_at = serializers.DateTimeField()


class SellerPageOut(PageOut):
    body = serializers.CharField()
    is_published = serializers.BooleanField()
    position = serializers.IntegerField()


class StorefrontIn(Body):
    name = LineField(required=False, max_length=80)
    support_email = serializers.EmailField(required=False)
    country = serializers.RegexField(r"^[A-Z]{2}\Z", required=False)
    brand = BrandIn(required=False)
    capture_method = serializers.ChoiceField(
        choices=CaptureMethod.choices,
        required=False,
        help_text="When a card is charged: at the checkout, or when you capture or ship.",
    )


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
    capture_method = serializers.CharField()


class MemberIn(Body):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=[role for role in Role.choices if role[0] != Role.OWNER])


class MemberOut(serializers.Serializer):
    id = serializers.UUIDField()
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.CharField()


class OnboardingIn(Body):
    return_path = serializers.RegexField(r"^/(?!/)[^\\\s]{0,200}\Z", required=False, default="/dashboard")


class LinkOut(serializers.Serializer):
    url = serializers.URLField()
