"""Whatever a request or a job of one storefront sends to PostgreSQL: of another storefront it gets nothing.

The statements run on the connection of a live request, in the place of a statement of Souk's own.
"""

from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from django.db import DatabaseError, connection

from core.clock import now
from core.db import as_marketplace, as_owner
from core.jobs import enqueue, task
from payouts.models import Charge
from services.wall_services import BOOKS, FUNCTIONS, TENANTS, WALLS, application_role, apply_walls
from tenants.context import tenant_scope
from tenants.models import AuditEntry, Membership, Tenant
from tenants.postgresql import probe
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_product
from tests.factories.tenants import make_tenant, owner_session
from tests.tenancy.support import ask

DENIED = "permission denied|row-level security"


class Stowaway:
    """Runs a statement on the connection of a request, once the storefront's rights are in force."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.role = ""
        self.rows: list[tuple] | None = None
        self.changed = -1
        self.error = ""

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        answer = execute(sql, params, many, context)
        if connection.role_in_force and not self.role and not connection.in_atomic_block:
            with connection.connection.cursor() as cursor:
                cursor.execute("SELECT current_user")
                self.role = cursor.fetchone()[0]
                try:
                    cursor.execute(self.sql)
                    self.changed = cursor.rowcount
                    self.rows = cursor.fetchall() if cursor.description else None
                except psycopg2.Error as error:
                    self.error = str(error)
        return answer


def smuggle(tenant: Tenant, sql: str) -> Stowaway:
    """What the statement gets when a request of the storefront's catalogue sends it."""
    stowaway = Stowaway(sql)
    with connection.execute_wrapper(stowaway):
        assert ask(tenant.host, "GET", "/api/v1/products").status_code == 200
    assert stowaway.role == tenant.schema_name
    return stowaway


@pytest.fixture
def shops(committed) -> tuple[Tenant, Tenant]:
    """Two storefronts, with a product and a charge each."""
    made = make_tenant(), make_tenant()
    for tenant in made:
        with tenant_scope(tenant):
            make_product(title="Oat mug")
        AuditEntry.objects.create(tenant=tenant, action="tenant.opened")
        Charge.objects.create(
            charge_id=f"ch_{tenant.slug}", tenant=tenant, order_id=uuid4(), order_number=1001, payment_id=uuid4(),
            currency="EUR", amount_minor=900, captured_at=now(), hold_until=now(),
        )  # fmt: skip
    return made


# The control: the same statements at home ----------------------------------------------------------------------------------


def test_at_home_the_same_statements_are_answered(shops):
    a, _ = shops
    assert smuggle(a, f"SELECT title FROM {a.schema_name}.shop_product").rows == [("Oat mug",)]
    assert smuggle(a, f"UPDATE {a.schema_name}.shop_product SET title = 'Ink mug'").changed == 1
    assert smuggle(a, f"SELECT count(*) FROM tenants_auditentry WHERE tenant_id = '{a.pk}'").rows == [(1,)]
    assert smuggle(a, f"SELECT count(*) FROM payouts_charge WHERE tenant_id = '{a.pk}'").rows == [(1,)]


# Another's schema -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {other}.shop_product",
        "SELECT * FROM {other}.shop_order",
        "SELECT * FROM {other}.django_migrations",
        "UPDATE {other}.shop_product SET title = 'mine'",
        "INSERT INTO {other}.shop_category (id, slug, name, position) VALUES (gen_random_uuid(), 'a', 'a', 1)",
        "DELETE FROM {other}.shop_product",
        "TRUNCATE {other}.shop_product",
        "DROP TABLE {other}.shop_product",
        "DROP SCHEMA {other} CASCADE",
        "CREATE TABLE {other}.mine (id int)",
        "ALTER TABLE {other}.shop_order DISABLE TRIGGER USER",
        "DO $$ BEGIN LOCK TABLE {other}.shop_product IN ACCESS SHARE MODE; END $$",
        "SELECT nextval('{other}.django_migrations_id_seq')",
        "SELECT * FROM public.fleet_applied(ARRAY['{other}'], ARRAY['shop'])",
        "CREATE VIEW {own}.peep AS SELECT * FROM {other}.shop_product",
        "COPY {other}.shop_product TO STDOUT",
    ],
)
def test_another_storefronts_schema_is_refused_by_postgresql(shops, sql):
    a, b = shops
    stowaway = smuggle(a, sql.format(own=a.schema_name, other=b.schema_name))
    assert "permission denied" in stowaway.error or "must be owner" in stowaway.error
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT title FROM {b.schema_name}.shop_product")
        assert cursor.fetchall() == [("Oat mug",)]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE {own}.mine (id int)",
        "ALTER TABLE {own}.shop_order DISABLE TRIGGER USER",
        "DROP TABLE {own}.shop_product",
        "DELETE FROM {own}.django_migrations",
        "CREATE TABLE public.mine (id int)",
        "CREATE ROLE mine SUPERUSER",
        "CREATE DATABASE mine",
        "COPY {own}.shop_product TO PROGRAM 'cat'",
        "COPY {own}.shop_product FROM '/etc/passwd'",
        "SET session_replication_role = replica",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT public.lock_ledger_account(1)",
    ],
)
def test_a_storefront_changes_rows_of_its_own_and_nothing_else(shops, sql):
    stowaway = smuggle(shops[0], sql.format(own=shops[0].schema_name))
    assert any(word in stowaway.error for word in ("permission denied", "must be owner", "to COPY"))


# A forged id in the shared tables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table", [table for table in WALLS if table not in ("core_job", "payouts_commissionrule")]
)
def test_of_a_shared_table_only_its_own_rows_are_there(shops, table):
    a, b = shops
    for column, mine, theirs in ((name, *ids) for name, ids in keys_of(table, a, b).items()):
        found = smuggle(a, f"SELECT DISTINCT {column}::text FROM public.{table}").rows
        assert (theirs,) not in found
        assert set(found) <= {(mine,)}


def keys_of(table: str, a: Tenant, b: Tenant) -> dict[str, tuple[str, str]]:
    """The columns of a table that say whose a row is, with what stands there for the two."""
    if table == "tenants_tenant":
        return {"id": (str(a.pk), str(b.pk))}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s AND column_name = 'tenant_id'",
            [table],
        )
        return {"tenant_id": (str(a.pk), str(b.pk))} if cursor.fetchone() else {}


@pytest.mark.parametrize(
    ("sql", "changed"),
    [
        ("UPDATE tenants_tenant SET name = 'mine' WHERE id = '{other}'", 0),
        ("DELETE FROM tenants_membership WHERE tenant_id = '{other}'", 0),
        ("UPDATE tenants_membership SET tenant_id = '{own}' WHERE tenant_id = '{other}'", 0),
        ("SELECT * FROM payouts_charge WHERE tenant_id = '{other}'", 0),
        (("SELECT * FROM payouts_ledgerentry e JOIN payouts_ledgeraccount a ON a.id = e.account_id"
         " WHERE a.tenant_id = '{other}'"), 0),
        ("SELECT * FROM tenants_user WHERE id IN (SELECT user_id FROM tenants_membership WHERE tenant_id = '{other}')", 0),
        (("INSERT INTO tenants_auditentry (id, tenant_id, action, reason, facts, at) VALUES"
         " (gen_random_uuid(), '{other}', 'a', '', '{{}}', now())"), DENIED),
        (("INSERT INTO tenants_membership (id, user_id, tenant_id, role, created_at) VALUES"
         " (gen_random_uuid(), (SELECT user_id FROM tenants_membership), '{other}', 'owner', now())"), DENIED),
        ("UPDATE tenants_membership SET tenant_id = '{other}'", DENIED),
        (("INSERT INTO core_job (task, args, tenant_id, state, priority, run_at, attempts, max_attempts, locked_by, last_error, created_at)"
         " VALUES ('order.expire', '{{}}', '{other}', 'queued', 50, now(), 0, 3, '', '', now())"), DENIED),
        ("SELECT * FROM core_job", DENIED),
        ("UPDATE tenants_domain SET tenant_id = '{own}'", DENIED),
        ("UPDATE tenants_user SET is_operator = true", DENIED),
        ("UPDATE payouts_payout SET amount_minor = 1", DENIED),
        ("DELETE FROM tenants_auditentry", DENIED),
        ("SELECT * FROM payouts_stripeevent", DENIED),
        ("SELECT * FROM tenants_readyschema", DENIED),
        ("SELECT * FROM django_session", DENIED),
        ("INSERT INTO payouts_ledgeraccount (kind, tenant_id, currency, balance_minor) VALUES ('seller_payable', '{own}', 'EUR', -100)", DENIED),
    ],
)  # fmt: skip
def test_a_forged_tenant_id_reads_and_writes_nothing(shops, sql, changed):
    a, b = shops
    stowaway = smuggle(a, sql.format(own=a.pk, other=b.pk))
    if changed == DENIED:
        assert any(reason in stowaway.error for reason in DENIED.split("|"))
    else:
        assert (stowaway.error, stowaway.changed) == ("", changed)


def test_a_job_has_the_rights_of_its_storefront_only(shops, monkeypatch):
    a, b = shops
    told: list[str] = []

    @task("tests.pry")
    def pry() -> None:
        for place in (a, b):
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f"SELECT count(*) FROM {place.schema_name}.shop_product")
                    told.append(str(cursor.fetchone()[0]))
            except DatabaseError as error:
                told.append(str(error.__cause__))

    with tenant_scope(a):
        enqueue("tests.pry")
    run_jobs()
    assert told[0] == "1"
    assert told[1].startswith("permission denied for schema")


# The walls as PostgreSQL has them --------------------------------------------------------------------------------------------


def rows(sql: str, *parameters: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall()


def test_every_shared_table_has_row_security_and_one_wall_for_storefronts(db):
    bare = rows(
        "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND (NOT relrowsecurity"
        " OR 1 <> (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND %s::regrole = ANY (p.polroles)))",
        TENANTS,
    )
    assert bare == []


def test_what_runs_with_the_owners_rights_is_out_of_a_storefronts_reach(tenant):
    callable_by_it = rows(
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND p.prorettype <> 'trigger'::regtype"
        " AND has_function_privilege(%s, p.oid, 'EXECUTE')",
        tenant.schema_name,
    )
    assert callable_by_it == []
    assert rows("SELECT count(*) FROM pg_proc WHERE prosecdef AND prorettype <> 'trigger'::regtype"
                " AND pronamespace = 'public'::regnamespace") == [(len(FUNCTIONS),)]  # fmt: skip


def test_the_role_of_a_storefront_cannot_log_in_or_become_another(tenant, other_tenant):
    assert rows(
        "SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles WHERE rolname = %s",
        tenant.schema_name,
    ) == [(False,) * 6]
    assert rows("SELECT pg_has_role(%s, %s, 'MEMBER')", tenant.schema_name, other_tenant.schema_name) == [
        (False,)
    ]
    assert rows("SELECT pg_has_role(%s, session_user, 'MEMBER')", tenant.schema_name) == [(False,)]


@pytest.mark.parametrize("table", BOOKS)
def test_the_ledger_belongs_to_a_role_that_the_application_is_not(db, table):
    assert rows(
        "SELECT pg_has_role(session_user, relowner, 'MEMBER'), relowner::regrole::text = session_user,"
        " has_table_privilege(session_user, oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')"
        " FROM pg_class WHERE oid = %s::regclass",
        table,
    ) == [(False, False, False)]
    probe.refuse_owner_of_books()


def test_the_server_refuses_to_serve_as_the_owner_of_the_ledger(db, monkeypatch):
    with owner_session() as session:
        monkeypatch.setattr(probe, "_connect", lambda: session)
        with pytest.raises(probe.OwnsBooks, match="DATABASE_OWNER_URL"):
            probe.refuse_owner_of_books()


def test_walls_that_stand_are_left_alone_and_one_that_is_gone_is_put_up_again(committed):
    application = application_role()
    with as_owner():
        assert apply_walls(application=application) == 0
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE tenants_auditentry DISABLE ROW LEVEL SECURITY")
        assert apply_walls(application=application) == 1
        assert apply_walls(application=application) == 0


def test_the_marketplace_sees_all_and_only_inside_its_block(shops):
    a, _ = shops
    with tenant_scope(a):
        assert Membership.objects.count() == 1
        with as_marketplace():
            assert Membership.objects.count() == 2
        assert Membership.objects.count() == 1
