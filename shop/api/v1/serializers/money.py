from typing import Any

from rest_framework import serializers

from core.serializers import Body, LineField, StrictIntegerField, TextField
from payouts.models import PayoutSchedule


class BalanceOut(serializers.Serializer):
    """Pending, available, reserved and paid together are what was ever earned."""

    currency = serializers.CharField()
    pending_minor = serializers.IntegerField(help_text="Owed, not available yet.")
    available_minor = serializers.IntegerField(help_text="May be negative: a debt.")
    reserved_minor = serializers.IntegerField(help_text="Held back for a time.")
    in_dispute_minor = serializers.IntegerField(help_text="Withdrawn by open disputes.")
    in_transit_minor = serializers.IntegerField(
        help_text="Moved to your account at Stripe, not at the bank yet."
    )
    paid_minor = serializers.IntegerField(help_text="All that was ever moved, less what came back.")
    earned_minor = serializers.IntegerField()


class PayoutOut(serializers.Serializer):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    reversed_minor = serializers.IntegerField()
    status = serializers.CharField()
    failure_message = serializers.CharField()
    requested_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)


class StatementOut(PayoutOut):
    statement = serializers.JSONField(
        help_text="Opening and closing balance, totals, lines, and each of them shared over the order lines behind it."
    )


class PlanOut(serializers.Serializer):
    """What would be paid in one currency now, or why it is not."""

    currency = serializers.CharField()
    available_minor = serializers.IntegerField()
    amount_minor = serializers.IntegerField()
    reason = serializers.CharField()


class NextPayoutOut(serializers.Serializer):
    on = serializers.DateField(allow_null=True, help_text="Null: payouts are made when you ask.")
    plans = PlanOut(many=True)


class AccountOut(serializers.Serializer):
    """How far the seller is at Stripe, and under which terms earnings are paid out."""

    is_open = serializers.SerializerMethodField()
    details_submitted = serializers.BooleanField()
    payouts_enabled = serializers.BooleanField()
    transfers_active = serializers.BooleanField()
    requirements = serializers.JSONField()
    hold_days = serializers.IntegerField()
    return_days = serializers.IntegerField(
        allow_null=True, help_text="Days after delivery; null: delivery is not awaited."
    )
    reserve_basis_points = serializers.IntegerField()
    reserve_days = serializers.IntegerField()
    payout_minimum_minor = serializers.IntegerField()
    payouts_paused_reason = serializers.CharField()
    schedule = serializers.CharField()
    schedule_day = serializers.IntegerField()
    time_zone = serializers.CharField()
    legal_name = serializers.CharField()
    legal_address = serializers.CharField()
    tax_id = serializers.CharField()

    def get_is_open(self, account: object) -> bool:
        """Whether there is an account at Stripe yet; its id stays ours."""
        return bool(getattr(account, "stripe_account_id", None))


class AccountIn(Body):
    """What a seller decides: when payouts are made, and who stands on the documents."""

    schedule = serializers.ChoiceField(choices=PayoutSchedule.choices, required=False)
    schedule_day = StrictIntegerField(
        required=False, min_value=1, max_value=31, help_text="1 is Monday, or the day of the month."
    )
    time_zone = LineField(required=False, max_length=60, help_text="A name of the IANA list: Europe/Berlin")
    legal_name = LineField(required=False, max_length=120, allow_blank=True)
    legal_address = TextField(required=False, max_length=400, allow_blank=True)
    tax_id = LineField(required=False, max_length=40, allow_blank=True)


class EarningsOut(serializers.Serializer):
    """What an order earns, and where that money is."""

    order_id = serializers.UUIDField()
    currency = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    parts = serializers.JSONField(help_text="Minor units by part: sale, commission, fee, refund ...")
    net_minor = serializers.IntegerField()
    unpaid_minor = serializers.IntegerField()
    reserved_minor = serializers.IntegerField()
    reserve_release_at = serializers.DateTimeField(allow_null=True)
    payouts = serializers.JSONField()


class CaptureIn(Body):
    amount_minor = StrictIntegerField(
        required=False,
        min_value=1,
        max_value=10**12,
        help_text="Left out: all that was authorised. The rest is let go.",
    )


class DisputeOut(serializers.Serializer):
    id = serializers.CharField(source="dispute_id")
    order_id = serializers.UUIDField()
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    fee_minor = serializers.IntegerField()
    reason = serializers.CharField()
    status = serializers.CharField()
    is_open = serializers.BooleanField()
    evidence_due_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class AnswerIn(Body):
    text = TextField(max_length=20_000, help_text="Sent to the bank once, with the tracking.")


class InvoiceOut(serializers.Serializer):
    id = serializers.UUIDField()
    number = serializers.CharField()
    month = serializers.SerializerMethodField()
    currency = serializers.CharField()
    net_minor = serializers.IntegerField()
    tax_minor = serializers.IntegerField()
    total_minor = serializers.IntegerField()
    lines = serializers.JSONField()
    issued_at = serializers.DateTimeField()

    def get_month(self, invoice: Any) -> str:
        """2026-10"""
        return f"{invoice.month:%Y-%m}"
