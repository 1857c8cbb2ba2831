"""The only door to Stripe. Every call happens outside of transactions; weather becomes `Unavailable`.

Without a real key the same SDK talks to `stripe_local` (STRIPE_API_BASE).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import stripe
import urllib3
from django.conf import settings
from django.utils.translation import gettext_noop

from core.db import must_be_outside_transaction, tenant_connection
from core.errors import Conflict, Unavailable

API_VERSION = "2026-10-28.endive"
RETRIES = 2
# Stripe repeats a payment's on its balance transactions: by it reconciliation knows that they are in nobody's books.
STAGING_DESCRIPTION = "Souk staging copy"
LIVE_KEYS = ("sk_live_", "rk_live_")


class PaymentProviderUnavailable(Unavailable):
    """Stripe does not answer, or not now. Facts: retry_after."""

    code = "payment_provider_unavailable"
    title = gettext_noop("The payment provider does not answer right now")
    detail = gettext_noop("Nothing was charged. Try again in {retry_after} seconds.")


class PaymentProviderRefused(Conflict):
    """Stripe understood and said no. Facts: reason_code, reason."""

    code = "payment_provider_refused"
    title = gettext_noop("The payment provider refused this")
    detail = gettext_noop("{reason}")


class NoTestKey(Conflict):
    """A staging copy pays in Stripe's test mode, and this installation has no key of it."""

    code = "no_test_key"
    title = gettext_noop("This staging copy takes no payments")
    detail = gettext_noop("This staging copy takes no payments: set STRIPE_TEST_SECRET_KEY")


class PooledClient(stripe.HTTPClient):
    """The SDK's transport on urllib3's pool alone: connections stay open, and each call costs half of what requests takes."""

    name = "urllib3"

    def __init__(self, timeout: int) -> None:
        super().__init__(verify_ssl_certs=True)
        self._timeout = urllib3.Timeout(timeout)
        self._pool = urllib3.PoolManager(
            maxsize=16, retries=False, cert_reqs="CERT_REQUIRED", ca_certs=stripe.ca_bundle_path
        )

    def request(  # type: ignore[override]
        self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any
    ) -> tuple[bytes, int, Any]:
        """One call; the SDK above it retries. Raises stripe.APIConnectionError."""
        try:
            answer = self._pool.request(
                method.upper(),
                url,
                body=post_data,
                headers=dict(headers or {}),
                timeout=self._timeout,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise stripe.APIConnectionError(f"{type(error).__name__}: {error}", should_retry=True) from error
        return answer.data, answer.status, answer.headers

    def close(self) -> None:
        """Close the pool's connections."""
        self._pool.clear()


@lru_cache(maxsize=4)
def _client(key: str, api_base: str, timeout: int, retries: int) -> stripe.StripeClient:
    options: dict[str, Any] = {"base_addresses": {"api": api_base}} if api_base else {}
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=retries,
        http_client=PooledClient(timeout),
        **options,
    )


def is_livemode() -> bool:
    """In which of Stripe's modes the storefront being served is paid. Staging copies know the test mode only."""
    return bool(settings.STRIPE_LIVEMODE) and not getattr(tenant_connection.tenant, "is_staging", False)


def own_key(name: str) -> str:
    """An idempotency key for Stripe. A staging copy's rows have the ids of those they were copied from, so it adds its own."""
    tenant = tenant_connection.tenant
    return f"{tenant.schema_name}:{name}" if getattr(tenant, "is_staging", False) else name


def _secret_key(*, livemode: bool) -> str:
    """Raises NoTestKey."""
    if livemode or not settings.STRIPE_LIVEMODE:
        return str(settings.STRIPE_SECRET_KEY)
    key = str(settings.STRIPE_TEST_SECRET_KEY)
    if not key or key.startswith(LIVE_KEYS):
        raise NoTestKey()
    return key


@contextmanager
def stripe_api(
    *, patience_seconds: int | None = None, livemode: bool | None = None
) -> Iterator[stripe.StripeClient]:
    """Stripe's client for a call or a few. Raises InTransaction (a bug), PaymentProviderUnavailable, PaymentProviderRefused,
    and NoTestKey where a staging copy is served and there is none.

    `livemode`: of which of Stripe's modes, where that is not the mode of the storefront being served. `patience_seconds`:
    each call is tried once and given up after that, where somebody waits for a page that can do without.
    """
    must_be_outside_transaction()
    key = _secret_key(livemode=is_livemode() if livemode is None else livemode)
    timeout, retries = settings.STRIPE_TIMEOUT_SECONDS, RETRIES
    if patience_seconds is not None:
        timeout, retries = min(patience_seconds, timeout), 0
    try:
        yield _client(key, settings.STRIPE_API_BASE, timeout, retries)
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
