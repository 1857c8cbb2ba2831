from datetime import datetime
from uuid import UUID

from django.db import models
from django.db.models import Q
from django_fsm import FSMField, FSMModelMixin, transition


class StripeTransaction(models.Model):
    """Our copy of a balance transaction at Stripe, read page by page. Stripe never changes one.

    `key` is the natural key of the ledger transaction that must book it, blank where Souk books no such thing.
    """

    id = models.CharField(max_length=80, primary_key=True)
    type = models.CharField(max_length=60)
    source = models.CharField(max_length=120, blank=True)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    created = models.DateTimeField()
    available_on = models.DateTimeField()
    key = models.CharField(max_length=160, blank=True)
    read_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["created"], name="stripe_tx_by_time"),
            models.Index(fields=["key"], name="stripe_tx_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class DifferenceKind(models.TextChoices):
    ONLY_AT_STRIPE = "only_at_stripe"
    ONLY_IN_OUR_BOOKS = "only_in_our_books"
    AMOUNT_DIFFERS = "amount_differs"
    NOT_BOOKED_BY_SOUK = "not_booked_by_souk"
    BALANCE_DIFFERS = "balance_differs"


class DifferenceState(models.TextChoices):
    OPEN = "open"
    EXPLAINED = "explained"
    SOLVED = "solved"


class Difference(FSMModelMixin, models.Model):
    """One thing on which our books and Stripe disagree; kept when it is over. Nothing mends it but a new fact.

    open -> explained (an operator says why) -> solved; open -> solved (the next look does not find it); solved -> open
    when it comes back, explained -> open when it is by another amount than was explained. `subject` is a natural key, or
    Stripe's id of what Souk does not book; `day` (UTC) is when it happened, for a sum when it was first seen. The age of
    an open one counts from `first_seen_at`. `solved_by` is the booking that was missing, where that ended it.
    """

    kind = models.CharField(max_length=20, choices=DifferenceKind.choices)
    subject = models.CharField(max_length=160)
    currency = models.CharField(max_length=3)
    day = models.DateField()
    ours_minor = models.BigIntegerField(null=True)
    theirs_minor = models.BigIntegerField(null=True)
    detail = models.CharField(max_length=300, blank=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    # The column has the name by which PostgreSQL guards all state machines (core/moves.py).
    state = FSMField(
        default=DifferenceState.OPEN, choices=DifferenceState.choices, protected=True, db_column="status"
    )
    note = models.CharField(max_length=300, blank=True)
    explained_by = models.UUIDField(null=True)
    solved_by = models.ForeignKey(
        "payouts.LedgerTransaction", on_delete=models.PROTECT, null=True, related_name="+"
    )
    solved_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "-first_seen_at", "-id"], name="difference_by_state")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject", "currency"], name="difference_once"),
            models.CheckConstraint(condition=Q(kind__in=DifferenceKind.values), name="difference_kind_known"),
            models.CheckConstraint(
                condition=Q(state__in=DifferenceState.values), name="difference_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="explained") | ~Q(note=""), name="difference_explained_has_note"
            ),
            models.CheckConstraint(
                condition=Q(state="solved", solved_at__isnull=False)
                | ~Q(state="solved") & Q(solved_at=None, solved_by=None),
                name="difference_solved_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"

    @property
    def gap_minor(self) -> int:
        """What Stripe has more than our books."""
        return (self.theirs_minor or 0) - (self.ours_minor or 0)

    def age_days(self, at: datetime) -> int:
        """For how many whole days it has been known; of a solved one, for how long it was."""
        return max(((self.solved_at or at) - self.first_seen_at).days, 0)

    @transition(field=state, source=DifferenceState.OPEN, target=DifferenceState.EXPLAINED)
    def explain(self, *, note: str, actor_id: UUID | None) -> None:
        self.note, self.explained_by = note, actor_id

    @transition(
        field=state, source=[DifferenceState.OPEN, DifferenceState.EXPLAINED], target=DifferenceState.SOLVED
    )
    def solve(self, *, at: datetime) -> None:
        self.solved_at = at

    @transition(
        field=state, source=[DifferenceState.SOLVED, DifferenceState.EXPLAINED], target=DifferenceState.OPEN
    )
    def reopen(self) -> None:
        self.solved_at = self.solved_by = None
