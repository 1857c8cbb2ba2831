"""django-tenants' backend, where a session serves a tenant by search path and by role, both set only when they change.

Stock 4.0.1 forgets what the session's path is at every `set_tenant`, so each request pays for two `SET`s: one to
public and one to the tenant. Here the wrapper remembers what is in force (and forgets it, like stock, when a
rollback or a new connection may have undone it), and compares. This is the only module that writes search paths and
roles.

While a tenant is served, the role in force is the tenant's own, which may use its schema and its rows of the shared
tables and nothing else (docs/decisions/0016). `core.db.as_marketplace` lifts it for the marketplace's own work.
"""

from collections.abc import Sequence
from typing import Any

from django.db.utils import DatabaseError
from django_tenants.postgresql_backend import base as stock
from django_tenants.utils import get_public_schema_name


def enter_sql(path: Sequence[str], role: str | None) -> str:
    """What a session serves from now on. Without a role: the one that it logged in with."""
    names = ", ".join(f'"{name}"' for name in path)
    become = f'SET ROLE "{role}"' if role else "RESET ROLE"
    return f"SET search_path = {names}; {become}"


class DatabaseWrapper(stock.DatabaseWrapper):
    """`search_path_set_schemas` keeps meaning: the path this session is known to have, or None."""

    search_path_set_schemas: list[str] | None
    role_in_force: str | None = None
    last_host: str | None = None
    _setting_search_path: bool
    is_marketplace = False

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        """Serve this tenant from now on. The session follows with the next statement, if it has to."""
        in_force = self.search_path_set_schemas
        super().set_tenant(tenant, include_public)
        self.search_path_set_schemas = in_force

    @property
    def wanted_role(self) -> str | None:
        """The tenant's own; None is the one that we logged in as. A schema that is being made or migrated has no other."""
        is_served = self.schema_name != get_public_schema_name() and self.include_public_schema
        return self.schema_name if is_served and not self.is_marketplace else None

    def _handle_search_path(self, cursor: Any = None) -> None:
        if self._setting_search_path:
            return
        paths = self._get_cursor_search_paths()
        role = self.wanted_role
        if self.search_path_set_schemas == paths and self.role_in_force == role:
            return
        self._setting_search_path = True
        session = self.connection.cursor() if cursor is None else cursor
        try:
            session.execute(enter_sql(paths, role))
        except (DatabaseError, stock.psycopg.InternalError):
            # In a transaction that failed already; if a rollback does not follow, the next statement fails as well.
            self.search_path_set_schemas = None
        else:
            self.search_path_set_schemas, self.role_in_force = paths, role
        finally:
            self._setting_search_path = False
            if cursor is None:
                session.close()

    def connect(self) -> None:
        """A new session has no path yet, and the role it logged in with."""
        self.search_path_set_schemas = self.last_host = None
        super().connect()
