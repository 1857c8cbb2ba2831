"""Production. Refuses to start half-configured: each refusal names the variable and what to put there."""

from django.core.exceptions import ImproperlyConfigured

from .base import *  # noqa: F403
from .base import (
    ALLOWED_HOSTS,
    JWT_SIGNING_KEY,
    SCHEME,
    SECRET_KEY,
    STRIPE_API_BASE,
    STRIPE_WEBHOOK_SECRETS,
    env,
)


def production_faults() -> list[str]:
    """What makes this configuration unfit for production, one sentence each."""
    rules = [
        (env.bool("DEBUG", default=False), "DEBUG is on: unset DEBUG."),
        (
            len(SECRET_KEY) < 40 or "insecure" in SECRET_KEY,
            "SECRET_KEY is missing, short or a default: set 50 random characters.",
        ),
        (
            len(JWT_SIGNING_KEY) < 40 or "insecure" in JWT_SIGNING_KEY,
            "JWT_SIGNING_KEY is missing, short or a default: set 50 random characters.",
        ),
        (JWT_SIGNING_KEY == SECRET_KEY, "JWT_SIGNING_KEY equals SECRET_KEY: use two different keys."),
        (
            any("*" in host for host in ALLOWED_HOSTS) or not ALLOWED_HOSTS,
            "ALLOWED_HOSTS has a wildcard: name the marketplace host and its subdomains (.example.com).",
        ),
        (SCHEME != "https", "SOUK_SCHEME is not https: cookies would travel in the clear."),
        (not env("DATABASE_URL", default=""), "DATABASE_URL is missing: name the PostgreSQL server."),
        (
            not env("STRIPE_SECRET_KEY", default=""),
            "STRIPE_SECRET_KEY is missing: take it from Stripe's dashboard.",
        ),
        (bool(STRIPE_API_BASE), "STRIPE_API_BASE is set: production talks to Stripe itself, unset it."),
        (
            not [secret for secret in STRIPE_WEBHOOK_SECRETS if secret],
            "STRIPE_WEBHOOK_SECRETS is missing: webhooks could not be verified.",
        ),
        (not env("EMAIL_URL", default=""), "EMAIL_URL is missing: name the mail server."),
    ]
    return [sentence for is_broken, sentence in rules if is_broken]


if faults := production_faults():
    raise ImproperlyConfigured("Souk does not start like this:\n- " + "\n- ".join(faults))

SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
