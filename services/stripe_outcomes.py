"""What may come of something that Stripe tells, other than that it is applied."""

from typing import Any


class Quarantined(Exception):
    """What Stripe says does not fit our books; a person has to look. The message says why."""


class NotOurs(Exception):
    """The object belongs to nothing we know: another system's."""


class NothingLeft(NotOurs):
    """It is of a storefront that was erased, and its money is where the books say."""


class TooLate(Quarantined):
    """Money of a storefront that was erased has moved since, which is not booked by itself."""


def charge_of(intent: dict[str, Any]) -> dict[str, Any]:
    """The charge that a payment intent took. Raises Quarantined."""
    charge = intent["latest_charge"]
    if not isinstance(charge, dict) or charge.get("status") != "succeeded":
        raise Quarantined(f"intent {intent['id']} is {intent['status']} without a charge that succeeded")
    return charge
