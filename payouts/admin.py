"""The operator's admin: money, what Stripe told us, jobs. The books are shown, never edited."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from core.models import Job, Schedule
from payouts.models import (
    Charge,
    CommissionInvoice,
    CommissionRule,
    Debt,
    Dispute,
    LedgerEntry,
    LedgerTransaction,
    Payout,
    Reserve,
    SellerAccount,
    StripeEvent,
    TransferReversal,
    WriteOff,
)
from services.account_services import set_terms
from services.commission_rule_services import TERMS as TERMS_OF_RULES
from services.commission_rule_services import create_rule, delete_rule, switch_rule, update_rule
from services.job_services import retry_jobs
from services.webhook_services import retry_events
from tenants.admin import ReadOnly


@admin.register(CommissionRule)
class CommissionRuleAdmin(ModelAdmin):
    """The first active rule that matches a new order wins. Orders keep what they were placed with."""

    list_display = [
        "position",
        "name",
        "tenant",
        "plan",
        "category",
        "currency",
        "basis_points",
        "fixed_minor",
        "floor_minor",
        "cap_minor",
        "fee_bearer",
        "is_active",
    ]
    list_display_links = ["basis_points"]
    list_select_related = ["tenant"]

    def save_model(self, request: HttpRequest, obj: CommissionRule, form: Any, change: bool) -> None:
        """What it says goes by the desk's services, and so into the audit log. Its place is set here by number."""
        said = {
            "tenant_id" if name == "tenant" else name
            for name in (form.changed_data if change else form.cleaned_data)
        }
        terms = {name: getattr(obj, name) for name in TERMS_OF_RULES if name in said}
        if change:
            update_rule(rule_id=obj.pk, actor_id=request.user.pk, **terms)
            if "is_active" in said:
                switch_rule(rule_id=obj.pk, is_active=obj.is_active, actor_id=request.user.pk)
        else:
            made = create_rule(actor_id=request.user.pk, is_active=obj.is_active, **terms)
            obj.pk = made.pk
        if "position" in said:
            CommissionRule.objects.filter(pk=obj.pk).update(position=obj.position)

    def delete_model(self, request: HttpRequest, obj: CommissionRule) -> None:
        delete_rule(rule_id=obj.pk, actor_id=request.user.pk)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for rule in queryset:
            delete_rule(rule_id=rule.pk, actor_id=request.user.pk)


TERMS = [
    "hold_days",
    "return_days",
    "reserve_basis_points",
    "reserve_days",
    "payout_minimum_minor",
    "payouts_paused_reason",
    "plan",
    "schedule",
    "schedule_day",
    "time_zone",
]


@admin.register(SellerAccount)
class SellerAccountAdmin(ModelAdmin):
    list_display = [
        "tenant",
        "payouts_enabled",
        "transfers_active",
        "hold_days",
        "payout_minimum_minor",
        "payouts_paused_reason",
    ]
    list_select_related = ["tenant"]
    fields = [
        "tenant",
        "stripe_account_id",
        "payouts_enabled",
        "transfers_active",
        "requirements",
        "refreshed_at",
        *TERMS,
    ]
    readonly_fields = [
        "tenant",
        "stripe_account_id",
        "payouts_enabled",
        "transfers_active",
        "requirements",
        "refreshed_at",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: SellerAccount, form: Any, change: bool) -> None:
        set_terms(
            tenant_id=obj.pk,
            actor_id=request.user.pk,
            **{name: getattr(obj, name) for name in form.changed_data},
        )


@admin.register(Payout)
class PayoutAdmin(ReadOnly, ModelAdmin):
    list_display = ["requested_at", "tenant", "number", "amount_minor", "currency", "status", "failure_code"]
    list_filter = ["status", "currency"]
    list_select_related = ["tenant"]


@admin.register(TransferReversal)
class TransferReversalAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "requested_at",
        "payout",
        "amount_minor",
        "currency",
        "status",
        "reason",
        "failure_message",
    ]
    list_filter = ["status", "currency"]
    list_select_related = ["payout"]


@admin.register(Dispute)
class DisputeAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "opened_at",
        "dispute_id",
        "tenant",
        "amount_minor",
        "currency",
        "status",
        "evidence_due_at",
    ]
    list_filter = ["status", "currency"]
    search_fields = ["dispute_id", "charge__charge_id"]
    list_select_related = ["tenant"]


@admin.register(Debt)
class DebtAdmin(ReadOnly, ModelAdmin):
    """Who owes us, as of the daily look. Written off by the API, with a reason."""

    list_display = ["account", "seller", "amount_minor", "since"]
    list_select_related = ["account__tenant"]

    @admin.display(ordering="account__tenant__name")
    def seller(self, debt: Debt) -> str:
        return str(debt.account.tenant)


@admin.register(Reserve)
class ReserveAdmin(ReadOnly, ModelAdmin):
    list_display = ["held_at", "tenant", "charge", "amount_minor", "currency", "release_at", "released_at"]
    list_select_related = ["tenant", "charge"]


@admin.register(WriteOff)
class WriteOffAdmin(ReadOnly, ModelAdmin):
    list_display = ["created_at", "tenant", "amount_minor", "currency", "reason"]
    list_select_related = ["tenant"]


@admin.register(CommissionInvoice)
class CommissionInvoiceAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "number",
        "tenant",
        "month",
        "net_minor",
        "tax_minor",
        "total_minor",
        "currency",
        "issued_at",
    ]
    list_select_related = ["tenant", "series"]


@admin.register(Charge)
class ChargeAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "charge_id",
        "tenant",
        "order_number",
        "amount_minor",
        "currency",
        "fee_minor",
        "available_at",
    ]
    search_fields = ["charge_id"]
    list_select_related = ["tenant"]


class LedgerEntryInline(ReadOnly, TabularInline):
    model = LedgerEntry
    extra = 0


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(ReadOnly, ModelAdmin):
    list_display = ["posted_at", "key", "kind", "tenant"]
    list_filter = ["kind"]
    search_fields = ["key"]
    list_select_related = ["tenant"]
    inlines = [LedgerEntryInline]


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnly, ModelAdmin):
    list_display = ["created", "type", "object_id", "state", "note"]
    list_filter = ["state", "type"]
    search_fields = ["event_id", "object_id"]
    actions = ["retry"]

    @admin.action(description="Apply again")
    def retry(self, request: HttpRequest, queryset: Any) -> None:
        count = retry_events(event_ids=[event.pk for event in queryset], actor_id=request.user.pk)
        self.message_user(request, f"{count} events will be applied again.")


@admin.register(Job)
class JobAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "task", "state", "attempts", "run_at", "tenant_id"]
    list_filter = ["state", "task"]
    actions = ["retry"]

    @admin.action(description="Give parked jobs a new start")
    def retry(self, request: HttpRequest, queryset: Any) -> None:
        count = retry_jobs(job_ids=[job.pk for job in queryset], actor_id=request.user.pk)
        self.message_user(request, f"{count} jobs will run again.")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnly, ModelAdmin):
    list_display = ["name", "cron", "next_run_at", "last_run_at"]


from payouts import admin_reconciliation  # noqa: E402, F401
