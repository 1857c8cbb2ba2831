"""Public schema: the books, what Stripe told us, and what sellers are paid. Every row of a seller names the tenant."""

from payouts.models.charge import Charge
from payouts.models.dispute import OPEN_STATUSES, Dispute
from payouts.models.hold import Debt, Reserve, WriteOff
from payouts.models.invoice import CommissionInvoice, InvoiceSeries
from payouts.models.ledger import (
    AccountKind,
    EntryPart,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    UnpaidEntry,
)
from payouts.models.payout import Payout, PayoutEntry, PayoutStatus, ReversalStatus, TransferReversal
from payouts.models.reconciliation import Difference, DifferenceKind, DifferenceState, StripeTransaction
from payouts.models.seller import (
    CommissionReturn,
    CommissionRule,
    FeeBearer,
    PayoutSchedule,
    SellerAccount,
)
from payouts.models.stripe_event import EventState, StripeEvent, Watermark

__all__ = [
    "OPEN_STATUSES",
    "AccountKind",
    "Charge",
    "CommissionInvoice",
    "CommissionReturn",
    "CommissionRule",
    "Debt",
    "Difference",
    "DifferenceKind",
    "DifferenceState",
    "Dispute",
    "EntryPart",
    "EventState",
    "FeeBearer",
    "InvoiceSeries",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerTransaction",
    "Payout",
    "PayoutEntry",
    "PayoutSchedule",
    "PayoutStatus",
    "Reserve",
    "ReversalStatus",
    "SellerAccount",
    "StripeEvent",
    "StripeTransaction",
    "TransferReversal",
    "UnpaidEntry",
    "Watermark",
    "WriteOff",
]
