"""Names of storefronts' schemas: generated, never a seller's text."""

import base64
import re
import secrets

from django.db import connection

GENERATED = re.compile(r"t_[a-z0-9]{16,61}")


def generated_schema_name() -> str:
    """t_ and 80 random bits."""
    return "t_" + base64.b32encode(secrets.token_bytes(10)).decode().lower().rstrip("=")


def must_be_generated(name: str) -> str:
    """The name, which may then stand in SQL as it is. Raises ValueError."""
    if not GENERATED.fullmatch(name):
        raise ValueError(f"{name!r} is not a generated schema name")
    return name


def drop_schema(name: str) -> None:
    """Remove a generated schema and everything in it, and its role."""
    must_be_generated(name)
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE; DROP ROLE IF EXISTS "{name}"')
