"""PostgreSQL for development, the demo and tests, without an installation: `python -m stack.postgres start`.

The server keeps running when the process that started it ends; `stop` ends it. Access is by a socket in a private
folder, never by network. Applications connect as `souk`, an ordinary role as production has it (it may create
roles); `owner_url` is for migrations, `superuser_url` for administration.
"""

import argparse
import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import errors, sql

from stack import cluster as clusters
from stack import postmaster
from stack.account import server_account
from stack.cluster import SUPERUSER, Cluster
from stack.problems import PostgresProblem, StackProblem

DEFAULT_DATA_DIR = Path(".souk/postgres")
DATABASE = "souk"
ROLE = "souk"
OWNER = "souk_owner"
# As production has them: one role that owns the shared tables and migrates them, one that Souk runs as, and one that
# every storefront's own role will be a member of.
ROLES = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER}') THEN
    CREATE ROLE {OWNER} LOGIN CREATEDB;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
    CREATE ROLE {ROLE} LOGIN CREATEROLE;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'souk_tenants') THEN
    CREATE ROLE souk_tenants NOLOGIN;
  END IF;
END $$;
GRANT pg_monitor, pg_checkpoint, pg_signal_backend TO {ROLE};
GRANT souk_tenants TO {ROLE} WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;
ALTER ROLE {ROLE} RESET createrole_self_grant;
"""  # noqa: S608 - our own names


def start(data_dir: Path, *, fsync: bool = True) -> str:
    """Make sure PostgreSQL runs on `data_dir` with database `souk`; return its DATABASE_URL.

    Safe to call at any time from any number of processes: a running server is used as it is, one that was killed is
    started again. `fsync=False` is faster and safe from SIGKILL but not from a power cut; it applies when the server is started.
    Raises PostgresProblem.
    """
    cluster = Cluster.at(data_dir)
    account = server_account(cluster.data)
    clusters.prepare_folder(cluster, account)
    with _locked(cluster):
        if not cluster.data.exists():
            clusters.create(cluster, account, fsync=fsync)
        server = postmaster.find(cluster)
        if server is not None and not _answers(cluster):
            postmaster.shut_down(cluster, server)
            server = None
        if server is None:
            clusters.check_data(cluster)
            sockets = clusters.write_settings(cluster, account, fsync=fsync)
            postmaster.launch(cluster, account, sockets)
        _ensure_database(cluster)
        return _url(cluster, role=ROLE)


def stop(data_dir: Path) -> bool:
    """Stop the server of `data_dir`, disconnecting everybody. False if none was running."""
    cluster = Cluster.at(data_dir)
    if not cluster.lock.exists():
        return False
    with _locked(cluster):
        server = postmaster.find(cluster)
        if server is None:
            return False
        sockets = postmaster.socket_folder(cluster)
        postmaster.shut_down(cluster, server)
        if sockets is not None and sockets.parent != cluster.folder:
            with contextlib.suppress(OSError):
                sockets.rmdir()
        return True


def kill(data_dir: Path) -> bool:
    """SIGKILL the server and all its processes, for fault tests. False if none was running."""
    cluster = Cluster.at(data_dir)
    server = postmaster.find(cluster)
    if server is None:
        return False
    postmaster.kill(cluster, server)
    return True


def pid(data_dir: Path) -> int | None:
    """Process id of the running server of `data_dir`."""
    server = postmaster.find(Cluster.at(data_dir))
    return None if server is None else server.pid


def url(data_dir: Path) -> str:
    """DATABASE_URL of the running server. Raises PostgresProblem if there is none."""
    return _url(_running(data_dir), role=ROLE)


def owner_url(data_dir: Path) -> str:
    """As `url`, for the role that owns the shared tables: migrations, and databases of one's own."""
    return _url(_running(data_dir), role=OWNER)


def superuser_url(data_dir: Path) -> str:
    """As `url`, for the role that may do everything: extensions, server settings."""
    return _url(_running(data_dir), role=SUPERUSER)


def _running(data_dir: Path) -> Cluster:
    cluster = Cluster.at(data_dir)
    if postmaster.find(cluster) is None or postmaster.socket_folder(cluster) is None:
        raise PostgresProblem(
            f"No PostgreSQL runs on {data_dir}: start it with `python -m stack.postgres start`."
        )
    return cluster


def _url(cluster: Cluster, *, role: str, database: str = DATABASE) -> str:
    folder = postmaster.socket_folder(cluster)
    return f"postgresql://{role}@/{database}?host={quote(str(folder), safe='/')}"


def _answers(cluster: Cluster) -> bool:
    """Whether the server takes connections: not when its socket was swept away or it is shutting down."""
    if postmaster.socket_folder(cluster) is None:
        return False
    try:
        psycopg2.connect(_url(cluster, role=SUPERUSER, database="postgres"), connect_timeout=5).close()
    except errors.lookup("53300"):  # too many connections: it is there, and busy
        return True
    except psycopg2.OperationalError as error:
        return "too many clients" in str(error)
    return True


def _ensure_database(cluster: Cluster) -> None:
    with contextlib.suppress(psycopg2.OperationalError):
        psycopg2.connect(_url(cluster, role=OWNER), connect_timeout=5).close()
        return
    try:
        connection = psycopg2.connect(_url(cluster, role=SUPERUSER, database="postgres"), connect_timeout=5)
    except psycopg2.OperationalError as error:
        raise PostgresProblem(
            f"PostgreSQL runs on {cluster.data} but refuses connections ({str(error).strip()}): "
            "close other programs that use it, or stop it with `python -m stack.postgres stop`."
        ) from error
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(ROLES)
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        is_there = cursor.fetchone() is not None
        if not is_there:
            cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        cursor.execute("SELECT datname FROM pg_database WHERE datdba = %s::regrole", [ROLE])
        for (name,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(OWNER))
            )
    if is_there:
        _hand_over(cluster)


# A database of an earlier version: the shared tables and functions become the owner's.
HAND_OVER = f"""
DO $$ DECLARE thing text; BEGIN
  FOR thing IN SELECT format('%s %s', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass) FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relowner = '{ROLE}'::regrole
               UNION ALL
               SELECT 'ROUTINE ' || p.oid::regprocedure FROM pg_proc p
                WHERE pronamespace = 'public'::regnamespace AND proowner = '{ROLE}'::regrole
  LOOP EXECUTE 'ALTER ' || thing || ' OWNER TO {OWNER}'; END LOOP;
END $$;
"""  # noqa: S608 - our own names


def _hand_over(cluster: Cluster) -> None:
    connection = psycopg2.connect(_url(cluster, role=SUPERUSER), connect_timeout=5)
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(HAND_OVER)


@contextlib.contextmanager
def _locked(cluster: Cluster) -> Iterator[None]:
    """One process at a time starts or stops a cluster; the lock dies with its holder."""
    with cluster.lock.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """Command line: start, stop, url. Exit status 1 with one sentence when it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m stack.postgres", description="The embedded PostgreSQL.")
    parser.add_argument("action", choices=["start", "stop", "url"])
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    parser.add_argument("--no-fsync", action="store_true", help="faster, for tests")
    options = parser.parse_args(arguments)
    try:
        if options.action == "start":
            print(start(options.data_dir, fsync=not options.no_fsync))
        elif options.action == "url":
            print(url(options.data_dir))
        else:
            print("stopped" if stop(options.data_dir) else "was not running")
    except StackProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
