"""The only door to Stripe. Every call happens outside of transactions; weather becomes `Unavailable`.

Without a real key the same SDK talks to `stripe_local` (STRIPE_API_BASE).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import stripe
from django.conf import settings

from core.db import must_be_outside_transaction
from core.errors import Conflict, Unavailable

API_VERSION = "2026-10-28.endive"


class PaymentProviderUnavailable(Unavailable):
    """Stripe does not answer, or not now. Facts: retry_after."""

    code = "payment_provider_unavailable"
    title = "The payment provider does not answer right now"
    detail = "Nothing was charged. Try again in {retry_after} seconds."


class PaymentProviderRefused(Conflict):
    """Stripe understood and said no. Facts: reason_code, reason."""

    code = "payment_provider_refused"
    title = "The payment provider refused this"
    detail = "{reason}"


@lru_cache(maxsize=4)
def _client(key: str, api_base: str, timeout: int) -> stripe.StripeClient:
    options: dict[str, Any] = {"base_addresses": {"api": api_base}} if api_base else {}
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=2,
        http_client=stripe.RequestsClient(timeout=timeout),
        **options,
    )


@contextmanager
def stripe_api() -> Iterator[stripe.StripeClient]:
    """Stripe's client for a call or a few. Raises InTransaction (a bug), PaymentProviderUnavailable, PaymentProviderRefused."""
    must_be_outside_transaction()
    try:
        yield _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, settings.STRIPE_TIMEOUT_SECONDS)
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise PaymentProviderUnavailable(retry_after=5) from error
    except (stripe.InvalidRequestError, stripe.CardError, stripe.PermissionError) as error:
        reason = error.user_message or str(error)
        raise PaymentProviderRefused(reason_code=error.code or "", reason=reason[:300]) from error
    except stripe.StripeError as error:
        raise PaymentProviderUnavailable(retry_after=5) from error


def plain(resource: Any) -> dict[str, Any]:
    """A Stripe object as plain JSON values."""
    return resource.to_dict() if hasattr(resource, "to_dict") else dict(resource)
