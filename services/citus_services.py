"""Whether PostgreSQL is one machine or the coordinator of several (Citus)."""

from django.db import connection

CITUS = "SELECT extversion FROM pg_extension WHERE extname = 'citus'"


def citus_version() -> str:
    """The version of Citus in this database, "" where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(CITUS)
        row = cursor.fetchone()
    return str(row[0]) if row else ""
