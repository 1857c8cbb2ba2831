"""django-tenants' backend, with the search path set only when it really changes.

Stock 4.0.1 forgets what the session's path is at every `set_tenant`, so each request pays for two `SET`s: one to
public and one to the tenant. Here the wrapper remembers the path in force (and forgets it, like stock, when a
rollback or a new connection may have undone it), and compares. This is the only module that writes search paths.
"""

from typing import Any

from django_tenants.postgresql_backend import base as stock
from django_tenants.utils import get_public_schema_name


class DatabaseWrapper(stock.DatabaseWrapper):
    """`search_path_set_schemas` keeps meaning: the path this session is known to have, or None."""

    search_path_set_schemas: list[str] | None

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        """Serve this tenant from now on. The session follows with the next statement, if it has to."""
        in_force = self.search_path_set_schemas
        super().set_tenant(tenant, include_public)
        self.search_path_set_schemas = in_force

    def _handle_search_path(self, cursor: Any = None) -> None:
        wanted = (
            [self.schema_name]
            if self.schema_name == get_public_schema_name() or not self.include_public_schema
            else [self.schema_name, get_public_schema_name()]
        )
        if self.search_path_set_schemas and self.search_path_set_schemas != wanted:
            self.search_path_set_schemas = None
        super()._handle_search_path(cursor)

    def connect(self) -> None:
        """A new session has no path yet."""
        self.search_path_set_schemas = None
        super().connect()
