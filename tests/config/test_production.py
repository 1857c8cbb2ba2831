"""Production starts only when it is fit to, and every answer carries the headers that browsers obey."""

import os
import runpy
import subprocess
import sys
from http.cookies import SimpleCookie

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client

from services.auth_services import open_session
from tests.factories.shop import make_cart, make_order, make_product, make_variant
from tests.factories.tenants import PASSWORD, make_operator, owner_of

MARKETPLACE = "souk.localhost"
FIT = {
    "SECRET_KEY": "Sv8n2Qf0aJ5kLx7PzR3tYw9BcD1eGhMu4oTiNqXs6VbZ",
    "JWT_SIGNING_KEY": "kH3mW8rT1yUo5PaS9dFg2JzXc6VbN4qE7iLw0RtYsMn",
    "ALLOWED_HOSTS": "example.com,.example.com",
    "SOUK_MARKETPLACE_HOST": "example.com",
    "SOUK_SCHEME": "https",
    "DATABASE_URL": "postgresql://souk@db/souk",
    "STRIPE_SECRET_KEY": "sk_live_1",
    "STRIPE_WEBHOOK_SECRETS": "whsec_1,whsec_2",
    "EMAIL_URL": "smtp://mail:25",
}
FAULTS = [
    ("DEBUG", "true"),
    ("SECRET_KEY", None),
    ("SECRET_KEY", ""),
    ("SECRET_KEY", "short"),
    ("SECRET_KEY", "insecure-development-key-" + "x" * 32),
    ("JWT_SIGNING_KEY", None),
    ("JWT_SIGNING_KEY", "short"),
    ("JWT_SIGNING_KEY", "insecure-development-jwt-key-" + "y" * 32),
    ("JWT_SIGNING_KEY", FIT["SECRET_KEY"]),
    ("ALLOWED_HOSTS", "*"),
    ("ALLOWED_HOSTS", "example.com,*"),
    ("ALLOWED_HOSTS", ""),
    ("SOUK_SCHEME", None),
    ("SOUK_SCHEME", "http"),
    ("DATABASE_URL", None),
    ("STRIPE_SECRET_KEY", None),
    ("STRIPE_API_BASE", "http://127.0.0.1:12111"),
    ("STRIPE_WEBHOOK_SECRETS", None),
    ("STRIPE_WEBHOOK_SECRETS", ","),
    ("EMAIL_URL", None),
]


def evaluated(monkeypatch, **changes: str | None) -> dict:
    """The production settings as a process with this environment would have them."""
    values = {name: value for name, value in {**FIT, **changes}.items() if value is not None}
    for name in [*FIT, *changes, "JWT_PREVIOUS_KEYS"]:
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "config.settings.base", raising=False)
    return runpy.run_module("config.settings.prod")


@pytest.mark.parametrize(("name", "value"), FAULTS)
def test_production_refuses_to_start_with_one_fault_and_names_it(monkeypatch, name, value):
    with pytest.raises(ImproperlyConfigured) as refusal:
        evaluated(monkeypatch, **{name: value})

    faults = str(refusal.value).splitlines()[1:]
    assert len(faults) == 1
    assert name in faults[0]


def test_production_names_all_faults_at_once(monkeypatch):
    with pytest.raises(ImproperlyConfigured) as refusal:
        evaluated(monkeypatch, DEBUG="1", EMAIL_URL=None, SOUK_SCHEME="http")

    assert len(str(refusal.value).splitlines()) == 4


def test_a_refusal_to_start_shows_no_secret(monkeypatch):
    with pytest.raises(ImproperlyConfigured) as refusal:
        evaluated(monkeypatch, SECRET_KEY="insecure-hunter2", STRIPE_API_BASE="http://x", EMAIL_URL=None)

    assert not any(secret in str(refusal.value) for secret in ("hunter2", *FIT.values()))


def test_production_as_it_should_be_is_strict(monkeypatch):
    values = evaluated(monkeypatch)

    assert values["DEBUG"] is False
    assert values["SECURE_HSTS_SECONDS"] >= 31_536_000
    for cookie in ("SESSION_COOKIE", "CSRF_COOKIE"):
        assert values[f"{cookie}_SECURE"] is values[f"{cookie}_HTTPONLY"] is True
        assert values[f"{cookie}_SAMESITE"] == "Lax"
        assert values.get(f"{cookie}_DOMAIN") is None
    assert values["STRIPE_LIVEMODE"] is True
    assert values["SIMPLE_JWT"]["SIGNING_KEY"] == FIT["JWT_SIGNING_KEY"]
    assert "Argon2" in values["PASSWORD_HASHERS"][0]


@pytest.mark.parametrize(("changes", "code"), [({}, 0), ({"JWT_SIGNING_KEY": ""}, 1)])
def test_a_process_starts_or_says_why_not(changes, code):
    environment = {
        **FIT,
        **changes,
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "config.settings.prod",
    }
    done = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        env=environment, cwd=django_settings.BASE_DIR, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert min(done.returncode, 1) == code, done.stderr
    assert ("JWT_SIGNING_KEY is missing" in done.stderr) == bool(code)


# Headers ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def answers(tenant, settings, monkeypatch) -> dict:
    """An answer of each kind, as production gives them."""
    from tenants.context import tenant_scope

    settings.SECURE_HSTS_SECONDS = 31_536_000
    with tenant_scope(tenant):
        product, cart, order = make_product(), make_cart((make_variant(), 1)), make_order()
    bearer = f"Bearer {open_session(user=owner_of(tenant), tenant=tenant).access}"
    paths = {
        "page": (tenant.host, f"/products/{product.slug}"),
        "front page": (tenant.host, "/"),
        "missing page": (tenant.host, "/nowhere"),
        "catalogue": (tenant.host, "/api/v1/products"),
        "cart": (tenant.host, f"/api/v1/carts/{cart.token}"),
        "order": (tenant.host, f"/api/v1/guest-orders/{order.secret}"),
        "order's page": (tenant.host, f"/orders/{order.secret}"),
        "profile": (tenant.host, "/api/v1/me"),
        "orders": (tenant.host, "/api/v1/seller/orders"),
        "missing": (tenant.host, "/api/v1/nowhere"),
        "refused": (tenant.host, "/api/v1/products?limit=0"),
        "marketplace": (MARKETPLACE, "/"),
        "sign-up": (MARKETPLACE, "/signup"),
        "missing at the marketplace": (MARKETPLACE, "/nowhere"),
        "documents": (MARKETPLACE, "/api/docs/storefront"),
        "admin": (MARKETPLACE, "/admin/login/"),
        "unknown host": ("nobody.example", "/"),
        "health": (MARKETPLACE, "/healthz"),
    }
    found = {
        name: Client(raise_request_exception=False).get(
            path, HTTP_HOST=host, HTTP_AUTHORIZATION=bearer if host == tenant.host else ""
        )
        for name, (host, path) in paths.items()
    }
    with monkeypatch.context() as patch:
        patch.setattr("shop.api.v1.buyer.list_categories", lambda: 1 / 0)
        broken = Client(raise_request_exception=False)
        found["error"] = broken.get("/api/v1/categories", HTTP_HOST=tenant.host)
        assert found["error"].status_code == 500
    connection.set_schema_to_public()
    return found


def test_every_answer_has_the_headers_that_browsers_obey(answers):
    for name, answer in answers.items():
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["Referrer-Policy"] == "same-origin", name
        # drf-spectacular lets its page open windows of others, to sign in there.
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin" or name == "documents", name
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains", name
        assert headers["X-Request-ID"], name
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], name


def test_no_script_but_our_own_runs_on_pages_that_show_what_people_typed(answers):
    for name, answer in answers.items():
        scripts = answer.headers["Content-Security-Policy"].split("script-src ")[1].split(";")[0]
        assert scripts == "'self'" or name in ("admin", "documents"), name


def test_private_answers_are_not_kept(answers):
    public = {"page", "front page", "catalogue", "marketplace"}
    for name, answer in answers.items():
        assert "no-store" in answer.headers["Cache-Control"] or name in public, name


def test_an_error_shows_nothing_of_the_inside(answers):
    assert answers["error"].headers["Content-Type"] == "application/problem+json"
    assert b"ZeroDivision" not in answers["error"].content
    assert b"Traceback" not in answers["error"].content


def test_cookies_are_of_one_host_and_out_of_reach_of_scripts(tenant, settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    client, user = Client(), make_operator()
    client.get("/admin/login/", HTTP_HOST=MARKETPLACE)
    login = {"username": user.email, "password": PASSWORD}
    client.post("/admin/login/?next=/admin/", login, HTTP_HOST=MARKETPLACE)
    cookies: SimpleCookie = client.cookies

    assert set(cookies) == {"sessionid", "csrftoken"}
    for cookie in cookies.values():
        assert cookie["domain"] == ""
        assert cookie["httponly"]
        assert cookie["secure"]
        assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize("path", ["/", "/api/v1/products", "/signup"])
def test_trace_is_not_answered(tenant, path):
    for host in (tenant.host, MARKETPLACE):
        answer = Client().trace(path, HTTP_HOST=host, HTTP_X_SECRET="hunter2")
        assert answer.status_code in (404, 405)
        assert b"hunter2" not in answer.content
