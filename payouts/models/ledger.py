from django.db import models
from django.db.models import Q


class AccountKind(models.TextChoices):
    """Who holds it. Assets and expenses grow with +, liabilities and income with -."""

    STRIPE_BALANCE = "stripe_balance"
    SELLER_PAYABLE = "seller_payable"
    SELLER_RESERVE = "seller_reserve"
    DISPUTE_HOLD = "dispute_hold"
    COMMISSION_INCOME = "commission_income"
    PROCESSING_FEES = "processing_fees"
    PROMOTION_FUNDING = "promotion_funding"
    DISPUTE_LOSSES = "dispute_losses"
    WRITE_OFFS = "write_offs"
    COMMISSION_TAX = "commission_tax"


class LedgerAccount(models.Model):
    """One holder of money in one currency; the marketplace's own have no tenant.

    A seller's account carries its running balance: PostgreSQL adds each entry to it as it is posted, nobody else may
    write it, and `audit` derives it again. The marketplace's own are summed when asked: every sale would wait for one row.
    """

    kind = models.CharField(max_length=20, choices=AccountKind.choices)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=3)
    balance_minor = models.BigIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "tenant", "currency"], name="ledger_account_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["seller_payable", "seller_reserve", "dispute_hold"], tenant__isnull=False
                )
                | ~Q(kind__in=["seller_payable", "seller_reserve", "dispute_hold"]) & Q(tenant=None),
                name="ledger_account_holder",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.currency}"


class LedgerTransaction(models.Model):
    """One fact, booked once: `key` names the fact. Its entries sum to zero per currency.

    PostgreSQL refuses to change or delete it, to add entries to it later, and to commit it unbalanced
    (payouts/migrations/0003_ledger_guards.py). A mistake is undone by a new transaction.
    """

    key = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=30)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, null=True, related_name="+")
    order_id = models.UUIDField(null=True)
    facts = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()
    posted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "order_id"], name="ledger_tx_by_order"),
            models.Index(fields=["tenant", "posted_at"], name="ledger_tx_by_tenant"),
        ]

    def __str__(self) -> str:
        return self.key


class EntryPart(models.TextChoices):
    """What a leg stands for on a statement."""

    SALE = "sale"
    COMMISSION = "commission"
    FEE = "fee"
    REFUND = "refund"
    COMMISSION_RETURNED = "commission_returned"
    TRANSFER = "transfer"
    COMMISSION_TAX = "commission_tax"
    COMMISSION_TAX_RETURNED = "commission_tax_returned"
    FUNDING = "funding"
    FUNDING_RETURNED = "funding_returned"
    DISPUTE = "dispute"
    DISPUTE_FEE = "dispute_fee"
    RESERVE_HELD = "reserve_held"
    RESERVE_RELEASED = "reserve_released"
    REVERSAL = "reversal"
    WRITE_OFF = "write_off"


class LedgerEntry(models.Model):
    """One signed leg of a transaction. An entry of a charge is available to the seller when the charge is."""

    transaction = models.ForeignKey(LedgerTransaction, on_delete=models.PROTECT, related_name="entries")
    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="entries")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    part = models.CharField(max_length=25, choices=EntryPart.choices)
    charge = models.ForeignKey("payouts.Charge", on_delete=models.PROTECT, null=True, related_name="entries")

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["account", "id"], name="ledger_entry_by_account")]
        constraints = [models.CheckConstraint(condition=~Q(amount_minor=0), name="ledger_entry_not_zero")]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency}"


class UnpaidEntry(models.Model):
    """An entry of what a seller is owed that no living payout has claimed: the list a payout run gathers from.

    Written by PostgreSQL when the entry is posted (transfers are never gathered); a payout that claims the entry takes
    the row away, one that fails puts it back.
    """

    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, primary_key=True, related_name="+")
    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="unpaid")
    charge = models.ForeignKey("payouts.Charge", on_delete=models.PROTECT, null=True, related_name="+")
    amount_minor = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "unpaid entries"

    def __str__(self) -> str:
        return f"{self.amount_minor} unpaid"
