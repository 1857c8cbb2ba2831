from rest_framework import serializers

from core.serializers import Body, LineField, MinorField, StrictIntegerField


class CredentialsIn(Body):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=200, trim_whitespace=False, write_only=True)


class RefreshIn(Body):
    refresh = serializers.CharField(max_length=2000)


class TokenPairOut(serializers.Serializer):
    access = serializers.CharField(help_text="Send as: Authorization: Bearer. Five minutes.")
    refresh = serializers.CharField(help_text="Trade it at auth/refresh, once.")


class JoinIn(Body):
    email = serializers.EmailField(max_length=254)


class ConfirmIn(Body):
    proof = serializers.CharField(max_length=600, help_text="From the mail.")
    password = serializers.CharField(max_length=200, trim_whitespace=False, write_only=True)
    name = LineField(required=False, default="", max_length=120, allow_blank=True)


class PasswordIn(Body):
    old_password = serializers.CharField(max_length=200, trim_whitespace=False, write_only=True)
    new_password = serializers.CharField(max_length=200, trim_whitespace=False, write_only=True)


class SignUpIn(Body):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=200, trim_whitespace=False, write_only=True)
    name = LineField(max_length=80, help_text="The storefront's name.")
    slug = serializers.CharField(max_length=60, help_text="The first label of its address.")
    currency = serializers.RegexField(r"^[A-Z]{3}\Z", required=False, default="")
    country = serializers.RegexField(r"^[A-Z]{2}\Z", required=False, default="DE")


class TenantOut(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField()
    status = serializers.CharField()
    status_reason = serializers.CharField()
    currency = serializers.CharField()
    created_at = serializers.DateTimeField()


class SignUpOut(serializers.Serializer):
    storefront = TenantOut()
    access = serializers.CharField(help_text="For the storefront's host.")
    refresh = serializers.CharField()


class ProvisionIn(Body):
    email = serializers.EmailField(max_length=254)
    name = LineField(max_length=80)
    slug = serializers.CharField(max_length=60)
    currency = serializers.RegexField(r"^[A-Z]{3}\Z", required=False, default="EUR")
    country = serializers.RegexField(r"^[A-Z]{2}\Z", required=False, default="DE")


class ReasonRequiredIn(Body):
    reason = LineField(max_length=300)


class TermsIn(Body):
    hold_days = StrictIntegerField(required=False, min_value=0, max_value=90)
    payout_minimum_minor = MinorField(required=False)
    payouts_paused_reason = LineField(required=False, max_length=300, allow_blank=True)


class TermsOut(serializers.Serializer):
    hold_days = serializers.IntegerField()
    payout_minimum_minor = serializers.IntegerField()
    payouts_paused_reason = serializers.CharField()


class PayoutRunIn(Body):
    tenants = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=1000, help_text="Left out: everybody."
    )


class PayoutRunRowOut(serializers.Serializer):
    id = serializers.UUIDField()
    tenant_id = serializers.UUIDField()
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    status = serializers.CharField()


class PayoutRunOut(serializers.Serializer):
    payouts = PayoutRunRowOut(many=True)
