"""`make bench`: CPU per catalogue page, product, cart and checkout, beside what hand-written code needs; one hot SKU.

CPU is that of the web processes and of PostgreSQL, from /proc, per operation; the local Stripe's is not counted. The
worker is stopped meanwhile. Ratios are within this run; milliseconds belong to this machine and to what else it does.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import psycopg2

from benchmarks.by_hand import TABLES, hand_written_server, pgbench
from benchmarks.client import Client
from benchmarks.machine import memory_mb
from benchmarks.rounds import Cost, take_turns
from benchmarks.table import print_report
from stack.processes import ROOT, Stack

PROCESSES, THREADS = 2, 8
READS, WRITES, CHECKOUTS = 200, 60, 25
HOT_UNITS, HOT_ATTEMPTS, HOT_AT_ONCE = 200, 400, 16
Report = dict[str, Any]


def main() -> int:
    """Prints the table, writes .souk/bench/hot_paths.json; exit status 1 where the hot SKU was not sold exactly."""
    random.seed(7)
    with Stack.fresh(pool_size=1, own_postgres=True, web_processes=PROCESSES, web_threads=THREADS) as stack:
        print("starting a fresh stack, 1,000 products, 1,500 SKUs", flush=True)
        stack.start()
        stack.wait_ready(120)
        shop = seed(stack)
        time.sleep(3)
        pids = [pid for name, family in stack.pids().items() if name != "stripe" for pid in family]
        report: Report = {"idle_mb": round(memory_mb(pids))}
        stack.kill("worker")
        report |= measure(stack, shop)
        report["hot_sku"] |= hot_sku(stack, shop)
    folder = ROOT / ".souk" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hot_paths.json").write_text(json.dumps(report, indent=2) + "\n")
    print_report(report)
    hot = report["hot_sku"]
    return 0 if hot["sold"] == hot["orders"] == hot["stock"] else 1


def seed(stack: Stack) -> Report:
    """The benchmarks' storefront, filled by a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.seed"],
        cwd=ROOT,
        env=stack.env,
        capture_output=True,
        text=True,
        check=True,
    )
    with database(stack) as cursor:
        cursor.execute("ANALYZE")
    return json.loads(done.stdout.strip().splitlines()[-1])


@contextmanager
def database(stack: Stack) -> Iterator[Any]:
    """A cursor that commits each statement."""
    with closing(psycopg2.connect(stack.database_url)) as connection:
        connection.autocommit = True
        yield connection.cursor()


def measure(stack: Stack, shop: Report) -> Report:
    """Each operation in turns with its baseline."""
    souk = Client(stack.port, f"{shop['host']}:{stack.port}")
    slugs, variants = shop["slugs"], shop["variants"]
    cost = partial(Cost, web=stack.pids()["web"], server=lambda: stack.pids()["postgres"])
    with hand_written_server(
        database_url=stack.database_url, schema=shop["schema"], processes=PROCESSES, threads=THREADS
    ) as (client, family):
        page = partial(cost, times=READS, web=family, call=get(client, lambda: "/products"))
        product = get(client, lambda: f"/products/{random.choice(slugs)}")
        calls = {
            "list": (READS, get(souk, lambda: "/api/v1/products")),
            "detail": (READS, get(souk, lambda: f"/api/v1/products/{random.choice(slugs)}")),
            "add": (WRITES, lambda _: expect(201, souk.cart(random.choice(variants))["status"])),
            "checkout": (CHECKOUTS, lambda _: expect(201, souk.checkout(*random.sample(variants, 2)))),
        }
        found = {name: (cost(times=times, call=call), page()) for name, (times, call) in calls.items()}
        detail_by_hand = cost(times=READS, web=family, call=product)
        for name, costs in found.items():
            take_turns(*costs, *([detail_by_hand] if name == "detail" else []))
    with database(stack) as cursor:
        cursor.execute(TABLES)
    bare = pgbench(
        database_url=stack.database_url, server_pid=stack.pids()["postgres"][0], clients=HOT_AT_ONCE
    )
    report: Report = {}
    for name, (mine, by_hand) in found.items():
        beside = {"list": by_hand, "detail": detail_by_hand}.get(name)
        report[name] = mine.report() | {
            "baseline_cpu_ms": beside and round(sum(beside.least), 3),
            "ratio": beside and mine.times_that_of(beside),
            "pages_by_hand": mine.times_that_of(by_hand),
        }
    report["checkout"]["baseline_cpu_ms"] = bare["cpu_ms"]
    report["checkout"]["ratio"] = round(report["checkout"]["cpu_ms"] / bare["cpu_ms"], 2)
    return report | {"hot_sku": {"pgbench_per_second": bare["tps"]}}


def get(client: Client, path: Callable[[], str]) -> Callable[[int], None]:
    """A read that must answer 200."""
    return lambda _: expect(200, client.ask("GET", path())[0])


def expect(status: int, found: int) -> None:
    """An operation that fails is not measured."""
    if found != status:
        raise RuntimeError(f"expected {status}, got {found}")


def hot_sku(stack: Stack, shop: Report) -> Report:
    """Whole checkouts of one SKU by many buyers at once, twice as many as there are units."""
    souk = Client(stack.port, f"{shop['host']}:{stack.port}")
    started = time.perf_counter()
    with ThreadPoolExecutor(HOT_AT_ONCE) as pool:
        statuses = list(pool.map(lambda _: souk.checkout(shop["hot"]), range(HOT_ATTEMPTS)))
    seconds = time.perf_counter() - started
    with database(stack) as cursor:
        table = f"{shop['schema']}.shop_inventoryitem"
        cursor.execute(f"SELECT reserved_stock FROM {table} WHERE variant_id = %s", [shop["hot"]])
        sold = cursor.fetchone()[0]
    orders, refused = statuses.count(201), statuses.count(409)
    return {
        "stock": HOT_UNITS,
        "attempts": HOT_ATTEMPTS,
        "sold": sold,
        "orders": orders,
        "told_sold_out": refused,
        "other_answers": len(statuses) - orders - refused,
        "attempts_per_second": round(HOT_ATTEMPTS / seconds),
    }


if __name__ == "__main__":
    sys.exit(main())
