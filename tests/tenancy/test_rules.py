"""Rules that keep storefronts apart by construction: what the code may not say, and what fails closed."""

import io
import json
import logging
import re
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import ProgrammingError, connection, transaction
from structlog.stdlib import ProcessorFormatter

from shop.models import Product
from tenants.context import NoTenant, current_tenant, tenant_scope
from tests.factories.shop import make_product
from tests.factories.tenants import PASSWORD, make_tenant, make_user
from tests.factories.threads import at_once
from tests.tenancy.support import ask

ROOT = Path(django_settings.BASE_DIR)
PACKAGES = ("config", "core", "payouts", "services", "shop", "stack", "stripe_local", "tenants")
VIEWS = ("shop/api", "shop/web", "tenants/api", "tenants/web")
OF_REQUESTS = (*VIEWS, "config", "services", "shop", "tenants", "payouts")
ENTERS_A_SCHEMA = re.compile(
    r"\bSET\s+(SESSION\s+|LOCAL\s+)?(search_path|ROLE|SCHEMA)\b|\bset_config\(\s*'search_path'"
    r"|\btenant\w*\.activate\(\)|\bwith\s+\w*tenant\s*:|\bschema_context\(|\btenant_context\(",
    re.IGNORECASE,
)
MAY_ENTER = {
    "services/archive_readme.py",  # a script for psql, elsewhere
    "tenants/context.py",  # the one way in
    "tenants/postgresql/base.py",
    "services/fleet_applying.py",  # migrates schemas that are not served, each in a transaction or session of its own
    "services/provisioning_services.py",
    "services/schema_recording_services.py",  # a scratch schema
}


def sources(*folders: str):
    """(path, text) of the Python files of the project, without migrations."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in file.parts:
                yield file.relative_to(ROOT).as_posix(), file.read_text()


def offences(pattern: re.Pattern, *folders: str) -> list[str]:
    return [
        f"{path}: {match.group()}" for path, text in sources(*folders) for match in pattern.finditer(text)
    ]


def test_only_one_module_enters_a_schema():
    found = [line for line in offences(ENTERS_A_SCHEMA, *PACKAGES) if line.split(":")[0] not in MAY_ENTER]
    assert not found


@pytest.mark.parametrize(
    "code",
    ["SET search_path TO x", "set local search_path = x", "SET ROLE x", "set_config('search_path', 'x', false)",
     "tenant.activate()", "with tenant:", "with schema_context('x'):", "with tenant_context(tenant):"],
)  # fmt: skip
def test_the_rule_sees_every_way_into_a_schema(code):
    assert ENTERS_A_SCHEMA.search(code)


def test_views_ask_selectors_and_services_and_never_a_manager():
    assert not offences(re.compile(r"\b_?(objects|default_manager)\.(?!none\()"), *VIEWS)
    assert not offences(re.compile(r"\.cursor\(\)|\braw\("), *VIEWS)
    assert len(list(sources(*VIEWS))) > 15


# One stored file, opened before the answer leaves.
MAY_STREAM = {"shop/web/media.py", "shop/web/dashboard/data_pages.py"}


def test_nothing_is_answered_row_by_row_or_on_another_thread_and_no_page_is_kept():
    """What runs after the request has left its storefront, or beside it, would meet another schema."""
    streams = re.compile(r"\b(Streaming\w+|FileResponse)\(|\.iterator\(")
    found = [line for line in offences(streams, *VIEWS, "core") if line.split(":")[0] not in MAY_STREAM]
    assert not found
    assert not offences(
        re.compile(r"\basync def\b|\b(sync_to_async|async_to_sync|cache_page)\b"), *OF_REQUESTS
    )
    threads = offences(re.compile(r"\bThread\(|ThreadPoolExecutor|get_asgi_application"), *OF_REQUESTS)
    # A command, no request; and bytes on their way through age, which serve nobody.
    assert {line.split(":")[0] for line in threads} <= {
        "services/fleet_services.py",
        "services/archive_services.py",
    }
    pages = [path.read_text() for path in (ROOT / "templates").rglob("*.html")]
    assert pages
    assert not [page for page in pages if re.search(r"{%\s*cache\b", page)]


def test_no_table_of_a_storefront_exists_in_public(db):
    tables = connection.introspection.table_names()
    assert "tenants_tenant" in tables
    assert not [name for name in tables if name.startswith("shop_")]
    shared = {app for app in django_settings.SHARED_APPS if app != "django.contrib.contenttypes"}
    assert not shared & set(django_settings.TENANT_APPS)


def test_without_a_storefront_its_tables_and_files_are_out_of_reach(db):
    with pytest.raises(ProgrammingError), transaction.atomic():
        Product.objects.count()
    with pytest.raises(NoTenant):
        current_tenant()


def test_a_storefront_that_lacks_a_table_fails_closed(tenant, other_tenant):
    with tenant_scope(other_tenant):
        make_product(title="Bergamot")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{tenant.schema_name}".shop_product RENAME TO shop_gone')
    answer = ask(tenant.host, "GET", "/api/v1/products")
    assert answer.status_code == 500
    assert b"Bergamot" not in answer.content
    assert b"shop_product" not in answer.content


def test_one_cache_key_of_two_storefronts_is_two(tenant, other_tenant):
    for one in (tenant, other_tenant):
        with tenant_scope(one):
            assert cache.get("greeting") is None
            cache.set("greeting", one.slug)
    for one in (tenant, other_tenant):
        with tenant_scope(one):
            assert cache.get("greeting") == one.slug
    assert cache.get("greeting") is None


def is_ours(handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and isinstance(handler.formatter, ProcessorFormatter)


def test_every_log_line_of_a_request_carries_its_storefront_and_request_and_no_secret(committed, monkeypatch):
    tenants = [make_tenant(), make_tenant()]
    users = [make_user() for _ in tenants]

    def fail(**options):
        logging.getLogger("souk.test").warning("about to fail")
        raise ArithmeticError

    monkeypatch.setattr("tenants.api.auth.sign_in", fail)
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    handlers = [handler for handler in logging.getLogger().handlers if is_ours(handler)]
    assert handlers
    for handler in handlers:
        monkeypatch.setattr(handler, "stream", out)

    def request(tenant, user, number):
        body = {"email": user.email, "password": PASSWORD}
        return ask(tenant.host, "POST", "/api/v1/auth/token", body, HTTP_X_REQUEST_ID=f"request-{number}")

    at_once([lambda i=i: request(tenants[i % 2], users[i % 2], i) for i in range(8)])

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    of_requests = [line for line in lines if line.get("request_id", "").startswith("request-")]
    assert len(of_requests) >= 24  # a warning, the error with its traceback, the access line; of eight
    for line in of_requests:
        number = int(line["request_id"].removeprefix("request-"))
        assert line["tenant"] == str(tenants[number % 2].pk)
        text = json.dumps(line)
        assert str(tenants[1 - number % 2].pk) not in text
        assert not any(secret in text for secret in (PASSWORD, users[0].email, users[1].email))


def test_every_test_that_the_security_document_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "security.md").read_text())
    assert len(named) > 100
    assert not [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or f"\ndef {name}(" not in (ROOT / path).read_text()
    ]
