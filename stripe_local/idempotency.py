"""Idempotency keys under Stripe's rules: per account, 24 hours, one parameter set, one running request."""

import hashlib
from dataclasses import dataclass

from stripe_local.errors import ApiError
from stripe_local.store import Store

KEPT_SECONDS = 86_400
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer to the first request under a key."""

    status: int
    body: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a request's key promises: this account, this endpoint, these parameters."""

    account: str
    key: str
    endpoint: str
    digest: bytes


def ticket_for(*, account: str, key: str, endpoint: str, body: str) -> Ticket:
    """A ticket; refuses a key that is empty or too long. The order of the parameters does not matter."""
    if not 1 <= len(key) <= LONGEST_KEY:
        message = (
            f"Idempotency keys must have between 1 and {LONGEST_KEY} characters; this one has {len(key)}."
        )
        raise ApiError(message, is_stored=False)
    digest = hashlib.sha256("&".join(sorted(body.split("&"))).encode()).digest()
    return Ticket(account, key, endpoint, digest)


def kept_answer(store: Store, ticket: Ticket, *, now: int) -> KeptAnswer | None:
    """The first answer under this key, or None when it is new; refuses other parameters or another endpoint."""
    row = store.db.execute(
        "SELECT endpoint, digest, status, body, request_id, created FROM idempotency WHERE account = ? AND key = ?",
        (ticket.account, ticket.key),
    ).fetchone()
    if row is None or row[5] <= now - KEPT_SECONDS:
        return None
    endpoint, digest, status, body, request_id, _ = row
    if endpoint != ticket.endpoint:
        raise mismatch(
            ticket, f"for the same endpoint they were first used for ('{endpoint}' vs '{ticket.endpoint}')"
        )
    if digest != ticket.digest:
        raise mismatch(ticket, "with the same parameters they were first used with")
    return KeptAnswer(status, body, request_id)


def mismatch(ticket: Ticket, rule: str) -> ApiError:
    """The key means another request."""
    message = (
        f"Keys for idempotent requests can only be used {rule}. Try using a key other than '{ticket.key}' if you meant"
        " to execute a different request."
    )
    return ApiError(message, kind="idempotency_error", is_stored=False)


def in_use(ticket: Ticket) -> ApiError:
    """Another request under this key is running."""
    message = (
        f"There is currently another in-progress request using this Idempotent Key '{ticket.key}' (that probably means"
        " you submitted twice, and the other request is still going through). Please try again later."
    )
    return ApiError(
        message, status=409, kind="idempotency_error", code="idempotency_key_in_use", is_stored=False
    )


def keep(store: Store, ticket: Ticket, answer: KeptAnswer, *, now: int) -> None:
    """Remember the first answer."""
    store.db.execute(
        "INSERT OR REPLACE INTO idempotency (account, key, endpoint, digest, status, request_id, created, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            ticket.account,
            ticket.key,
            ticket.endpoint,
            ticket.digest,
            answer.status,
            answer.request_id,
            now,
            answer.body,
        ),
    )


def forget_old(store: Store, *, now: int) -> None:
    """Drop keys older than a day."""
    store.db.execute("DELETE FROM idempotency WHERE created <= ?", (now - KEPT_SECONDS,))
