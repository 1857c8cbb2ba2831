from rest_framework import serializers

from core.serializers import Body, LineField, MinorField, StrictIntegerField
from payouts.models import PayoutSchedule


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
    """What is left out stays as it is. Holds and reserves apply to new sales."""

    hold_days = StrictIntegerField(required=False, min_value=0, max_value=90)
    return_days = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=90,
        help_text="Pay out this many days after delivery; null: delivery is not awaited.",
    )
    reserve_basis_points = StrictIntegerField(
        required=False, min_value=0, max_value=10_000, help_text="1000 holds 10 % of each sale back."
    )
    reserve_days = StrictIntegerField(required=False, min_value=0, max_value=365)
    payout_minimum_minor = MinorField(required=False)
    payouts_paused_reason = LineField(required=False, max_length=300, allow_blank=True)
    plan = LineField(
        required=False, max_length=40, allow_blank=True, help_text="Commission rules may name it."
    )
    schedule = serializers.ChoiceField(choices=PayoutSchedule.choices, required=False)
    schedule_day = StrictIntegerField(required=False, min_value=1, max_value=31)
    time_zone = LineField(required=False, max_length=60)


class TermsOut(serializers.Serializer):
    hold_days = serializers.IntegerField()
    return_days = serializers.IntegerField(allow_null=True)
    reserve_basis_points = serializers.IntegerField()
    reserve_days = serializers.IntegerField()
    payout_minimum_minor = serializers.IntegerField()
    payouts_paused_reason = serializers.CharField()
    plan = serializers.CharField()
    schedule = serializers.CharField()
    schedule_day = serializers.IntegerField()
    time_zone = serializers.CharField()


class PayoutPreviewOut(serializers.Serializer):
    """What a run would pay, or why it would not."""

    tenant_id = serializers.UUIDField(source="account.tenant_id")
    slug = serializers.CharField(source="account.tenant.slug")
    currency = serializers.CharField()
    available_minor = serializers.IntegerField()
    amount_minor = serializers.IntegerField()
    reason = serializers.CharField()


class ReversalIn(Body):
    amount_minor = StrictIntegerField(min_value=1, max_value=10**12)
    reason = LineField(max_length=300)


class ReversalOut(serializers.Serializer):
    id = serializers.UUIDField()
    payout_id = serializers.UUIDField()
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    status = serializers.CharField()
    reason = serializers.CharField()
    failure_message = serializers.CharField()


class DebtOut(serializers.Serializer):
    tenant_id = serializers.UUIDField(source="account.tenant_id")
    slug = serializers.CharField(source="account.tenant.slug")
    currency = serializers.CharField(source="account.currency")
    amount_minor = serializers.IntegerField()
    since = serializers.DateTimeField()


class WriteOffIn(Body):
    currency = serializers.RegexField(r"^[A-Z]{3}\Z")
    amount_minor = StrictIntegerField(min_value=1, max_value=10**12)
    reason = LineField(max_length=300)


class WriteOffOut(serializers.Serializer):
    id = serializers.UUIDField()
    tenant_id = serializers.UUIDField()
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()


class OperatorDisputeOut(serializers.Serializer):
    id = serializers.CharField(source="dispute_id")
    tenant_id = serializers.UUIDField()
    slug = serializers.CharField(source="tenant.slug")
    order_id = serializers.UUIDField()
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    reason = serializers.CharField()
    status = serializers.CharField()
    evidence_due_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class FundingIn(Body):
    funded_basis_points = StrictIntegerField(
        min_value=0, max_value=10_000, help_text="10000: the marketplace pays for the whole discount."
    )


class FundingOut(FundingIn):
    code = serializers.CharField()


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
