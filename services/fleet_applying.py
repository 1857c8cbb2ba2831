"""One migration, applied to one storefront's schema: once, under the schema's lock, and recorded with it."""

import threading

import sqlparse
from django.db import connection, transaction
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from core.db import tenant_connection
from services.citus_services import citus_version
from services.schema_names import must_be_generated
from services.schema_recording_services import Step

LOCK_CLASS = 0x50F1
BUSY, APPLIED = "SKBSY", "SKAPP"  # our own SQLSTATEs

GUARD = """
SET LOCAL search_path = "{schema}";
SET LOCAL lock_timeout = {lock_timeout_ms};
SET LOCAL statement_timeout = 0;
DO $fleet$ BEGIN
  IF NOT pg_try_advisory_xact_lock({lock_class}, hashtext('{schema}')) THEN
    RAISE EXCEPTION 'another run works on this schema' USING ERRCODE = '{busy}';
  END IF;
  IF EXISTS (SELECT FROM django_migrations WHERE app = '{app}' AND name = '{name}') THEN
    RAISE EXCEPTION 'is applied' USING ERRCODE = '{applied}';
  END IF;
END $fleet$;
"""
RECORD = """
INSERT INTO django_migrations (app, name, applied) VALUES ('{app}', '{name}', now());
UPDATE public.tenants_tenant SET schema_version = '{version}' WHERE schema_name = '{schema}';
"""


class Applier:
    """Applies migrations with one patience, in any number of threads."""

    def __init__(self, *, lock_timeout_ms: int) -> None:
        self._lock_timeout_ms = lock_timeout_ms
        self._python = _PythonMigrations()
        self._is_cluster = bool(citus_version())

    def apply(self, step: Step, schema: str, *, version: str) -> None:
        """Apply it; the schema's storefront is of this version afterwards. Raises DatabaseError (BUSY, APPLIED), and
        whatever a Python migration raises."""
        must_be_generated(schema)
        names = {"app": step.app, "name": step.name, "schema": schema, "version": version}
        guard = GUARD.format(
            lock_timeout_ms=self._lock_timeout_ms,
            lock_class=LOCK_CLASS,
            busy=BUSY,
            applied=APPLIED,
            **names,
        )
        record = RECORD.format(**names)
        tenant_connection.set_schema_to_public()
        if step.is_python:
            self._python.run(step, schema, guard, record)
        elif step.is_atomic and self._is_cluster:
            _apply_one_by_one(step, guard, record)
        elif step.is_atomic:
            with connection.cursor() as cursor:
                # One message is one transaction.
                cursor.execute(guard + ";\n".join([*step.sql, record]))
        else:
            _apply_piecemeal(step, schema, guard, record)


def _apply_one_by_one(step: Step, guard: str, record: str) -> None:
    """One transaction, and a message for each statement: Citus passes on the whole message that a statement came in."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL citus.enable_unsafe_triggers = on; {guard}")
        for statement in sqlparse.split(";\n".join([*step.sql, record])):
            cursor.execute(statement)


def _apply_piecemeal(step: Step, schema: str, guard: str, record: str) -> None:
    """A migration that must not be one transaction (CREATE INDEX CONCURRENTLY): statement by statement, each repeatable.

    The schema's lock is held by the session meanwhile. An index that an interrupted run left invalid is dropped first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [LOCK_CLASS, schema])
        try:
            cursor.execute(guard)
            cursor.execute(INVALID_INDEXES, [schema])
            for (name,) in cursor.fetchall():
                cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{schema}"."{name}"')
            cursor.execute(f'SET search_path = "{schema}"')
            for statement in step.sql:
                cursor.execute(_repeatable(statement))
            cursor.execute(f'SET LOCAL search_path = "{schema}"; {record}')
        finally:
            cursor.execute("SET search_path = public")
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [LOCK_CLASS, schema])


INVALID_INDEXES = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE NOT i.indisvalid AND c.relnamespace = %s::regnamespace
"""


def _repeatable(statement: str) -> str:
    for verb in ("CREATE INDEX CONCURRENTLY", "CREATE UNIQUE INDEX CONCURRENTLY"):
        if statement.upper().startswith(verb):
            return f"{statement[: len(verb)]} IF NOT EXISTS{statement[len(verb) :]}"
    verb = "DROP INDEX CONCURRENTLY"
    if statement.upper().startswith(verb) and "IF EXISTS" not in statement.upper():
        return f"{verb} IF EXISTS{statement[len(verb) :]}"
    return statement


class _PythonMigrations:
    """Data migrations, run by Django in each schema. Their models are rendered once for all schemas."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loader: MigrationLoader | None = None
        self._states: dict[str, ProjectState] = {}

    def run(self, step: Step, schema: str, guard: str, record: str) -> None:
        migration, state = self._prepared(step)
        tenant_connection.set_schema(schema, include_public=False)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(guard)
                with connection.schema_editor(atomic=migration.atomic) as editor:
                    migration.apply(state.clone(), editor)
                cursor.execute(record)
        finally:
            tenant_connection.set_schema_to_public()

    def _prepared(self, step: Step) -> tuple[Migration, ProjectState]:
        with self._lock:
            if self._loader is None:
                self._loader = MigrationLoader(None)
            key = (step.app, step.name)
            migration = self._loader.get_migration(*key)
            if step.key not in self._states:
                state = self._loader.project_state(key, at_end=False)
                state.apps  # noqa: B018 - rendered here, under the lock
                self._states[step.key] = state
            return migration, self._states[step.key]
