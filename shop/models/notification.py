from django.db import models
from django.db.models import Q

from core.ids import new_id
from shop.models.base import TenantModel


class MailState(models.TextChoices):
    NONE = "none"
    QUEUED = "queued"
    SENT = "sent"


class Notification(TenantModel):
    """Something a person should know: shown in the shop, and mailed where there is an address.

    `recipient_id` is a buyer's user; None is the storefront's staff. `dedupe_key` names the fact it tells, so that a
    fact is told once.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    recipient_id = models.UUIDField(null=True)
    for_staff = models.BooleanField(default=False)
    email = models.EmailField(max_length=254, blank=True)
    type = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    message = models.TextField()
    order_id = models.UUIDField(null=True)
    dedupe_key = models.CharField(max_length=200, unique=True)
    is_read = models.BooleanField(default=False)
    mail_state = models.CharField(max_length=6, choices=MailState.choices, default=MailState.NONE)
    mailed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["for_staff", "-created_at"], name="notification_staff"),
            models.Index(
                fields=["recipient_id", "-created_at"],
                condition=Q(recipient_id__isnull=False),
                name="notification_person",
            ),
            models.Index(
                fields=["created_at"], condition=Q(for_staff=True, is_read=False), name="notification_unread"
            ),
        ]

    def __str__(self) -> str:
        return self.title
