"""Is there something between us and PostgreSQL that lends one session to several connections?

A pooler in transaction mode does. A search path that was set for one storefront would then serve another, with no error.
"""

from contextlib import closing

import psycopg2
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

ROUNDS = 5


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


def _connect() -> psycopg2.extensions.connection:
    session = psycopg2.connect(**connection.get_connection_params())
    session.autocommit = True
    return session


def _session(session: psycopg2.extensions.connection) -> int:
    with session.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]
