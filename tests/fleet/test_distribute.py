"""Spreading storefronts over machines, where PostgreSQL is one machine: it is said, and nothing changes."""

import subprocess
import sys

import pytest
from django.db import connection

from core.errors import NotFound
from services.citus_services import citus_version
from services.distribution_services import (
    NoCitus,
    distribute_fleet,
    distribute_schema,
    move_storefront,
    places,
)
from services.provisioning_services import make_ready_schema
from services.schema_digest_services import schema_digests
from services.schema_names import drop_schema
from services.tenant_services import close_tenant
from stack.processes import ROOT
from tests.factories.tenants import make_tenant
from tests.fleet.support import rows

# Everything a run could have changed: what schemas hold, roles that may log in, and the settings of either.
LOGINS = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 't\\_%' AND rolcanlogin"


def fleet(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command as people run it, on the database of this test."""
    code = (
        "import django; from django.conf import settings; django.setup();"
        f"settings.DATABASES['default']['NAME'] = {connection.settings_dict['NAME']!r};"
        f"from django.core.management import execute_from_command_line as run; run(['manage.py', 'fleet', *{arguments!r}])"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "arguments", [("distribute",), ("distribute", "--json"), ("place", "--storefront", "x", "--node", "h:1")]
)
def test_without_citus_the_command_says_so_and_exits_with_2(committed, arguments):
    tenant = make_tenant()
    before = schema_digests([tenant.schema_name])

    ended = fleet(*arguments)

    assert ended.returncode == 2
    assert "This PostgreSQL has no Citus: nothing was changed" in ended.stderr
    assert "docs/scaling.md" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert schema_digests([tenant.schema_name]) == before
    assert rows(LOGINS) == [(0,)]


def test_without_citus_nothing_is_tried(committed):
    tenant = make_tenant()
    assert citus_version() == ""

    with pytest.raises(NoCitus):
        distribute_fleet()
    with pytest.raises(NoCitus):
        move_storefront(slug=tenant.slug, node="worker-1:5432")


def test_a_new_schema_stays_where_it_is_without_citus(committed):
    ready = make_ready_schema()

    assert [place.node for place in places() if place.schema_name == ready.schema_name] == [""]
    ready.delete()
    drop_schema(ready.schema_name)


def test_storefronts_come_before_the_pool_and_closed_ones_not_at_all(committed):
    first, second, closed = make_tenant(), make_tenant(), make_tenant()
    close_tenant(tenant_id=closed.pk, actor_id=None, reason="over")

    found = places()

    assert [place.slug for place in found][:2] == [first.slug, second.slug]
    assert closed.slug not in [place.slug for place in found]
    assert {place.slug for place in found[2:]} <= {""}
    assert {place.node for place in found} == {""}


def test_only_those_named_are_looked_at(committed):
    make_tenant()
    named = make_tenant()

    assert [place.schema_name for place in places(only=[named.slug])] == [named.schema_name]


def test_a_name_that_nobody_has_is_refused(committed):
    with pytest.raises(NotFound) as refusal:
        places(only=["nobody", make_tenant().slug])

    assert refusal.value.facts == {"storefronts": ["nobody"]}


def test_only_generated_names_become_sql(committed):
    with pytest.raises(ValueError, match="not a generated schema name"):
        distribute_schema('t_x"; DROP TABLE tenants_tenant; --')


def test_status_says_nothing_of_machines_where_there_is_one(committed):
    make_tenant()

    shown = fleet("status")

    assert shown.returncode == 0
    assert "1 storefronts at" in shown.stdout
    assert "schemas on" not in shown.stdout
