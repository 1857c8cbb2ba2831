"""What each fact posts: the table of "how money moves", one function per row.

Signs are written from our side: an asset or expense grows with +, a liability or income with -. Legs of nothing are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from payouts.models import (
    AccountKind,
    Charge,
    Dispute,
    EntryPart,
    FeeBearer,
    Payout,
    Reserve,
    TransferReversal,
    WriteOff,
)
from services.credit_services import Returned

PAYABLE, STRIPE = AccountKind.SELLER_PAYABLE, AccountKind.STRIPE_BALANCE
NOTHING = Returned()


@dataclass(frozen=True)
class Leg:
    """One entry to be posted."""

    kind: AccountKind
    amount_minor: int
    part: EntryPart


@dataclass(frozen=True)
class Fact:
    """One thing that happened to money, under its natural key. Its legs sum to zero."""

    key: str
    kind: str
    currency: str
    legs: Sequence[Leg]
    tenant_id: UUID | None
    occurred_at: datetime
    charge_id: str | None = None
    order_id: UUID | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def _of_charge(charge: Charge, key: str, kind: str, at: datetime, legs: Sequence[Leg], **facts: Any) -> Fact:
    return Fact(
        key, kind, charge.currency, legs, charge.tenant_id, at, charge.charge_id, charge.order_id, facts
    )


def _move(amount_minor: int, to: AccountKind, by: AccountKind, part: EntryPart) -> list[Leg]:
    """`to` grows by an amount that `by` loses."""
    return [Leg(to, amount_minor, part), Leg(by, -amount_minor, part)]


def _fee_account(bearer: str) -> AccountKind:
    return PAYABLE if bearer == FeeBearer.SELLER else AccountKind.PROCESSING_FEES


def capture(charge: Charge, taken: Returned) -> Fact:
    """A payment was captured: Stripe holds it, we owe it to the seller, less our commission with its tax.

    What the marketplace pays of a discount is owed to the seller on top. `taken` holds the three.
    """
    legs = [
        *_move(charge.amount_minor, STRIPE, PAYABLE, EntryPart.SALE),
        *_move(taken.commission_minor, PAYABLE, AccountKind.COMMISSION_INCOME, EntryPart.COMMISSION),
        *_move(taken.commission_tax_minor, PAYABLE, AccountKind.COMMISSION_TAX, EntryPart.COMMISSION_TAX),
        *_move(taken.funded_minor, AccountKind.PROMOTION_FUNDING, PAYABLE, EntryPart.FUNDING),
    ]
    return _of_charge(charge, f"charge:{charge.charge_id}", "capture", charge.captured_at, legs)


def fee(charge: Charge, *, bearer: str) -> Fact:
    """Stripe's fee of a charge, as Stripe reports it, borne as the order's rule says."""
    legs = _move(charge.fee_minor or 0, _fee_account(bearer), STRIPE, EntryPart.FEE)
    return _of_charge(charge, f"fee:{charge.balance_transaction_id}", "fee", charge.captured_at, legs)


def _giving_back(returned: Returned, sign: int = 1) -> list[Leg]:
    """Commission and its tax go back to the seller, the marketplace's part of the discount comes back to us."""
    return [
        *_move(
            sign * returned.commission_minor,
            AccountKind.COMMISSION_INCOME,
            PAYABLE,
            EntryPart.COMMISSION_RETURNED,
        ),
        *_move(
            sign * returned.commission_tax_minor,
            AccountKind.COMMISSION_TAX,
            PAYABLE,
            EntryPart.COMMISSION_TAX_RETURNED,
        ),
        *_move(
            sign * returned.funded_minor, PAYABLE, AccountKind.PROMOTION_FUNDING, EntryPart.FUNDING_RETURNED
        ),
    ]


def refund(charge: Charge, refund_id: str, amount_minor: int, returned: Returned, at: datetime) -> Fact:
    """A refund left Stripe's balance; the seller bears it. Stripe keeps its fee."""
    legs = [*_move(amount_minor, PAYABLE, STRIPE, EntryPart.REFUND), *_giving_back(returned)]
    return _of_charge(charge, f"refund:{refund_id}", "refund", at, legs)


def refund_failed(
    charge: Charge, refund_id: str, amount_minor: int, returned: Returned, at: datetime
) -> Fact:
    """The buyer's bank sent a refund back: the opposite of it."""
    legs = [*_move(-amount_minor, PAYABLE, STRIPE, EntryPart.REFUND), *_giving_back(returned, -1)]
    return _of_charge(charge, f"refund_failed:{refund_id}", "refund_failed", at, legs)


def dispute_withdrawn(
    dispute: Dispute, charge: Charge, *, amount_minor: int, fee_minor: int, bearer: str, at: datetime
) -> Fact:
    """Stripe took the disputed amount and its fee from our balance; the amount is held until the bank decides."""
    legs = [
        *_move(amount_minor, AccountKind.DISPUTE_HOLD, STRIPE, EntryPart.DISPUTE),
        *_move(fee_minor, _fee_account(bearer), STRIPE, EntryPart.DISPUTE_FEE),
    ]
    return _of_charge(charge, f"dispute:{dispute.dispute_id}:withdrawn", "dispute_withdrawn", at, legs)


def dispute_reinstated(
    dispute: Dispute, charge: Charge, *, amount_minor: int, fee_minor: int, bearer: str, at: datetime
) -> Fact:
    """The dispute was won: the amount is back, and the fee as far as Stripe returns it."""
    legs = [
        *_move(amount_minor, STRIPE, AccountKind.DISPUTE_HOLD, EntryPart.DISPUTE),
        *_move(fee_minor, STRIPE, _fee_account(bearer), EntryPart.DISPUTE_FEE),
    ]
    return _of_charge(charge, f"dispute:{dispute.dispute_id}:reinstated", "dispute_reinstated", at, legs)


def dispute_lost(
    dispute: Dispute, charge: Charge, *, sellers_minor: int, returned: Returned, at: datetime
) -> Fact:
    """The seller bears what was lost, up to what was left of the sale; anything above is the marketplace's loss."""
    legs = [
        *_move(sellers_minor, PAYABLE, AccountKind.DISPUTE_HOLD, EntryPart.DISPUTE),
        *_move(
            dispute.amount_minor - sellers_minor,
            AccountKind.DISPUTE_LOSSES,
            AccountKind.DISPUTE_HOLD,
            EntryPart.DISPUTE,
        ),
        *_giving_back(returned),
    ]
    return _of_charge(charge, f"dispute:{dispute.dispute_id}:lost", "dispute_lost", at, legs)


def transfer(payout: Payout, *, transfer_id: str, at: datetime) -> Fact:
    """Earnings moved to the seller's own balance at Stripe."""
    return Fact(
        key=f"transfer:{transfer_id}",
        kind="transfer",
        currency=payout.currency,
        legs=_move(payout.amount_minor, PAYABLE, STRIPE, EntryPart.TRANSFER),
        tenant_id=payout.tenant_id,
        occurred_at=at,
        facts={"payout_id": payout.pk},
    )


def transfer_reversal(reversal: TransferReversal, payout: Payout, *, reversal_id: str, at: datetime) -> Fact:
    """Part of a transfer came back to us: we owe it to the seller again, or it pays a debt."""
    return Fact(
        key=f"transfer_reversal:{reversal_id}",
        kind="transfer_reversal",
        currency=payout.currency,
        legs=_move(reversal.amount_minor, STRIPE, PAYABLE, EntryPart.REVERSAL),
        tenant_id=payout.tenant_id,
        occurred_at=at,
        facts={"payout_id": payout.pk, "reason": reversal.reason},
    )


def reserve_held(reserve: Reserve, charge: Charge) -> Fact:
    """A part of the sale is kept back."""
    legs = _move(reserve.amount_minor, PAYABLE, AccountKind.SELLER_RESERVE, EntryPart.RESERVE_HELD)
    return _of_charge(charge, f"reserve:{reserve.pk}:held", "reserve_held", reserve.held_at, legs)


def reserve_released(reserve: Reserve, charge: Charge, *, at: datetime) -> Fact:
    """It is the seller's again."""
    legs = _move(reserve.amount_minor, AccountKind.SELLER_RESERVE, PAYABLE, EntryPart.RESERVE_RELEASED)
    return _of_charge(charge, f"reserve:{reserve.pk}:released", "reserve_released", at, legs)


def write_off(row: WriteOff) -> Fact:
    """A debt that is given up: the marketplace bears it."""
    return Fact(
        key=f"write_off:{row.pk}",
        kind="write_off",
        currency=row.currency,
        legs=_move(row.amount_minor, AccountKind.WRITE_OFFS, PAYABLE, EntryPart.WRITE_OFF),
        tenant_id=row.tenant_id,
        occurred_at=row.created_at,
        facts={"reason": row.reason},
    )
