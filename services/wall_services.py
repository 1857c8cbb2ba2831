"""The walls between storefronts, as PostgreSQL has them: what the role of a tenant may do, and where.

Each storefront has a role with its schema's name. While the storefront is served, that role is in force: it may read
and write its own schema, and of the shared tables what WALLS says, row by row. What is not named there it may not touch.
The role that Souk logs in as may do all that the marketplace does, except to change the books.
"""

import hashlib
from dataclasses import dataclass

from django.db import connection

TENANTS = "souk_tenants"  # every tenant's role is a member
ME = "(SELECT me.id FROM public.tenants_tenant me WHERE me.schema_name = current_user)"
MINE = f"tenant_id = {ME}"
MY_ACCOUNTS = f"account_id IN (SELECT a.id FROM public.payouts_ledgeraccount a WHERE a.{MINE})"  # noqa: S608
MY_PAYOUTS = f"payout_id IN (SELECT p.id FROM public.payouts_payout p WHERE p.{MINE})"  # noqa: S608


@dataclass(frozen=True)
class Wall:
    """What a tenant's role may do with the rows of a shared table for which `rows` holds."""

    rights: str
    rows: str = MINE


WALLS = {
    "core_job": Wall("INSERT"),
    "tenants_tenant": Wall("SELECT, UPDATE", "schema_name = current_user"),
    "tenants_domain": Wall("SELECT"),
    "tenants_domainclaim": Wall("SELECT"),
    "tenants_archive": Wall("SELECT"),
    "tenants_membership": Wall("SELECT, INSERT, UPDATE, DELETE"),
    # Support views are the marketplace's: a storefront neither sees one nor makes one, nor reads the operator's row.
    "tenants_session": Wall("SELECT, INSERT, UPDATE, DELETE", f"{MINE} AND NOT is_support"),
    "tenants_auditentry": Wall("SELECT, INSERT"),
    "tenants_fleetentry": Wall("SELECT"),
    # People who work here, or are signed in here. By mail address they are looked up as the marketplace.
    "tenants_user": Wall(
        "SELECT",
        f"id IN (SELECT m.user_id FROM public.tenants_membership m WHERE m.{MINE})"  # noqa: S608
        f" OR id IN (SELECT s.user_id FROM public.tenants_session s WHERE s.{MINE} AND NOT s.is_support)",
    ),
    "payouts_selleraccount": Wall("SELECT"),
    "payouts_commissionrule": Wall("SELECT", f"tenant_id IS NULL OR {MINE}"),
    "payouts_charge": Wall("SELECT"),
    "payouts_dispute": Wall("SELECT"),
    "payouts_reserve": Wall("SELECT"),
    "payouts_debt": Wall("SELECT", MY_ACCOUNTS),
    "payouts_writeoff": Wall("SELECT"),
    "payouts_commissioninvoice": Wall("SELECT"),
    "payouts_invoiceseries": Wall(
        "SELECT",
        f"name IN (SELECT i.series_id FROM public.payouts_commissioninvoice i WHERE i.{MINE})",  # noqa: S608
    ),
    "payouts_ledgeraccount": Wall("SELECT"),
    "payouts_ledgertransaction": Wall("SELECT"),
    "payouts_ledgerentry": Wall("SELECT", MY_ACCOUNTS),
    "payouts_unpaidentry": Wall("SELECT", MY_ACCOUNTS),
    "payouts_payout": Wall("SELECT"),
    "payouts_payoutentry": Wall("SELECT", MY_PAYOUTS),
    "payouts_transferreversal": Wall("SELECT", MY_PAYOUTS),
}
# Nobody changes what is posted: the application may add to these, and PostgreSQL's triggers keep the balances.
BOOKS = ("payouts_ledgertransaction", "payouts_ledgerentry", "payouts_ledgeraccount")
# What runs with the owner's rights, and is for the application only.
FUNCTIONS = ("lock_ledger_account(bigint)",)

# All shared tables, and the policies they have.
TABLES = """
SELECT c.relname, c.relrowsecurity,
       coalesce(array_agg(p.polname::text) FILTER (WHERE p.polname IS NOT NULL), '{}')
  FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.oid ORDER BY 1
"""


def apply_walls(*, application: str) -> int:
    """Make PostgreSQL's grants and policies on the shared tables what WALLS says. Returns how many tables it changed.

    Call as the owner of the tables, after their migrations. `application` is the role that Souk logs in as. A table
    that has its wall already is not locked.
    """
    changed = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        is_owner_apart = cursor.fetchone()[0] != application
        cursor.execute(f'GRANT USAGE ON SCHEMA public TO {TENANTS}, "{application}"')
        if is_owner_apart:
            cursor.execute(
                f'GRANT CREATE ON DATABASE "{connection.settings_dict["NAME"]}" TO "{application}"'
            )
            cursor.execute(
                f'GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO "{application}"'
            )
            for function in FUNCTIONS:
                cursor.execute(f'GRANT EXECUTE ON FUNCTION public.{function} TO "{application}"')
        cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {TENANTS}")
        cursor.execute(TABLES)
        for table, is_walled, policies in cursor.fetchall():
            statements = _statements(table, application, is_owner_apart=is_owner_apart)
            name = "wall_" + hashlib.sha256("".join(statements).encode()).hexdigest()[:12]
            if is_walled and name in policies:
                continue
            old = [f'DROP POLICY "{policy}" ON public."{table}"' for policy in policies]
            cursor.execute(";".join([*old, *statements]).replace("{policy}", name))
            changed += 1
    return changed


def _statements(table: str, application: str, *, is_owner_apart: bool) -> list[str]:
    place = f'public."{table}"'
    rights = "SELECT, INSERT" if table in BOOKS else "SELECT, INSERT, UPDATE, DELETE"
    made = [f"ALTER TABLE {place} ENABLE ROW LEVEL SECURITY"]
    if is_owner_apart:
        made += [
            f'REVOKE ALL ON {place} FROM "{application}"',
            f'GRANT {rights} ON {place} TO "{application}"',
            f'CREATE POLICY marketplace ON {place} TO "{application}" USING (true) WITH CHECK (true)',
        ]
    made.append(f"REVOKE ALL ON {place} FROM {TENANTS}")
    wall = WALLS.get(table)
    rows = wall.rows if wall else "false"
    if wall:
        made.append(f"GRANT {wall.rights} ON {place} TO {TENANTS}")
    made.append(f"CREATE POLICY {{policy}} ON {place} TO {TENANTS} USING ({rows}) WITH CHECK ({rows})")
    return made


def tenant_role_sql(schema: str) -> str:
    """SQL that makes a storefront's role and lets it use its schema, now and with the tables of later migrations.

    Run it in a schema that has its table of migrations, with a role that may create roles.
    """
    return f"""
    CREATE ROLE "{schema}" NOLOGIN IN ROLE {TENANTS};
    GRANT "{schema}" TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
    GRANT USAGE ON SCHEMA "{schema}" TO "{schema}";
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}" TO "{schema}";
    GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA "{schema}" TO "{schema}";
    ALTER DEFAULT PRIVILEGES IN SCHEMA "{schema}" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{schema}";
    ALTER DEFAULT PRIVILEGES IN SCHEMA "{schema}" GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO "{schema}";
    REVOKE INSERT, UPDATE, DELETE ON "{schema}".django_migrations FROM "{schema}";
    """


WITHOUT_ROLE = """
SELECT n.nspname FROM pg_namespace n
 WHERE n.nspname IN (SELECT schema_name FROM public.tenants_tenant UNION ALL SELECT schema_name FROM public.tenants_readyschema)
   AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = n.nspname)
"""


def make_missing_roles() -> int:
    """Make the roles of schemas, the pool's too, that are older than roles or came from another server. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(WITHOUT_ROLE)
        schemas = [name for (name,) in cursor.fetchall()]
        for schema in schemas:
            cursor.execute(tenant_role_sql(schema))
    return len(schemas)


def application_role() -> str:
    """The role that Souk logs in as (DATABASE_URL)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user")
        return str(cursor.fetchone()[0])
