"""A real PgBouncer before the database of the test, on a socket in a folder of its own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from stack.account import server_account
from stack.cluster import Cluster

SKIPPED = (
    "PGBOUNCER TESTS WERE SKIPPED: no PgBouncer was found. Install it (Debian: apt-get install pgbouncer), "
    "or name one in SOUK_PGBOUNCER."
)
READY_SECONDS = 15.0
PORT = 6432
SETTINGS = {
    "listen_addr": "",
    "listen_port": str(PORT),
    "auth_type": "trust",
    "default_pool_size": "4",
    "ignore_startup_parameters": "options",
}


def installed() -> str:
    """PgBouncer. Where there is none nothing is tested, which is said aloud, and not accepted in CI."""
    path = os.environ.get("SOUK_PGBOUNCER") or shutil.which(
        "pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin"
    )
    if path is None and os.environ.get("CI"):
        pytest.fail(SKIPPED, pytrace=False)
    return path or pytest.skip(SKIPPED)


def version(program: str) -> tuple[int, int]:
    """(1, 25) of "PgBouncer 1.25.2"."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor, *_ = said.split()[1].split(".")
    return int(major), int(minor)


@contextmanager
def pgbouncer(program: str, options: Mapping[str, str]) -> Iterator[Path]:
    """PgBouncer with these settings, until the block ends. Yields the folder of its socket: the host of a connection."""
    server = connection.get_connection_params()
    folder = Path(tempfile.mkdtemp(prefix="souk-bouncer-"))
    config, users, log = folder / "pgbouncer.ini", folder / "users", folder / "log"
    users.write_text(f'"{server["user"]}" "{server.get("password", "")}"\n')
    settings = {
        **SETTINGS, **options, "auth_file": users, "logfile": log, "pidfile": folder / "pid", "unix_socket_dir": folder
    }  # fmt: skip
    behind = f"* = host={server['host']} port={server.get('port') or 5432}"
    lines = [f"{name} = {value}" for name, value in settings.items()]
    config.write_text("\n".join(["[databases]", behind, "[pgbouncer]", *lines, ""]))
    account = server_account(
        Cluster.at(Path(server["host"]).parent).data
    )  # it refuses to run as root, as PostgreSQL does
    if account is not None:
        for path in (folder, config, users):
            account.own(path)
    process = subprocess.Popen(
        [program, "--quiet", str(config)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        **(account.launch_options() if account else {}),
    )  # fmt: skip
    try:
        _wait(process, folder, log)
        yield folder
    finally:
        process.kill()  # it would wait for whoever is connected; it keeps nothing
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: "subprocess.Popen[bytes]", folder: Path, log: Path) -> None:
    """Until somebody accepts connections on its socket."""
    deadline = time.monotonic() + READY_SECONDS
    with socket.socket(socket.AF_UNIX) as knocking:
        while knocking.connect_ex(f"{folder}/.s.PGSQL.{PORT}") != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(
                    f"PgBouncer did not start:\n{log.read_text()[-3000:] if log.exists() else ''}"
                )
            time.sleep(0.02)
