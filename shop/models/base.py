from collections.abc import Collection
from typing import Any, Self

from django.db import models

from core.db import tenant_connection


class WrongTenant(RuntimeError):
    """An object or a query of one storefront was used while another is being served: a bug, refused before it does harm."""


class TenantQuerySet(models.QuerySet):
    """A query that remembers which storefront was being served when it was begun, and is asked there only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._schema_name = tenant_connection.schema_name

    def _clone(self) -> Self:
        clone = super()._clone()  # type: ignore[misc]
        clone._schema_name = self._schema_name
        return clone

    @property
    def db(self) -> str:
        """The database to ask, which Django looks up right before it does. Raises WrongTenant."""
        if self._schema_name != tenant_connection.schema_name:
            raise WrongTenant(
                f"query of {self.model.__name__} begun in {self._schema_name} while {tenant_connection.schema_name} is served"
            )
        return super().db


class TenantModel(models.Model):
    """A row of one seller's schema that remembers whose it is.

    An object may only be saved or deleted while the storefront it was read from, or first saved in, is being served.
    """

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises WrongTenant."""
        self._must_be_home()
        super().save(*args, **kwargs)
        self._schema_name = tenant_connection.schema_name

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises WrongTenant."""
        self._must_be_home()
        return super().delete(*args, **kwargs)

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any
    ) -> Self:
        """Notes the schema the row comes from."""
        instance = super().from_db(db, field_names, values, **kwargs)
        instance._schema_name = tenant_connection.schema_name
        return instance

    def _must_be_home(self) -> None:
        home = getattr(self, "_schema_name", tenant_connection.schema_name)
        if home != tenant_connection.schema_name:
            raise WrongTenant(
                f"{type(self).__name__} of {home} while {tenant_connection.schema_name} is served"
            )
