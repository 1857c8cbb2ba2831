"""Settings shared by all environments. Every value a deployment may change is read from the environment."""

from datetime import timedelta
from pathlib import Path

import environ

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parents[2]
DATA_DIR = Path(env("SOUK_DATA_DIR", default=str(BASE_DIR / ".souk")))

# Faces ---------------------------------------------------------------------------------------------------------
MARKETPLACE_HOST = env("SOUK_MARKETPLACE_HOST", default="souk.localhost").lower()
MARKETPLACE_NAME = env("SOUK_NAME", default="Souk")
# Printed on statements and commission invoices; lines of the address are separated by "|".
MARKETPLACE_LEGAL_NAME = env("SOUK_LEGAL_NAME", default="")
MARKETPLACE_ADDRESS = env("SOUK_LEGAL_ADDRESS", default="").replace("|", "\n")
MARKETPLACE_TAX_ID = env("SOUK_TAX_ID", default="")
INVOICE_SERIES = env("SOUK_INVOICE_SERIES", default="SOUK")
# Whom a seller writes to, in mails about the end of a storefront.
MARKETPLACE_EMAIL = env("SOUK_CONTACT_EMAIL", default="")
SCHEME = env("SOUK_SCHEME", default="http")
PORT = env.int("SOUK_PORT", default=8000)
# Storefront hosts are decided by the Domain table, so the check of hosts is tenants.middleware's.
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[MARKETPLACE_HOST, f".{MARKETPLACE_HOST}"])
USE_X_FORWARDED_HOST = False

SECRET_KEY = env("SECRET_KEY", default="")
JWT_SIGNING_KEY = env("JWT_SIGNING_KEY", default="")
JWT_PREVIOUS_KEYS = env.list("JWT_PREVIOUS_KEYS", default=[])
DEBUG = False

# Apps: none in both lists except contenttypes, so that a missing tenant table fails instead of falling through. ---
SHARED_APPS = [
    "unfold",
    "django_tenants",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "core",
    "tenants",
    "payouts",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.sitemaps",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_fsm",
]
TENANT_APPS = ["django.contrib.contenttypes", "shop"]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True
PUBLIC_SCHEMA_URLCONF = "config.urls_public"
ROOT_URLCONF = "config.urls_tenant"
WSGI_APPLICATION = "config.wsgi.application"

MIDDLEWARE = [
    "core.middleware.RequestIdMiddleware",
    "core.middleware.SecurityHeadersMiddleware",
    "core.middleware.LanguageMiddleware",
    "tenants.middleware.TenantMiddleware",
    "tenants.web.staging.StagingMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenants.middleware.MarketplaceSessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "tenants.middleware.MarketplaceAuthenticationMiddleware",
    "tenants.middleware.MarketplaceMessageMiddleware",
]

DATABASES = {
    "default": {
        **env.db("DATABASE_URL", default="postgresql:///souk"),
        "ENGINE": "tenants.postgresql",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": env("TEST_DATABASE_NAME", default="test_souk")},
    }
}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"].setdefault(
    "options", "-c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
)
# The role that owns the shared tables: migrations log in as it (`manage.py fleet migrate`). Empty: DATABASE_URL's role.
DATABASE_OWNER = {
    name: value
    for name, value in (env.db("DATABASE_OWNER_URL") if env("DATABASE_OWNER_URL", default="") else {}).items()
    if name in ("USER", "PASSWORD", "HOST", "PORT")
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
ORIGINAL_BACKEND = "django.db.backends.postgresql"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "tenants.User"
SILENCED_SYSTEM_CHECKS = ["staticfiles.W004"]

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "KEY_FUNCTION": "django_tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "django_tenants.cache.reverse_key",
    }
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Pages speak these; the API speaks English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("ar", "العربية")]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = timedelta(days=365).total_seconds()
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SCHEME == "https"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(DATA_DIR / "static")))
MEDIA_ROOT = Path(env("MEDIA_ROOT", default=str(DATA_DIR / "media")))
MEDIA_URL = "/media/"
STORAGES = {
    "default": {"BACKEND": "shop.storage.TenantMediaStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Requests and cookies ------------------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4_000  # a product's sheet of 250 variants
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
MAX_IMAGE_BYTES = 10 * 1024 * 1024
MAX_IMAGE_PIXELS = 40_000_000
MAX_IMPORT_BYTES = 20 * 1024 * 1024
LOGIN_URL, LOGIN_REDIRECT_URL = "/admin/login/", "/desk"
SESSION_COOKIE_DOMAIN = None
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SCHEME == "https"
PASSWORD_HASHERS = ["tenants.hashers.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

# The admin is "all tables" of the desk, and leads back there.
UNFOLD = {
    "SITE_TITLE": "Souk",
    "SITE_HEADER": "Souk",
    "SITE_SUBHEADER": "All tables",
    "SITE_URL": "/desk",
    "SITE_DROPDOWN": [{"icon": "arrow_back", "title": "Back to the desk", "link": "/desk"}],
}

# API -----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.authentication.TenantTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["core.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["core.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "core.openapi.SoukSchema",
    "EXCEPTION_HANDLER": "core.problems.problem_handler",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ISSUER": "souk",
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "sub",
    "UPDATE_LAST_LOGIN": False,
}
REFRESH_REUSE_GRACE = timedelta(seconds=10)
SPECTACULAR_SETTINGS = {
    "TITLE": "Souk",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "core.openapi.add_problems"],
    "AUTHENTICATION_WHITELIST": ["tenants.authentication.TenantTokenAuthentication"],
}

# Stripe --------------------------------------------------------------------------------------------------------
STRIPE_SECRET_KEY = env("STRIPE_SECRET_KEY", default="sk_test_souk_local")
STRIPE_API_BASE = env("STRIPE_API_BASE", default="")
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS", default=[])
# Staging copies of storefronts pay in Stripe's test mode; where it has no key, they take no payments.
STRIPE_TEST_SECRET_KEY = env("STRIPE_TEST_SECRET_KEY", default="")
STRIPE_TEST_WEBHOOK_SECRETS = env.list("STRIPE_TEST_WEBHOOK_SECRETS", default=[])
STRIPE_LIVEMODE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
STRIPE_TIMEOUT_SECONDS = env.int("STRIPE_TIMEOUT_SECONDS", default=20)
STRIPE_WEBHOOK_TOLERANCE_SECONDS = 300

# Rules of the house --------------------------------------------------------------------------------------------
CURRENCY = env("SOUK_CURRENCY", default="EUR")
COMMISSION_BASIS_POINTS = env.int("SOUK_COMMISSION_BASIS_POINTS", default=1000)
COMMISSION_FIXED_MINOR = env.int("SOUK_COMMISSION_FIXED_MINOR", default=30)
HOLD_DAYS = env.int("SOUK_HOLD_DAYS", default=7)
PAYOUT_MINIMUM_MINOR = env.int("SOUK_PAYOUT_MINIMUM_MINOR", default=2000)
# True: each charge is transferred on its own (`source_transaction`) once its hold is over, without waiting for its funds.
TRANSFERS_PER_CHARGE = env.bool("SOUK_TRANSFERS_PER_CHARGE", default=False)
# A seller's debt is carried and netted; older than this it is taken back from earlier transfers.
DEBT_REVERSAL_DAYS = env.int("SOUK_DEBT_REVERSAL_DAYS", default=30)
ORDER_DEADLINE = timedelta(minutes=env.int("SOUK_ORDER_DEADLINE_MINUTES", default=35))
CART_LIFETIME = timedelta(days=30)
SCHEMA_POOL_SIZE = env.int("SOUK_SCHEMA_POOL_SIZE", default=5)
# Storefronts' archives: where, for how long, and for whom (age recipients, comma separated; then only their keys open them).
ARCHIVE_ROOT = Path(env("ARCHIVE_ROOT", default=str(DATA_DIR / "archives")))
ARCHIVE_RECIPIENTS = env.list("SOUK_ARCHIVE_RECIPIENTS", default=[])
EXPORT_KEPT = timedelta(days=env.int("SOUK_EXPORT_DAYS", default=7))
BACKUP_KEPT = timedelta(days=env.int("SOUK_BACKUP_DAYS", default=35))
# A closed storefront is erased after this; the schema that a restore replaced is dropped after that.
CLOSED_KEPT = timedelta(days=env.int("SOUK_CLOSED_DAYS", default=30))
RETIRED_KEPT = timedelta(days=env.int("SOUK_RETIRED_DAYS", default=7))
# Addresses of the servers, shown to sellers whose DNS knows no ALIAS.
SERVER_ADDRESSES = env.list("SOUK_ADDRESSES", default=[])
# Who answers for DNS when a seller proves a domain.
DOMAIN_RESOLVER = env("SOUK_DOMAIN_RESOLVER", default="services.dns_services.SystemResolver")
JOB_LEASE = timedelta(seconds=env.int("SOUK_JOB_LEASE_SECONDS", default=30))
JOB_TENANT_SCOPE = "tenants.context.tenant_scope_by_id"
JOB_WORKER_ASKS = "tenants.postgresql.probe.refuse_lent_sessions"
JOB_MAX_ATTEMPTS = env.int("SOUK_JOB_MAX_ATTEMPTS", default=12)

# Mail ----------------------------------------------------------------------------------------------------------
# Without a mail server, mails are files. (django-environ drops the first slash of a path: filemail:////var/mail.)
EMAIL_CONFIG = env.email_url("EMAIL_URL", default=f"filemail:///{DATA_DIR.absolute() / 'mail'}")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default=f"Souk <no-reply@{MARKETPLACE_HOST}>")
EMAIL_TIMEOUT = 10

LOGGING_CONFIG = "core.logs.configure"
LOGGING = {"level": env("LOG_LEVEL", default="INFO")}
