from django.db import models
from django.db.models import Q


class EventState(models.TextChoices):
    RECEIVED = "received"
    APPLIED = "applied"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class StripeEvent(models.Model):
    """The inbox: each event Stripe told us, once. Events are hints; the state is read from Stripe when one is applied.

    received -> applied | ignored (not for us, or of no use) | quarantined (does not fit our books: a person looks).
    """

    event_id = models.CharField(max_length=80, primary_key=True)
    type = models.CharField(max_length=80)
    account = models.CharField(max_length=80, blank=True)
    livemode = models.BooleanField()
    created = models.DateTimeField()
    object_id = models.CharField(max_length=120, blank=True)
    body = models.JSONField()
    state = models.CharField(max_length=11, choices=EventState.choices, default=EventState.RECEIVED)
    note = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["received_at"], condition=Q(state="received"), name="stripe_event_waiting"),
            models.Index(fields=["-created"], include=["type", "state"], name="stripe_event_by_time"),
            models.Index(
                fields=["state", "-created"],
                condition=Q(state__in=["received", "quarantined"]),
                name="stripe_event_to_look_at",
            ),
            models.Index(fields=["object_id"], name="stripe_event_by_object"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=EventState.values), name="stripe_event_state_known")
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class Watermark(models.Model):
    """How far a sweep over Stripe's lists has come."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.at}"
