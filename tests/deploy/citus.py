"""A database of one's own on a Citus cluster that SOUK_CITUS_URL names: a superuser's URL of its coordinator.

The cluster must let in the superuser, `souk_owner`, `souk` and storefronts' roles at every node. `docker compose -f
docker-compose.yml -f docker-compose.citus.yml up` makes one for real; docs/scaling.md says how to build one for tests.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg2
import pytest

from stack.postgres import ROLES

VARIABLE = "SOUK_CITUS_URL"
SKIPPED = (
    f"CITUS TESTS WERE SKIPPED: there is no cluster. Set {VARIABLE} to a superuser's URL of a coordinator with workers"
    " (docs/scaling.md)."
)
NODES = "SELECT nodename, nodeport, groupid = 0 FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid"


@dataclass(frozen=True)
class Cluster:
    """One database on every node. `workers` as Souk names them, "host:port"."""

    superuser_url: str
    database_url: str
    owner_url: str
    workers: tuple[str, ...]

    def join(self) -> None:
        """Tell the coordinator about itself and its workers: until then it is one machine with an extension."""
        url = self.superuser_url
        execute(
            url, "SELECT citus_set_coordinator_host(%s, %s)", *_parts(urlsplit(url).netloc.rpartition("@")[2])
        )
        for node in self.workers:
            execute(url, "SELECT citus_add_node(%s, %s)", *_parts(node))

    def superuser(self, sql: str, *parameters: object, node: str = "") -> list[tuple]:
        """The rows of one statement, at the coordinator or at a worker."""
        return execute(at(self.superuser_url, node=node), sql, *parameters)


def given() -> str:
    """The URL of a coordinator. Where there is none nothing is tested, which is said aloud."""
    return os.environ.get(VARIABLE) or pytest.skip(SKIPPED)


def at(url: str, *, user: str = "", database: str = "", node: str = "") -> str:
    """The same URL for another user, database or machine."""
    parts = urlsplit(url)
    login, is_login, host = parts.netloc.rpartition("@")
    login = user or login
    return parts._replace(
        netloc=f"{login}@{node or host}" if is_login or user else node or host,
        path=f"/{database}" if database else parts.path,
    ).geturl()


def execute(url: str, sql: str, *parameters: object) -> list[tuple]:
    """Outside of a transaction."""
    connection = psycopg2.connect(url, connect_timeout=10)
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def cluster_database() -> Iterator[Cluster]:
    """An empty database `souk_…` on every node, which do not know one another yet; gone afterwards with all roles that were made meanwhile."""
    url, name = given(), f"souk_{secrets.token_hex(6)}"
    nodes = execute(url, NODES)
    coordinator = next((f"{host}:{port}" for host, port, is_first in nodes if is_first), "")
    workers = tuple(f"{host}:{port}" for host, port, is_first in nodes if not is_first)
    assert coordinator, f"the coordinator of {VARIABLE} does not know itself: citus_set_coordinator_host"
    assert len(workers) >= 2, f"{VARIABLE} names no coordinator with two workers"
    before = {name for (name,) in execute(url, "SELECT rolname FROM pg_roles")}
    for node in (*workers, coordinator):
        _make_database(at(url, node=node), name)
    superuser = at(url, node=coordinator, database=name)
    try:
        yield Cluster(
            superuser_url=superuser,
            database_url=at(superuser, user="souk"),
            owner_url=at(superuser, user="souk_owner"),
            workers=workers,
        )
    finally:
        for node in (coordinator, *workers):
            _forget(at(url, node=node), name, before)


def _parts(node: str) -> tuple[str, int]:
    host, _, port = node.rpartition(":")
    return host, int(port)


def _make_database(url: str, name: str) -> None:
    local = "SET citus.enable_ddl_propagation = off;"  # every node is asked itself
    execute(url, f"{local} {ROLES}")
    execute(at(url, database="postgres"), f"CREATE DATABASE {name} OWNER souk_owner")
    execute(at(url, database=name), "CREATE EXTENSION citus")


def _forget(url: str, name: str, before: set[str]) -> None:
    aside = at(url, database="postgres")
    for _ in range(5):  # Citus' own background worker comes back at once
        with contextlib.suppress(psycopg2.Error):
            execute(aside, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            break
    for (role,) in execute(aside, r"SELECT rolname FROM pg_roles WHERE rolname LIKE 't\_%%'"):
        if role not in before:
            with contextlib.suppress(psycopg2.Error):  # it may own something in another database
                execute(aside, f'DROP ROLE "{role}"')
