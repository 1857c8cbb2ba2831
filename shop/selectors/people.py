"""Reading what belongs to a person, or to the storefront's staff."""

from uuid import UUID

from django.db.models import QuerySet

from shop.models import Address, Notification


def addresses_of(user_id: UUID) -> QuerySet[Address]:
    """The default first."""
    return Address.objects.filter(user_id=user_id)


def notifications_of(user_id: UUID) -> QuerySet[Notification]:
    """Newest first."""
    return Notification.objects.filter(recipient_id=user_id).order_by("-created_at", "-id")


def staff_notifications() -> QuerySet[Notification]:
    """What the storefront's staff was told, newest first."""
    return Notification.objects.filter(for_staff=True).order_by("-created_at", "-id")
