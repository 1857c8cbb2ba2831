"""Reading what belongs to a person, or to the storefront's staff."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet

from core.errors import NotFound
from shop.models import Address, Notification


def addresses_of(user_id: UUID) -> QuerySet[Address]:
    """The default first."""
    return Address.objects.filter(user_id=user_id)


def notifications_of(user_id: UUID) -> QuerySet[Notification]:
    """Newest first."""
    return Notification.objects.filter(recipient_id=user_id).order_by("-created_at", "-id")


def staff_notifications(*, types: Collection[str] = (), only_unread: bool = False) -> QuerySet[Notification]:
    """What the storefront's staff was told, newest first; only of some types, or what nobody has read."""
    found = Notification.objects.filter(for_staff=True).order_by("-created_at", "-id")
    if types:
        found = found.filter(type__in=types)
    return found.filter(is_read=False) if only_unread else found


def staff_notification(notification_id: UUID) -> Notification:
    """One of them. Raises NotFound."""
    found = Notification.objects.filter(for_staff=True, pk=notification_id).first()
    if found is None:
        raise NotFound(what="notification")
    return found
