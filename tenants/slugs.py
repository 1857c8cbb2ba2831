"""What a storefront may be called in its address."""

import hashlib
import re

from django.utils.translation import gettext_noop

from core.errors import Conflict, Invalid

SHAPE = re.compile(r"[a-z0-9]([a-z0-9-]{1,38})[a-z0-9]")
RESERVED = frozenset(
    [
        "about",
        "account",
        "accounts",
        "admin",
        "administrator",
        "api",
        "app",
        "apps",
        "assets",
        "auth",
        "autoconfig",
        "autodiscover",
        "billing",
        "blog",
        "buyer",
        "buyers",
        "careers",
        "cart",
        "cdn",
        "checkout",
        "contact",
        "dashboard",
        "demo",
        "dev",
        "developer",
        "developers",
        "docs",
        "domain",
        "domains",
        "email",
        "example",
        "ftp",
        "git",
        "graphql",
        "help",
        "home",
        "host",
        "hostmaster",
        "imap",
        "info",
        "internal",
        "invoice",
        "invoices",
        "legal",
        "localhost",
        "login",
        "logout",
        "mail",
        "mailer",
        "market",
        "marketplace",
        "media",
        "metrics",
        "mx",
        "news",
        "noreply",
        "notifications",
        "ns",
        "ns1",
        "ns2",
        "oauth",
        "operator",
        "order",
        "orders",
        "pay",
        "payment",
        "payments",
        "payout",
        "payouts",
        "paypal",
        "pop",
        "postmaster",
        "press",
        "pricing",
        "privacy",
        "production",
        "public",
        "register",
        "root",
        "sales",
        "search",
        "secure",
        "security",
        "seller",
        "sellers",
        "settings",
        "shop",
        "shops",
        "signin",
        "signup",
        "smtp",
        "souk",
        "ssl",
        "staging",
        "static",
        "stats",
        "status",
        "store",
        "stores",
        "storefront",
        "storefronts",
        "stripe",
        "support",
        "system",
        "tenant",
        "tenants",
        "terms",
        "test",
        "testing",
        "tls",
        "user",
        "users",
        "vpn",
        "web",
        "webhook",
        "webhooks",
        "webmail",
        "wiki",
        "www",
    ]
)
LOOKALIKES = str.maketrans(
    {"0": "o", "1": "l", "i": "l", "5": "s", "3": "e", "4": "a", "7": "t", "8": "b", "-": None}
)


class SlugUnavailable(Conflict):
    """The address is reserved, taken, or looks like one that is. Facts: field, reason."""

    code = "slug_unavailable"
    title = gettext_noop("This address is not available")
    detail = "{field}: {reason}"


def skeleton(slug: str) -> str:
    """What a slug looks like at a glance: paypa1, pay-pal and paypal are one."""
    return slug.translate(LOOKALIKES).replace("rn", "m").replace("vv", "w")


def retired_skeleton(known: str) -> str:
    """In place of the skeleton of an erased storefront: recognises its address, and does not say it."""
    return hashlib.sha256(f"souk.slug:{known}".encode()).hexdigest()[:40]


RESERVED_SKELETONS = frozenset(skeleton(name) for name in RESERVED)


def check_slug(slug: str) -> str:
    """The slug, fit for a host name. Raises Invalid (shape) and SlugUnavailable (reserved).

    Whether it is taken is decided by the unique keys of Tenant, in the transaction that takes it.
    """
    if not SHAPE.fullmatch(slug) or "--" in slug:
        raise Invalid(
            field="slug",
            reason="use 3 to 40 small letters a-z, digits and single hyphens, starting and ending with a letter or digit",
        )
    if slug in RESERVED or skeleton(slug) in RESERVED_SKELETONS:
        raise SlugUnavailable(
            field="slug", reason="this address is reserved, or looks like one that is; choose another"
        )
    return slug
