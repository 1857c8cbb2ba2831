"""Differences between our books and Stripe's: shown, and explained by an operator. Only a new fact mends one."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from core.clock import now
from core.errors import DomainError
from core.money import Money
from payouts.models import Difference, StripeTransaction
from services.difference_services import explain_difference
from tenants.admin import ReadOnly


class ExplainForm(ActionForm):
    """The action, and why the two sides differ."""

    note = forms.CharField(
        label="",
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "Why the two sides differ"}),
    )


@admin.register(Difference)
class DifferenceAdmin(ReadOnly, ModelAdmin):
    list_display = ["first_seen_at", "age", "day", "kind", "subject", "ours", "theirs", "state", "note"]
    list_filter = ["state", "kind", "currency"]
    search_fields = ["subject"]
    ordering = ["-first_seen_at", "-id"]
    action_form = ExplainForm
    actions = ["explain"]

    @admin.display(description="Days")
    def age(self, row: Difference) -> int:
        return row.age_days(now())

    @admin.display(description="Our books")
    def ours(self, row: Difference) -> str:
        return _amount(row.ours_minor, row.currency)

    @admin.display(description="Stripe")
    def theirs(self, row: Difference) -> str:
        return _amount(row.theirs_minor, row.currency)

    @admin.action(description="Explain, with a note")
    def explain(self, request: HttpRequest, queryset: QuerySet[Difference]) -> None:
        explained = 0
        for row in queryset:
            try:
                explain_difference(
                    difference_id=row.pk, note=request.POST.get("note", ""), actor_id=request.user.pk
                )
                explained += 1
            except DomainError as refusal:
                self.message_user(request, f"{row}: {refusal.sentence}", messages.ERROR)
        if explained:
            self.message_user(request, f"{explained} explained.")


def _amount(minor: int | None, currency: str) -> str:
    return "-" if minor is None else Money(minor, currency).format()


@admin.register(StripeTransaction)
class StripeTransactionAdmin(ReadOnly, ModelAdmin):
    list_display = ["created", "id", "type", "source", "amount_minor", "fee_minor", "currency", "key"]
    list_filter = ["type", "currency"]
    search_fields = ["id", "source", "key"]
    ordering = ["-created", "-id"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in StripeTransaction._meta.fields]
