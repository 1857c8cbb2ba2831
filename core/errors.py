"""What the house may refuse, as a tree. HTTP statuses are in `core.problems`, in one table.

DomainError
├── Invalid           400  the request contradicts itself or a rule of its own fields
├── NotFound          404  there is no such thing for this caller
├── Refused           403  the caller may not
├── Conflict          409  the request is fine, but not in this state
├── Misused           422  an Idempotency-Key was used for something else
├── TooMany           429  tried too often
└── Unavailable       503  weather: a lock, a dependency; try again
"""

from typing import ClassVar

from django.utils.translation import gettext, gettext_noop


class DomainError(Exception):
    """Souk said no, and the caller can act on it. Anything else is a bug and stays a 500.

    `facts` are safe to show; `detail` is the sentence for a person, formatted with the facts.
    """

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = gettext_noop("Refused")
    detail: ClassVar[str] = ""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(f"{self.code}: {facts}")

    @property
    def sentence(self) -> str:
        """What happened and what to do, for a person."""
        return gettext(self.detail).format(**self.facts) if self.detail else gettext(self.title)


class Invalid(DomainError):
    """A rule about the values sent. Facts: field, reason."""

    code = "invalid"
    title = gettext_noop("Not valid")
    detail = "{field}: {reason}"

    def __init__(self, field: str = "body", reason: str = "is not valid", **facts: object) -> None:
        super().__init__(field=field, reason=reason, **facts)


class NotFound(DomainError):
    """There is no such thing, or it is not the caller's: both look the same."""

    code = "not_found"
    title = gettext_noop("Not found")


class Refused(DomainError):
    """The caller is known, and may not."""

    code = "forbidden"
    title = gettext_noop("Not allowed")


class Conflict(DomainError):
    """The request is fine, but not in this state."""

    code = "conflict"
    title = gettext_noop("Not possible in this state")


class Misused(DomainError):
    """An Idempotency-Key that was already used for another request."""

    code = "idempotency_key_reused"
    title = gettext_noop("Idempotency-Key was used for another request")
    detail = gettext_noop("Send a new Idempotency-Key with a new request.")


class TooMany(DomainError):
    """Tried too often. Facts: retry_after (seconds)."""

    code = "too_many_attempts"
    title = gettext_noop("Too many attempts")
    detail = gettext_noop("Try again in {retry_after} seconds.")


class Unavailable(DomainError):
    """Weather: something Souk depends on does not answer. Facts: retry_after (seconds)."""

    code = "unavailable"
    title = gettext_noop("Try again shortly")

    def __init__(self, retry_after: int = 5, **facts: object) -> None:
        super().__init__(retry_after=retry_after, **facts)


class IllegalTransition(Conflict):
    """A state machine has no such move. Facts: what, state, move."""

    code = "illegal_transition"
    title = gettext_noop("Not possible in this state")
    detail = gettext_noop("{what} is {state}: {move} is not possible.")
