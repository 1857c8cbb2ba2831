"""What PostgreSQL must be like before Souk serves: sessions of our own, and a role that cannot change the books.

A pooler in transaction mode lends one session to several connections: a search path that was set for one storefront
would then serve another, with no error. And who owns the ledger's tables may switch their guards off.
"""

from contextlib import closing

import psycopg2
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

ROUNDS = 5
MAY_CHANGE_BOOKS = """
SELECT coalesce(bool_or(pg_has_role(session_user, relowner, 'MEMBER')), false) FROM pg_class
 WHERE oid = to_regclass('public.payouts_ledgerentry')
"""


class SharedSessions(ImproperlyConfigured):
    """Souk does not serve behind such a thing."""


def refuse_shared_sessions() -> None:
    """Two connections must each stay with a session of their own. Raises SharedSessions.

    Each is asked twice before the other is: a pooler that lends its sessions in turn would else seem to keep them.
    Says nothing where PostgreSQL does not answer: then nothing is served either.
    """
    try:
        with closing(_connect()) as one, closing(_connect()) as other:
            asked = [one, one, other, other] * ROUNDS
            seen = {(each is one, _session(each)) for each in asked}
    except psycopg2.OperationalError:
        return
    if len(seen) != 2 or len({session for _, session in seen}) != 2:
        raise SharedSessions(
            "A pooler in transaction mode stands before PostgreSQL: storefronts would see each other's rows. "
            "Connect directly, or let the pooler keep one session per connection (DATABASE_URL)."
        )


class OwnsBooks(ImproperlyConfigured):
    """Souk does not serve as a role that may change what is posted."""


def refuse_owner_of_books() -> None:
    """The role that we log in as must not own the ledger, nor be able to become who does. Raises OwnsBooks.

    Says nothing where PostgreSQL does not answer or has no ledger yet.
    """
    try:
        with closing(_connect()) as session, session.cursor() as cursor:
            cursor.execute(MAY_CHANGE_BOOKS)
            if cursor.fetchone()[0]:
                raise OwnsBooks(
                    "The role in DATABASE_URL owns the ledger's tables or may become their owner. Log in as another role, and name "
                    "the owner in DATABASE_OWNER_URL for `manage.py fleet migrate` only (deploy/create-role.sh)."
                )
    except psycopg2.OperationalError:
        return


def _connect() -> psycopg2.extensions.connection:
    session = psycopg2.connect(**connection.get_connection_params())
    session.autocommit = True
    return session


def _session(session: psycopg2.extensions.connection) -> int:
    with session.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]
