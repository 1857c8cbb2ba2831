"""Stripe's refusals: one exception whose body has the shape the SDK turns into its own error classes."""

from typing import Any


class ApiError(Exception):
    """A request that Stripe would refuse.

    `keeps_work` says that what was done before the refusal stays (a declined card leaves a failed charge);
    `is_stored` says that a retry under the same idempotency key gets this same answer.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        keeps_work: bool = False,
        is_stored: bool = True,
        **facts: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.keeps_work = keeps_work
        self.is_stored = is_stored
        error = {"code": code, "message": message, "param": param, "type": kind, **facts}
        self.error = {name: value for name, value in error.items() if value is not None}

    def body(self) -> dict[str, Any]:
        """The JSON document that is sent."""
        return {"error": self.error}


def bad_parameter(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """A parameter refused before any work began: not kept under the idempotency key."""
    return ApiError(message, param=param, code=code, is_stored=False)


def missing_parameter(param: str) -> ApiError:
    """A required parameter that was not sent."""
    return bad_parameter(f"Missing required param: {param}.", param=param, code="parameter_missing")


def no_such(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> ApiError:
    """An object that is not there, or not in this account."""
    noun = kind.replace(".", " ").replace("checkout session", "checkout.session")
    return ApiError(f"No such {noun}: '{object_id}'", status=status, code="resource_missing", param=param)


def unsupported(param: str) -> ApiError:
    """A parameter that Stripe knows and this server does not: refused loudly, never ignored."""
    return bad_parameter(f"This local server does not support the parameter {param}.", param=param)


def unexpected_state(intent: dict[str, Any], verb: str) -> ApiError:
    """A payment intent that cannot be `verb`ed in its present status."""
    return ApiError(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=intent,
    )
