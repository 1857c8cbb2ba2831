"""Faults on demand: what goes wrong with the next requests that match."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from stripe_local.errors import ApiError
from stripe_local.resources.funds import balance_insufficient

KINDS = ("delay", "drop_reply", "error_500", "error_429", "insufficient_balance")


@dataclass(slots=True)
class Fault:
    """`kind` befalls the next `times` requests whose `METHOD /path` is, or by `*` fits, `match`.

    `after_work`: a delay or an error 500 comes after the work was done and committed, not before.
    `is_stored`: an error 500 is replayed under the request's idempotency key, as Stripe does.
    """

    match: str
    kind: str
    times: int = 1
    seconds: float = 1.0
    after_work: bool = False
    is_stored: bool = True

    def fits(self, endpoint: str) -> bool:
        """Whether a request such as `POST /v1/refunds` is meant."""
        return self.times > 0 and fnmatchcase(endpoint, self.match)


@dataclass(slots=True)
class Faults:
    """The faults that are still to happen, first ordered first served."""

    waiting: list[Fault] = field(default_factory=list)

    def add(self, facts: dict[str, Any]) -> Fault:
        """Order a fault; raises ValueError for one that is not understood."""
        fault = Fault(**{"is_stored" if name == "stored" else name: value for name, value in facts.items()})
        if fault.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        self.waiting.append(fault)
        return fault

    def take(self, endpoint: str) -> Fault | None:
        """The fault that befalls this request, used up once."""
        for fault in self.waiting:
            if fault.fits(endpoint):
                fault.times -= 1
                self.waiting = [each for each in self.waiting if each.times > 0]
                return fault
        return None


def refusal_for(fault: Fault) -> ApiError | None:
    """The error that a fault answers with instead of doing the work."""
    if fault.kind == "error_429":
        return ApiError("Request rate limit exceeded.", status=429, code="rate_limit", is_stored=False)
    if fault.kind == "insufficient_balance":
        return balance_insufficient()
    if fault.kind == "error_500" and not fault.after_work:
        return server_error(is_stored=fault.is_stored)
    return None


def server_error(*, is_stored: bool = True) -> ApiError:
    """Something went wrong on our end."""
    return ApiError("An unknown error occurred.", status=500, kind="api_error", is_stored=is_stored)
