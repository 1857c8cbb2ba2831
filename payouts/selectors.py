"""What the operator reads of the money of all storefronts."""

from django.db.models import QuerySet

from payouts.models import Debt, Dispute


def debts() -> QuerySet[Debt]:
    """Who owes us, as of the last daily look."""
    return Debt.objects.select_related("account__tenant").order_by("-since", "-pk")


def disputes() -> QuerySet[Dispute]:
    """All storefronts' disputes."""
    return Dispute.objects.select_related("tenant").order_by("-opened_at", "-dispute_id")
