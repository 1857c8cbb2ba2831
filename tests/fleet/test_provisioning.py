"""New schemas come from one recorded script, and are what the migrations make."""

import pytest
from django.db import ProgrammingError, connection

from services import schema_recording_services
from services.provisioning_services import create_schema, make_ready_schema
from services.schema_digest_services import schema_digests, schema_lines
from services.schema_names import drop_schema, generated_schema_name
from services.schema_recording_services import (
    SCRIPT,
    ScriptDiffers,
    code_version,
    migrate_by_django,
    must_match_script,
    record_script,
    record_steps,
    recorded_script,
)
from services.wall_services import tenant_role_sql
from tests.fleet.support import rows


@pytest.fixture
def two(committed):
    """Two schemas from the script, and a function that makes another by Django's migrations."""
    made = [generated_schema_name() for _ in range(2)]
    for name in made:
        create_schema(name)
    yield made
    connection.set_schema_to_public()
    for name in made:
        drop_schema(name)


def test_the_recorded_script_is_of_this_code(committed):
    assert recorded_script()[0] == code_version()
    assert record_script() == SCRIPT.read_text(), "run `manage.py fleet record`"


def test_a_recorded_schema_is_a_migrated_one(two):
    by_django = generated_schema_name()
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA "{by_django}"')
    two.append(by_django)
    migrate_by_django(by_django)
    with connection.cursor() as cursor:
        cursor.execute(tenant_role_sql(by_django))
    assert schema_lines(two[0]) == schema_lines(by_django)
    assert len(set(schema_digests(two).values())) == 1
    of_django, ours = (
        rows(f'SELECT app, name FROM "{name}".django_migrations ORDER BY id') for name in (by_django, two[0])
    )
    assert ours == of_django


def test_a_schema_is_made_in_one_round_trip(committed, django_assert_num_queries):
    name = generated_schema_name()
    rows("SELECT 1")
    try:
        with django_assert_num_queries(1):
            create_schema(name)
    finally:
        drop_schema(name)


def test_a_name_that_is_taken_is_refused_and_what_it_holds_is_left(two):
    rows(
        f"INSERT INTO {two[0]}.shop_category (id, slug, name, position) VALUES (gen_random_uuid(), 'a', 'a', 1) RETURNING 1"
    )
    with pytest.raises(ProgrammingError, match="already exists"):
        create_schema(two[0])
    assert rows(f"SELECT slug FROM {two[0]}.shop_category") == [("a",)]


def test_a_script_that_fails_in_the_middle_leaves_nothing(committed, monkeypatch):
    version, script = recorded_script()
    monkeypatch.setattr(
        "services.provisioning_services.recorded_script", lambda: (version, f"{script} SELECT 1 / 0;")
    )
    made = []  # roles are the cluster's, and other test runs make and drop theirs meanwhile
    monkeypatch.setattr(
        "services.provisioning_services.generated_schema_name",
        lambda: made.append(generated_schema_name()) or made[-1],
    )
    before = rows("SELECT nspname FROM pg_namespace ORDER BY 1")
    with pytest.raises(Exception, match="division by zero"):
        make_ready_schema()
    assert rows("SELECT nspname FROM pg_namespace ORDER BY 1") == before
    (name,) = made
    assert rows(f"SELECT rolname FROM pg_roles WHERE rolname = '{name}'") == []


def test_a_release_whose_script_makes_something_else_is_not_begun(committed, monkeypatch):
    recording = record_steps()
    must_match_script(recording)
    version, script = recorded_script()
    monkeypatch.setattr(
        schema_recording_services,
        "recorded_script",
        lambda: (version, f"{script} ALTER TABLE shop_product ADD COLUMN stray int;"),
    )
    with pytest.raises(ScriptDiffers, match="stray"):
        must_match_script(recording)


@pytest.mark.parametrize(
    "damage",
    [
        "CREATE TABLE {schema}.stray (id int)",
        "ALTER TABLE {schema}.shop_product ADD COLUMN stray int",
        "ALTER TABLE {schema}.shop_product ALTER COLUMN slug TYPE text",
        "ALTER TABLE {schema}.shop_product ALTER COLUMN title SET DEFAULT ''",
        "ALTER TABLE {schema}.shop_product ALTER COLUMN title DROP NOT NULL",
        "ALTER TABLE {schema}.shop_product ADD CONSTRAINT stray CHECK (title <> '')",
        "CREATE INDEX stray ON {schema}.shop_product (title)",
        "ALTER SEQUENCE {schema}.django_migrations_id_seq INCREMENT 2",
        "CREATE SEQUENCE {schema}.stray",
        "ALTER TABLE {schema}.shop_order DISABLE TRIGGER USER",
        "CREATE FUNCTION {schema}.stray() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE {schema}.stray AS ENUM ('a')",
        "ALTER TABLE {schema}.shop_product ENABLE ROW LEVEL SECURITY",
        "GRANT TRUNCATE ON {schema}.shop_product TO {schema}",
        "CREATE VIEW {schema}.stray AS SELECT 1 AS one",
    ],
)
def test_the_digest_sees_every_kind_of_difference(two, damage):
    assert len(set(schema_digests(two).values())) == 1
    with connection.cursor() as cursor:
        cursor.execute(damage.format(schema=two[1]))
    assert len(set(schema_digests(two).values())) == 2


def test_a_digest_does_not_depend_on_names_or_rows(two):
    rows(
        f"INSERT INTO {two[0]}.shop_category (id, slug, name, position) VALUES (gen_random_uuid(), 'a', 'a', 1) RETURNING 1"
    )
    assert len(set(schema_digests(two).values())) == 1
