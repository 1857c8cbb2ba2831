"""The connection of this thread as django-tenants extends it, and a guard around transactions."""

from typing import Any

from django.db import connection

# `tenant`, `schema_name`, `set_tenant()` and `set_schema_to_public()` are django-tenants' own, unknown to type checkers.
tenant_connection: Any = connection


class InTransaction(RuntimeError):
    """Code that talks to the network was called while a transaction (and its locks) is open: a bug."""


def must_be_outside_transaction() -> None:
    """Raise InTransaction unless no transaction is open. The transaction a test case wraps around itself is not counted."""
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise InTransaction("no network call while a transaction is open")
