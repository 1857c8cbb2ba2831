"""The operator's admin: money, what Stripe told us, jobs. The books are shown, never edited."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from core.jobs.worker import retry_parked
from core.models import Job, Schedule
from payouts.models import (
    Charge,
    CommissionRule,
    LedgerEntry,
    LedgerTransaction,
    Payout,
    SellerAccount,
    StripeEvent,
)
from services.account_services import set_terms
from services.webhook_services import retry_event
from tenants.admin import ReadOnly


@admin.register(CommissionRule)
class CommissionRuleAdmin(ModelAdmin):
    """The first active rule that matches a new order wins. Orders keep what they were placed with."""

    list_display = [
        "position",
        "tenant",
        "currency",
        "basis_points",
        "fixed_minor",
        "fee_bearer",
        "is_active",
    ]
    list_display_links = ["basis_points"]


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
        "hold_days",
        "payout_minimum_minor",
        "payouts_paused_reason",
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
        for event in queryset:
            retry_event(event.pk)
        self.message_user(request, f"{len(queryset)} events will be applied again.")


@admin.register(Job)
class JobAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "task", "state", "attempts", "run_at", "tenant_id"]
    list_filter = ["state", "task"]
    actions = ["retry"]

    @admin.action(description="Give parked jobs a new start")
    def retry(self, request: HttpRequest, queryset: Any) -> None:
        self.message_user(request, f"{retry_parked(queryset)} jobs will run again.")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnly, ModelAdmin):
    list_display = ["name", "cron", "next_run_at", "last_run_at"]
