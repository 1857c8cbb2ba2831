"""What Stripe tells us: verified, stored once, answered at once, applied by a job.

An event is a hint where to look. Applying one reads the object from Stripe, so events may come twice, late, out of
order or never: `sweep_events` lists what Stripe sent and picks up what did not arrive.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import stripe
import structlog
from django.conf import settings
from django.db import connection, transaction

from core.clock import now
from core.db import marketplace_work
from core.errors import Invalid
from core.jobs import enqueue
from core.jobs.worker import TenantGone
from core.parsers import parse_json
from core.renderers import dumps
from payouts.models import Charge, EventState, Payout, SellerAccount, StripeEvent, Watermark
from services.account_services import sync_account
from services.audit_services import record_audit
from services.debt_services import sync_reversals
from services.dispute_services import sync_dispute
from services.payment_services import sync_intent
from services.refund_services import sync_refunds
from services.stripe_event_services import reduce_event
from services.stripe_gateway import plain, stripe_api
from services.stripe_outcomes import NothingLeft, NotOurs, Quarantined, TooLate
from services.stripe_privacy import without_person
from services.transfer_services import send_payout, sync_bank_payout
from tenants.context import tenant_scope
from tenants.models import Tenant

log = structlog.get_logger("souk.webhooks")
SWEEP = "stripe_events"
SWEEP_OVERLAP = timedelta(hours=1)
FIRST_SWEEP = timedelta(days=3)
BOOKS_ALONE = "booked; the storefront was erased"


class BadSignature(Invalid):
    """The request was not signed by Stripe with a secret of ours, or not recently."""

    code = "bad_signature"
    title = "The signature is not valid"
    detail = "{reason}"


def verify(*, payload: bytes, signature: str) -> dict[str, Any]:
    """The event, if the raw body carries a valid signature of one of our secrets within the tolerance, past or future.

    Two secrets may be valid at once while one is rotated. Those of the test mode vouch for its events only. Raises
    BadSignature.
    """
    tolerance = settings.STRIPE_WEBHOOK_TOLERANCE_SECONDS
    for secret in (*settings.STRIPE_WEBHOOK_SECRETS, *settings.STRIPE_TEST_WEBHOOK_SECRETS):
        try:
            stripe.WebhookSignature.verify_header(
                payload.decode("utf-8"), signature, secret, tolerance=tolerance
            )
            break
        except (stripe.SignatureVerificationError, UnicodeDecodeError, ValueError):
            continue
    else:
        raise BadSignature(field="Stripe-Signature", reason="no secret of this endpoint fits")
    # The SDK refuses old timestamps only; one from the future would stay valid for long.
    signed_at = next(
        (int(part[2:]) for part in signature.split(",") if part.startswith("t=") and part[2:].isdigit()), 0
    )
    if signed_at > now().timestamp() + tolerance:
        raise BadSignature(field="Stripe-Signature", reason="the timestamp is in the future")
    event = parse_json(payload)
    if not isinstance(event, dict) or event.get("object") != "event" or not isinstance(event.get("id"), str):
        raise BadSignature(field="body", reason="this is not an event")
    if event.get("livemode") and secret not in settings.STRIPE_WEBHOOK_SECRETS:
        raise BadSignature(
            field="Stripe-Signature", reason="a secret of the test mode, and an event that is not"
        )
    return event


def receive_stripe_event(*, payload: bytes, signature: str) -> bool:
    """Store a verified event once and ask for it to be applied. Returns False for one we have. Raises BadSignature."""
    return store_event(verify(payload=payload, signature=signature))


@marketplace_work
def store_event(event: dict[str, Any]) -> bool:
    """Insert the event and its job in one transaction; an event of the other mode is kept and ignored.

    Of people nothing is stored: whatever an event tells of them is read from Stripe again where it is needed.
    """
    target = (event.get("data") or {}).get("object") or {}
    foreign_mode = not is_heard(livemode=bool(event.get("livemode")))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.payouts_stripeevent (event_id, type, account, livemode, created, object_id, body, state, note, received_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (event_id) DO NOTHING",
            [
                event["id"][:80],
                str(event.get("type"))[:80],
                str(event.get("account") or "")[:80],
                bool(event.get("livemode")),
                datetime.fromtimestamp(event.get("created") or 0, UTC),
                str(target.get("id") or "")[:120],
                dumps(without_person(event)).decode(),
                EventState.IGNORED if foreign_mode else EventState.RECEIVED,
                "another mode than ours" if foreign_mode else "",
                now(),
            ],
        )
        is_new = bool(cursor.rowcount)
        if is_new and not foreign_mode:
            enqueue("stripe_event.apply", event_id=event["id"])
    return is_new


def is_heard(*, livemode: bool) -> bool:
    """Whether events of this mode matter here: our own mode's, and the test mode's, in which staging copies are paid."""
    return livemode == settings.STRIPE_LIVEMODE or (not livemode and bool(settings.STRIPE_TEST_SECRET_KEY))


# Applying ----------------------------------------------------------------------------------------------------------


@marketplace_work
def apply_stripe_event(*, event_id: str) -> StripeEvent:
    """Apply one stored event. Weather raises, and the job tries again; what does not fit is quarantined for a person."""
    row = StripeEvent.objects.get(pk=event_id)
    if row.state != EventState.RECEIVED:
        return row
    is_staging_only = row.livemode != settings.STRIPE_LIVEMODE
    handle = HANDLERS.get(row.type) if not is_staging_only or row.type in OF_STAGING_COPIES else None
    is_late = False
    try:
        note = handle(row) if handle else None
        state = EventState.APPLIED if handle else EventState.IGNORED
        is_late = note == BOOKS_ALONE
    except (NotOurs, Charge.DoesNotExist) as error:
        state, note, is_late = EventState.IGNORED, f"not ours: {error}", isinstance(error, NothingLeft)
    except (Quarantined, TenantGone) as error:
        state, note, is_late = EventState.QUARANTINED, str(error), isinstance(error, TooLate)
        log.error("stripe_event.quarantined", event_id=event_id, type=row.type, reason=str(error))
    StripeEvent.objects.filter(pk=event_id, state=EventState.RECEIVED).update(
        state=state, note=(note or "")[:300], handled_at=now()
    )
    if is_late:
        reduce_event(event_id)  # what Stripe tells of the people of an erased storefront is not kept
    row.refresh_from_db()
    return row


def _object(row: StripeEvent) -> dict[str, Any]:
    return (row.body.get("data") or {}).get("object") or {}


def _intent_event(row: StripeEvent) -> str | None:
    _follow(row, row.object_id)
    return None


def _follow(row: StripeEvent, intent_id: str) -> Tenant:
    """Apply the intent that an event is about, read in the event's mode. In another mode than its storefront is paid in it
    is quarantined."""
    _platform_only(row)
    return sync_intent(intent_id, livemode=row.livemode)


def _record_refunds(tenant: Tenant | None, charge_id: str) -> None:
    """A staging copy's charge is in no books, so it is looked for in the copy."""
    if tenant is None or tenant.keeps_books:
        sync_refunds(charge_id=charge_id)
        return
    with tenant_scope(tenant):
        sync_refunds(charge_id=charge_id)


def _session_event(row: StripeEvent) -> str | None:
    _platform_only(row)
    intent = _object(row).get("payment_intent")
    if intent is None:
        return "no payment was made on this page"
    _follow(row, intent if isinstance(intent, str) else intent["id"])
    return None


def _charge_event(row: StripeEvent) -> str | None:
    """The intent first, so that a refund or fee that is told before its capture finds the capture booked."""
    _platform_only(row)
    intent = _object(row).get("payment_intent")
    if not intent:
        raise NotOurs("a charge without a payment intent")
    tenant = _follow(row, intent if isinstance(intent, str) else intent["id"])
    if row.type.startswith("charge.refund"):
        _record_refunds(tenant, row.object_id)
    return None


def _refund_event(row: StripeEvent) -> str | None:
    _platform_only(row)
    refund = _object(row)
    tenant = None
    if intent := refund.get("payment_intent"):
        tenant = _follow(row, intent if isinstance(intent, str) else intent["id"])
    charge = refund.get("charge")
    if not charge:
        raise NotOurs("a refund without a charge")
    _record_refunds(tenant, charge if isinstance(charge, str) else charge["id"])
    return None


def _dispute_event(row: StripeEvent) -> str | None:
    _platform_only(row)
    return None if sync_dispute(row.object_id) else BOOKS_ALONE


def _account_event(row: StripeEvent) -> str | None:
    """Only the account that Stripe names as the sender is read, whatever the object says."""
    account_id = (
        row.account
        or (row.object_id if row.object_id.startswith("acct_") else "")
        or str(_object(row).get("account") or "")
    )
    if row.type == "account.application.deauthorized":
        SellerAccount.objects.filter(stripe_account_id=account_id).update(
            payouts_enabled=False, transfers_active=False, refreshed_at=now()
        )
        return None
    if sync_account(stripe_account_id=account_id) is None:
        if SellerAccount.objects.filter(stripe_account_id=account_id).exists():
            raise NothingLeft(f"account {account_id} of an erased storefront")
        raise NotOurs(f"account {account_id}")
    return None


def _transfer_event(row: StripeEvent) -> str | None:
    """Our own transfers are recorded by the payout that made them; unknown ones are reported, not adopted."""
    _platform_only(row)
    group = str(_object(row).get("transfer_group") or "")
    known = (
        Payout.objects.filter(transfer_id=row.object_id).exists()
        or Payout.objects.filter(pk=_payout_id(group)).exists()
    )
    if not known:
        raise Quarantined(f"transfer {row.object_id} was not made by a payout of ours")
    if row.type == "transfer.reversed" or _object(row).get("amount_reversed"):
        if not Payout.objects.filter(transfer_id=row.object_id).exists():
            payout = send_payout(payout_id=_payout_id(group))  # told before the transfer was recorded
            if payout.transfer_id != row.object_id:
                raise Quarantined(
                    f"transfer {row.object_id} came back, payout {payout.pk} is {payout.status}"
                )
        return f"{sync_reversals(transfer_id=row.object_id)} reversals"
    return None


def _payout_id(group: str) -> UUID:
    """The payout a transfer group names, or an id that nothing has."""
    try:
        return UUID(group.removeprefix("payout:"))
    except ValueError:
        return UUID(int=0)


def _bank_event(row: StripeEvent) -> str | None:
    """The connected account's own payout to its bank."""
    if not row.account or not SellerAccount.objects.filter(stripe_account_id=row.account).exists():
        raise NotOurs(f"account {row.account}")
    moved = sync_bank_payout(stripe_account_id=row.account, bank_payout_id=row.object_id)
    return f"{moved} payouts followed"


def _platform_only(row: StripeEvent) -> None:
    if row.account:
        raise NotOurs(f"an object of the connected account {row.account}")


HANDLERS: dict[str, Callable[[StripeEvent], str | None]] = {
    "payment_intent.succeeded": _intent_event,
    "payment_intent.payment_failed": _intent_event,
    "payment_intent.canceled": _intent_event,
    "payment_intent.amount_capturable_updated": _intent_event,
    "checkout.session.completed": _session_event,
    "checkout.session.async_payment_succeeded": _session_event,
    "checkout.session.async_payment_failed": _session_event,
    "charge.succeeded": _charge_event,
    "charge.captured": _charge_event,
    "charge.expired": _charge_event,
    "charge.updated": _charge_event,
    "charge.refunded": _charge_event,
    "charge.refund.updated": _refund_event,
    "refund.created": _refund_event,
    "refund.updated": _refund_event,
    "refund.failed": _refund_event,
    "charge.dispute.created": _dispute_event,
    "charge.dispute.updated": _dispute_event,
    "charge.dispute.funds_withdrawn": _dispute_event,
    "charge.dispute.funds_reinstated": _dispute_event,
    "charge.dispute.closed": _dispute_event,
    "account.updated": _account_event,
    "account.application.deauthorized": _account_event,
    "capability.updated": _account_event,
    "transfer.created": _transfer_event,
    "transfer.updated": _transfer_event,
    "transfer.reversed": _transfer_event,
    "payout.paid": _bank_event,
    "payout.failed": _bank_event,
}


# Nothing else happens to a staging copy at Stripe: its disputes are nobody's, and it is not paid out.
OF_STAGING_COPIES = frozenset(
    name
    for name, handle in HANDLERS.items()
    if handle in (_intent_event, _session_event, _charge_event, _refund_event)
)


# Events that never arrived -----------------------------------------------------------------------------------------


@marketplace_work
def sweep_events() -> int:
    """List what Stripe has sent since the last sweep (with an overlap) and store what we lack. Returns how many.

    The watermark moves only when the whole list was read, so that an outage of days is caught up in one go.
    """
    started = now()
    mark = Watermark.objects.filter(name=SWEEP).first()
    since = (mark.at if mark else started - FIRST_SWEEP) - SWEEP_OVERLAP
    with stripe_api() as api:
        listed = api.v1.events.list(params={"created": {"gte": int(since.timestamp())}, "limit": 100})
        found = sum(store_event(plain(event)) for event in listed.auto_paging_iter())
    Watermark.objects.update_or_create(name=SWEEP, defaults={"at": started})
    if found:
        log.warning("stripe_event.sweep_found", events=found)
    return found


@marketplace_work
def retry_event(event_id: str) -> None:
    """The operator's button: apply a quarantined or ignored event again."""
    with transaction.atomic():
        StripeEvent.objects.filter(pk=event_id).update(state=EventState.RECEIVED, note="", handled_at=None)
        enqueue("stripe_event.apply", event_id=event_id)


@marketplace_work
@transaction.atomic
def retry_events(*, event_ids: Sequence[str], actor_id: UUID) -> int:
    """The operator's button for several: each is applied again by a job. Returns how many.

    Those of Stripe's other mode are left alone: they are not about our money. Locks the events, by id.
    """
    ours = StripeEvent.objects.filter(pk__in=event_ids, livemode=settings.STRIPE_LIVEMODE)
    found = list(ours.select_for_update().order_by("pk").values_list("pk", flat=True))
    for event_id in found:
        retry_event(event_id)
    if found:
        record_audit("events.retried", actor_id=actor_id, count=len(found), events=",".join(found[:20]))
    return len(found)
