"""Bringing all storefronts to the next release: each on its own, to the same end, however often it is cut off."""

import itertools
import json
import os
import random
import signal
import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from core.clock import now
from core.jobs import enqueue
from core.models import Job
from services import fleet_services, schema_recording_services
from services.fleet_services import (
    FleetOptions,
    applied_migrations,
    check_fleet,
    fleet_status,
    migrate_fleet,
    migrate_stragglers,
    plan_fleet,
)
from services.provisioning_services import fill_pool
from services.schema_recording_services import (
    code_version,
    migrate_by_django,
    record_steps,
    tenant_migrations,
)
from tenants.context import tenant_scope
from tenants.models import FleetEntry, ReadySchema, Tenant
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_variant
from tests.factories.threads import at_once, failures
from tests.fleet.support import have_all, make_bare_tenant, notes, rows
from tests.tenancy.support import MARKETPLACE, ask

NEW = {f"shop.{name}" for name in ("0101_note", "0102_fill_note", "0103_note_is_no_bad", "0104_title_index")}


@pytest.fixture
def products(shops):
    for tenant in shops:
        with tenant_scope(tenant):
            make_variant(title="Oat mug")
            make_variant(title="Ink mug")


@pytest.fixture
def spoilt(shops, next_release):
    """The second storefront has a row that the third new migration refuses."""
    with tenant_scope(shops[1]):
        make_variant(title="Bad")
    return shops[1]


# To the end --------------------------------------------------------------------------------------------------------------


def test_every_storefront_reaches_the_next_release(shops, products, next_release):
    assert fleet_status().states == {"behind": 3}

    report = migrate_fleet()

    assert (report.total, report.migrated, report.failures) == (3, 3, [])
    assert fleet_status().versions == {code_version(): 3}
    applied = applied_migrations([tenant.schema_name for tenant in shops])
    assert all(has == tenant_migrations() >= NEW for has in applied.values())
    assert [notes(tenant) for tenant in shops] == [["INK MUG", "OAT MUG"]] * 3
    assert list(check_fleet()) == []
    assert set(FleetEntry.objects.values_list("state", flat=True)) == {"current"}
    assert set(Tenant.objects.values_list("schema_version", flat=True)) == {code_version()}


def test_again_there_is_nothing_to_do_and_nothing_is_recorded(shops, next_release, monkeypatch):
    migrate_fleet()
    monkeypatch.setattr(fleet_services, "record_steps", None)  # would fail if it were called
    again = migrate_fleet()
    assert (again.up_to_date, again.outcomes) == (3, [])


def test_one_statement_finds_what_all_schemas_need(shops, next_release, django_assert_num_queries):
    rows("SELECT 1")  # the session knows where it is
    with django_assert_num_queries(2):  # the storefronts, and their migrations
        fleet_services.find_needs()


def test_schemas_that_django_migrates_are_made_of_the_same(shops, next_release):
    migrate_fleet()
    by_django = make_bare_tenant(
        "by-django"
    )  # the recorded script is of the release before: migrations make it
    ours = Tenant.objects.get(pk=shops[0].pk)
    digests = schema_recording_services.schema_digests([by_django.schema_name, ours.schema_name])
    assert digests[by_django.schema_name] == digests[ours.schema_name]


# What is wrong with one is its own ---------------------------------------------------------------------------------------


def test_a_storefront_whose_rows_break_a_constraint_is_reported_and_stops_nobody(shops, spoilt):
    report = migrate_fleet(FleetOptions(first=0))

    (failed,) = report.failures
    assert (failed.slug, failed.migration, report.migrated) == (spoilt.slug, "shop.0103_note_is_no_bad", 2)
    assert "product_note_is_not_bad" in failed.error
    assert have_all(shops) == [True, False, True]
    (row,) = fleet_status().unwell
    assert (row["state"], row["lacks"]) == ("failed", ["shop.0103_note_is_no_bad", "shop.0104_title_index"])

    rows(f"UPDATE {spoilt.schema_name}.shop_product SET note = 'GOOD' RETURNING 1")
    assert migrate_fleet().failures == []
    assert have_all(shops) == [True] * 3
    assert list(check_fleet()) == []


def test_a_storefront_without_a_schema_is_reported_and_stops_nobody(shops, next_release):
    rows(f'DROP SCHEMA "{shops[0].schema_name}" CASCADE; SELECT 1')

    report = migrate_fleet(FleetOptions(first=0))

    assert [(each.slug, each.state) for each in report.failures] == [(shops[0].slug, "missing")]
    assert have_all(shops) == [False, True, True]


def test_a_failure_among_those_that_go_first_ends_the_run(shops, spoilt):
    report = migrate_fleet(FleetOptions(canaries=(spoilt.slug,)))
    assert report.is_stopped
    assert [each.slug for each in report.outcomes] == [spoilt.slug]
    assert have_all(shops) == [False] * 3


def test_a_run_ends_after_as_many_failures_as_it_may_have(shops, spoilt):
    report = migrate_fleet(FleetOptions(first=0, workers=1, max_failures=1))
    assert report.is_stopped
    assert len(report.outcomes) == 2  # the first went well, the third was not begun


@pytest.mark.parametrize("shops", [100], indirect=True)
def test_with_one_in_a_hundred_spoilt_and_sign_ups_throughout_all_others_arrive(shops, next_release):
    with tenant_scope(shops[57]):
        make_variant(title="Bad")
    of_before = shops[0].schema_version
    late: list[Tenant] = []

    def sign_up_by_the_release_before(outcome) -> None:
        if len(late) < 5:
            late.append(make_bare_tenant_of_before(f"late-{len(late)}", of_before))

    report = migrate_fleet(FleetOptions(workers=2), on_outcome=sign_up_by_the_release_before)

    assert [each.slug for each in report.failures] == [shops[57].slug]
    assert report.migrated == 104
    assert have_all(late) == [True] * 5


def make_bare_tenant_of_before(slug: str, version: str) -> Tenant:
    """As a process that still runs the release before would open it. In a thread: the run has a connection of its own."""
    made: list[Tenant] = []

    def make() -> None:
        recorded = schema_recording_services.recorded_script()[1]
        schema = schema_recording_services.generated_schema_name()
        with connection.cursor() as cursor:
            cursor.execute(
                f'CREATE SCHEMA "{schema}"; SET LOCAL search_path = "{schema}"; {recorded}'
                f" {schema_recording_services.tenant_role_sql(schema)}"
            )
        made.append(
            Tenant.objects.create(
                schema_name=schema, schema_version=version, slug=slug, slug_skeleton=slug, name=slug,
                currency="EUR", status="active", activated_at=now(),
            )
        )  # fmt: skip

    assert failures(at_once([make])) == []
    return made[0]


# Cut off, and at the same time ---------------------------------------------------------------------------------------------


def test_killed_at_twenty_moments_a_run_is_started_again_and_arrives(shops, next_release, settings):
    with_next, settings.MIGRATION_MODULES = settings.MIGRATION_MODULES, {}
    schema_recording_services.forget_versions()
    fleet = [*shops, *(make_bare_tenant(f"one-of-many-{number}") for number in range(50))]
    for tenant in fleet:
        with tenant_scope(tenant):
            make_variant(title="Oat mug")
    settings.MIGRATION_MODULES = with_next
    schema_recording_services.forget_versions()
    record_steps()  # once, for all children
    chance = random.Random(20)
    done = []
    for _ in range(20):
        connection.close()
        child = os.fork()
        if child == 0:
            die_at(chance.randint(8, 45), chance.uniform(0, 0.004))
            try:
                migrate_fleet(FleetOptions(workers=2, retries=2))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)
        done.append(
            sum(len(NEW & has) for has in applied_migrations([each.schema_name for each in fleet]).values())
        )

    report = migrate_fleet()

    assert report.failures == []
    assert done == sorted(done)  # what was done stays done
    assert 0 < done[-1] < len(NEW) * len(fleet)  # the control: all of them were in the middle
    assert have_all(fleet) == [True] * len(fleet)
    assert [notes(tenant) for tenant in fleet] == [["OAT MUG"]] * len(fleet)
    assert list(check_fleet()) == []


def die_at(statement: int, seconds: float) -> None:
    """SIGKILL this process so many seconds after it has begun so many statements, on whichever connection."""
    begun = itertools.count(1)
    execute = CursorWrapper._execute_with_wrappers

    def counted(cursor, *args, **kwargs):
        if next(begun) == statement:
            threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGKILL]).start()
        return execute(cursor, *args, **kwargs)

    CursorWrapper._execute_with_wrappers = counted


def test_of_two_runs_at_once_each_storefront_is_migrated_by_one(shops, products, next_release):
    reports = at_once([lambda: migrate_fleet(FleetOptions(workers=2, retries=8))] * 2)
    assert failures(reports) == []
    assert have_all(shops) == [True] * 3
    assert [notes(tenant) for tenant in shops] == [["INK MUG", "OAT MUG"]] * 3
    assert list(check_fleet()) == []


def test_a_table_that_is_in_use_is_waited_for_in_short_tries_and_then_given_up(shops, next_release):
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            rows(f"SELECT count(*) FROM {shops[0].schema_name}.shop_product")
            held.set()
            done.wait(60)

    holder = threading.Thread(target=lambda: (hold(), connection.close()))
    holder.start()
    held.wait(10)
    try:
        report = migrate_fleet(FleetOptions(first=0, lock_timeout_ms=50, retries=2))
        (failed,) = report.failures
        assert (failed.slug, "lock timeout" in failed.error, failed.attempts) == (shops[0].slug, True, 2)
        assert have_all(shops) == [False, True, True]
    finally:
        done.set()
        holder.join()
    assert migrate_fleet().failures == []
    assert have_all(shops) == [True] * 3


def test_an_index_that_an_interrupted_run_left_invalid_is_made_again(shops, next_release):
    migrate_fleet()
    schema = shops[0].schema_name
    rows(f"DELETE FROM {schema}.django_migrations WHERE name = '0104_title_index' RETURNING 1")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {schema}.product_by_vendor")
        cursor.execute(
            f"INSERT INTO {schema}.shop_category (id, slug, name, position) VALUES (gen_random_uuid(), 'a', 'a', 1), (gen_random_uuid(), 'b', 'a', 1)"
        )
        with pytest.raises(Exception, match="could not create unique index"):
            cursor.execute(
                f"CREATE UNIQUE INDEX CONCURRENTLY product_by_vendor ON {schema}.shop_category (name)"
            )

    assert migrate_fleet().failures == []
    assert rows(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", f"{schema}.product_by_vendor"
    ) == [(True,)]


def test_a_storefront_without_a_role_gets_its_own(shops):
    without_role = """
        REVOKE ALL ON ALL TABLES IN SCHEMA {0} FROM {0}; REVOKE ALL ON ALL SEQUENCES IN SCHEMA {0} FROM {0};
        ALTER DEFAULT PRIVILEGES IN SCHEMA {0} REVOKE ALL ON TABLES FROM {0};
        ALTER DEFAULT PRIVILEGES IN SCHEMA {0} REVOKE ALL ON SEQUENCES FROM {0};
        REVOKE ALL ON SCHEMA {0} FROM {0}; DROP ROLE {0}"""
    fill_pool(size=1)
    ready = ReadySchema.objects.latest("id").schema_name
    with connection.cursor() as cursor:
        for schema in (shops[0].schema_name, ready):
            cursor.execute(without_role.format(schema))
    assert ask(shops[0].host, "GET", "/api/v1/products").status_code == 500
    migrate_fleet()
    assert ask(shops[0].host, "GET", "/api/v1/products").status_code == 200
    assert rows("SELECT count(*) FROM pg_roles WHERE rolname = %s", ready) == [(1,)]
    assert list(check_fleet()) == []


# While a schema is behind ---------------------------------------------------------------------------------------------------


def test_a_storefront_that_lags_answers_503_with_retry_after_and_then_serves(shops, next_release):
    page, api = ask(shops[0].host, "GET", "/"), ask(shops[0].host, "GET", "/api/v1/products")
    assert (page.status_code, page["Retry-After"]) == (503, "15")
    assert b"being updated" in page.content
    assert (api.status_code, api["Retry-After"], api.json()["code"]) == (503, "15", "storefront_updating")
    assert ask(MARKETPLACE, "GET", "/healthz").status_code == 200

    migrate_fleet()

    assert ask(shops[0].host, "GET", "/api/v1/products").status_code == 200


def test_a_schema_migrated_by_other_means_is_served_and_recorded(shops, next_release):
    migrate_by_django(shops[0].schema_name)
    assert ask(shops[0].host, "GET", "/api/v1/products").status_code == 200
    assert Tenant.objects.get(pk=shops[0].pk).schema_version == code_version()


def test_a_run_records_what_was_migrated_by_other_means(shops, next_release):
    for tenant in shops:
        migrate_by_django(tenant.schema_name)
    assert {drift.problem for drift in check_fleet()} == {"records another version than it has"}
    assert migrate_fleet().up_to_date == 3
    assert list(check_fleet()) == []


def test_the_release_before_serves_a_schema_that_is_ahead_of_it(shops, next_release, settings):
    migrate_fleet()
    settings.MIGRATION_MODULES = {}
    schema_recording_services.forget_versions()
    assert ask(shops[0].host, "GET", "/api/v1/products").status_code == 200
    assert fleet_status().states == {"current": 3}


def test_a_job_of_a_storefront_that_lags_waits_without_using_up_an_attempt(shops, next_release):
    with tenant_scope(shops[0]):
        enqueue("order.expire", order_id="01890000-0000-7000-8000-000000000000")
    run_jobs()
    job = Job.objects.get()
    assert (job.state, job.attempts) == ("queued", 0)
    assert job.run_at > now() + timedelta(seconds=10)


def test_stragglers_are_brought_along_and_a_whole_fleet_is_left_to_the_operator(
    shops, next_release, monkeypatch
):
    monkeypatch.setattr(fleet_services, "MOST_STRAGGLERS", 2)
    assert migrate_stragglers() is None
    monkeypatch.setattr(fleet_services, "MOST_STRAGGLERS", 3)
    assert migrate_stragglers().migrated == 3


def test_a_pool_of_the_release_before_is_not_handed_out_and_is_renewed(shops, next_release):
    before = set(ReadySchema.objects.values_list("schema_name", flat=True))
    fill_pool(size=1)
    assert not before & set(ReadySchema.objects.values_list("schema_name", flat=True))
    assert set(ReadySchema.objects.values_list("version", flat=True)) == {code_version()}


# What is asked -------------------------------------------------------------------------------------------------------------


def test_the_plan_says_what_would_run_with_its_locks_and_touches_nobody(shops, next_release):
    planned = {each.migration: each for each in plan_fleet()}
    assert set(planned) == NEW
    added = planned["shop.0101_note"]
    assert (added.storefronts, added.kind) == (3, "sql")
    assert added.locks == {"shop_product": "AccessExclusiveLock"}
    assert any("ADD COLUMN" in statement for statement in added.sql)
    assert planned["shop.0102_fill_note"].kind == "python"
    assert planned["shop.0104_title_index"].kind == "sql, not in one transaction"
    assert have_all(shops) == [False] * 3


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE {schema}.shop_shippingrate",
        "ALTER TABLE {schema}.shop_product ALTER COLUMN title DROP NOT NULL",
        "DROP INDEX {schema}.product_title",
        "ALTER TABLE {schema}.shop_order DISABLE TRIGGER shop_order_moves",
        "GRANT TRUNCATE ON {schema}.shop_order TO {schema}",
        "CREATE TABLE {schema}.stray (id int)",
    ],
)
def test_a_schema_that_is_not_what_its_migrations_make_is_found(shops, damage):
    with connection.cursor() as cursor:
        cursor.execute(damage.format(schema=shops[1].schema_name))
    (found,) = check_fleet()
    assert (found.slug, bool(found.lines)) == (shops[1].slug, True)


def test_the_command_speaks_json(shops, next_release, capsys):
    call_command("fleet", "status", json=True)
    status = json.loads(capsys.readouterr().out)
    call_command("fleet", "plan", json=True)
    plan = json.loads(capsys.readouterr().out)
    assert status["states"] == {"behind": 3}
    assert {each["migration"] for each in plan} == NEW


def test_left_over_scratch_schemas_are_swept(shops, monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA t_scratchabcdefghijklmnop")
    monkeypatch.setattr(schema_recording_services, "_recordings", {})
    record_steps()
    assert rows("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 't\\_scratch%'") == [(0,)]
