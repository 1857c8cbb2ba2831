"""Databases of one's own on a PostgreSQL that is given by DATABASE_URL."""

import contextlib
import secrets
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql

from stack.problems import PostgresProblem


def create_beside(url: str, *, owner_url: str | None = None) -> str:
    """Create an empty database on the server of `url`, as the role of `owner_url` if given; return its URL."""
    name = f"souk_{secrets.token_hex(6)}"
    _execute(owner_url or url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def drop(url: str, *, beside: str) -> None:
    """Drop the database of `url`, disconnecting everybody, by way of the database of `beside`."""
    name = urlsplit(url).path.lstrip("/")
    _execute(beside, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(url: str, statement: sql.Composed) -> None:
    try:
        connection = psycopg2.connect(url, connect_timeout=10)
    except psycopg2.OperationalError as error:
        raise PostgresProblem(
            f"The server of DATABASE_URL cannot be reached ({str(error).strip()}): correct it, or unset it to use the "
            "embedded PostgreSQL."
        ) from error
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)
