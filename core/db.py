"""The connection of this thread as django-tenants extends it, whose rights it has, and a guard around transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

# `tenant`, `schema_name`, `set_tenant()` and `set_schema_to_public()` are django-tenants' own, unknown to type checkers.
tenant_connection: Any = connection


class InTransaction(RuntimeError):
    """Code that talks to the network was called while a transaction (and its locks) is open: a bug."""


def is_in_transaction() -> bool:
    """Whether a transaction is open. The one that a test case wraps around itself is not counted."""
    return any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def must_be_outside_transaction() -> None:
    """Raise InTransaction unless no transaction is open."""
    if is_in_transaction():
        raise InTransaction("no network call while a transaction is open")


@contextmanager
def as_marketplace() -> Iterator[None]:
    """Work with the marketplace's rights inside the block, whichever tenant is being served: post to the books, look a
    person up by mail address. Takes effect with the next statement; the tenant's schema stays first in the path."""
    with _rights(is_marketplace=True):
        yield


@contextmanager
def as_tenant() -> Iterator[None]:
    """Work with the rights of whoever is served inside the block, even where the caller is the marketplace."""
    with _rights(is_marketplace=False):
        yield


@contextmanager
def _rights(*, is_marketplace: bool) -> Iterator[None]:
    before = tenant_connection.is_marketplace
    tenant_connection.is_marketplace = is_marketplace
    try:
        yield
    finally:
        tenant_connection.is_marketplace = before


def marketplace_work(function: Callable[P, R]) -> Callable[P, R]:
    """The whole function runs `as_marketplace`."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with as_marketplace():
            return function(*args, **kwargs)

    return run


READ_ONLY_TRANSACTION = "25006"


class OnlyReads(RuntimeError):
    """Something was to be changed, or the network asked, where only reading is allowed."""


@contextmanager
def only_reads() -> Iterator[None]:
    """PostgreSQL refuses whatever would change something inside the block; Stripe is not asked either. Raises OnlyReads."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
            yield
    except InTransaction as error:
        raise OnlyReads(str(error)) from error
    except DatabaseError as error:
        if getattr(error.__cause__, "pgcode", None) != READ_ONLY_TRANSACTION:
            raise
        raise OnlyReads(str(error)) from error
    finally:
        tenant_connection.search_path_set_schemas = None  # what was set inside may be undone


@contextmanager
def as_owner() -> Iterator[None]:
    """Be connected as the owner of the shared tables (DATABASE_OWNER_URL) inside the block, for migrations.

    Where that is not set, the role that we log in as owns them, and nothing changes. Closes the connection twice.
    """
    if not settings.DATABASE_OWNER:
        yield
        return
    options = tenant_connection.settings_dict
    before = {name: options[name] for name in settings.DATABASE_OWNER}
    connection.close()
    options.update(settings.DATABASE_OWNER)
    try:
        yield
    finally:
        connection.close()
        options.update(before)
