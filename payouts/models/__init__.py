"""Public schema: the books, what Stripe told us, and what sellers are paid. Every row of a seller names the tenant."""

from payouts.models.charge import Charge
from payouts.models.ledger import AccountKind, EntryPart, LedgerAccount, LedgerEntry, LedgerTransaction
from payouts.models.payout import Payout, PayoutEntry, PayoutStatus
from payouts.models.seller import CommissionRule, FeeBearer, SellerAccount
from payouts.models.stripe_event import EventState, StripeEvent, Watermark

__all__ = [
    "AccountKind",
    "Charge",
    "CommissionRule",
    "EntryPart",
    "EventState",
    "FeeBearer",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerTransaction",
    "Payout",
    "PayoutEntry",
    "PayoutStatus",
    "SellerAccount",
    "StripeEvent",
    "Watermark",
]
