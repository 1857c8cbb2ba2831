"""`manage.py person`: for operators, and for scripts."""

import io
import json
import stat

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tenants.context import tenant_scope
from tenants.models import Erasure
from tests.factories.shop import make_delivered, make_order, make_variant
from tests.services.test_person import rows_with

EMAIL = "zoe@example.com"


def run(*arguments: object) -> str:
    """What the command prints, run as from a shell: nobody is served."""
    out = io.StringIO()
    connection.set_schema_to_public()
    call_command("person", *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def slug(tenant, stripe_local) -> str:
    with tenant_scope(tenant):
        make_delivered(make_variant(), stripe_local, email=EMAIL)
    return tenant.slug


def test_an_export_is_json_on_standard_output_or_in_a_file_of_one_s_own(slug, tmp_path):
    place = tmp_path / "zoe.json"

    assert json.loads(run("export", slug, EMAIL))["orders"]
    assert run("export", slug, EMAIL, "--output", place) == ""

    assert json.loads(place.read_text())["person"]["email"] == EMAIL
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_an_erasure_says_what_went_and_what_stays(slug, tenant):
    said = run("erase", slug, EMAIL, "--reason", "letter of today", "--yes")

    assert said.startswith("Forgotten: ")
    assert "1 orders" in said
    assert "invoices" in said
    with tenant_scope(tenant):
        assert rows_with(EMAIL) == []
    assert "Nothing was known" in run("erase", slug, EMAIL, "--reason", "again", "--yes")


def test_a_script_reads_the_counts(slug):
    counts = json.loads(run("erase", slug, EMAIL, "--reason", "x", "--yes", "--json"))

    assert counts["orders"] == 1
    assert counts["messages"] > 1


def test_without_a_yes_and_nobody_to_ask_nothing_is_done(slug, tenant):
    with pytest.raises(CommandError, match="Nothing was done"):
        run("erase", slug, EMAIL, "--reason", "x")

    with tenant_scope(tenant):
        assert rows_with(EMAIL)


def test_a_refusal_is_said_and_fails(slug, tenant):
    with tenant_scope(tenant):
        make_order(email=EMAIL)

    with pytest.raises(CommandError, match="still open"):
        run("erase", slug, EMAIL, "--reason", "x", "--yes")
    with pytest.raises(CommandError, match="no storefront"):
        run("export", "nowhere", EMAIL)


def test_erasures_are_written_and_read(slug, tmp_path):
    run("erase", slug, EMAIL, "--reason", "x", "--yes")
    place = tmp_path / "erasures.jsonl"
    assert "1 erasures" in run("erasures", "--export", place)
    Erasure.objects.all().delete()

    told = json.loads(run("erasures", "--import", place, "--json"))

    assert told == {"new": 1, "known": 0, "missing": 0, "forgotten": 0}
    assert Erasure.objects.count() == 1
    assert EMAIL not in place.read_text()
