"""Parts that several of Stripe's objects share."""

from typing import Any

NO_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}


def billing_details(*, email: str | None = None, name: str | None = None) -> dict[str, Any]:
    """Who pays, as far as known."""
    return {"address": dict(NO_ADDRESS), "email": email, "name": name, "phone": None, "tax_id": None}


def no_requirements() -> dict[str, Any]:
    """Requirements of an account or capability with nothing due."""
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": [],
        "disabled_reason": None,
        "errors": [],
        "eventually_due": [],
        "past_due": [],
        "pending_verification": [],
    }


def names(keys: str, value: Any = None) -> dict[str, Any]:
    """Many fields with one value: the parts of a shape that this server never fills in."""
    return dict.fromkeys(keys.split(), value)
