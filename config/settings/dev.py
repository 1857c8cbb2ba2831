"""A developer's machine and the demo: insecure keys, local Stripe, mail into files."""

from .base import *  # noqa: F403
from .base import SCHEME, env

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="insecure-development-key-" + "x" * 32)
JWT_SIGNING_KEY = env("JWT_SIGNING_KEY", default="insecure-development-jwt-key-" + "y" * 32)
SIMPLE_JWT = {**globals()["SIMPLE_JWT"], "SIGNING_KEY": JWT_SIGNING_KEY}
STRIPE_API_BASE = env("STRIPE_API_BASE", default="http://127.0.0.1:12111")
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS", default=["whsec_local_development"])
# What stands in dns.json of the data folder.
DOMAIN_RESOLVER = env("SOUK_DOMAIN_RESOLVER", default="services.dns_services.FileResolver")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SCHEME == "https"
STORAGES = {
    **globals()["STORAGES"],
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
