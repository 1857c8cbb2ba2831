"""`make bench-fleet`: sign-up, releases and pages with a thousand storefronts, beside stock django-tenants, on one PostgreSQL.

Stock is its own command, `migrate_schemas`, on the same apps: for a new schema what `create_schema` of its TenantMixin runs,
and for a release of one column with an index its standard executor, one schema after the other in one process. Stock's
figures are without the start of its process and the fleet's are with it. Ratios are within this run.
"""

import json
import math
import os
import random
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks.client import Client
from benchmarks.machine import memory_mb
from stack.postgres import superuser_url
from stack.processes import ROOT, Stack

STOREFRONTS = int(os.environ.get("SOUK_BENCH_STOREFRONTS", "1000"))
FEW = 10
SAMPLE = min(100, STOREFRONTS // 4)
SIGN_UPS, SIGN_UPS_WITHOUT_POOL, STOCK_SIGN_UPS = 40, 10, 7
PAGES, ROUNDS, READERS, PAGES_A_CONNECTION = 1000, 5, 2, 25
VISITS, LEAST_VISITS = 24, 1000  # of a storefront, and of all, before pages are measured
LIMIT_SECONDS = 1200
NEXT_RELEASE = {"DJANGO_SETTINGS_MODULE": "benchmarks.fleet_settings"}
PROXIED = {
    "NUM_PROXIES": "1"
}  # each sign-up comes from an address of its own, or it would be refused as too many
TARGETS = {  # name: (what is wanted, whether the figure is that)
    "signup_ratio_stock_vs_pool": ("at least 40", lambda figure: figure >= 40),
    "signup_pool_ms_p95": ("below 100", lambda figure: figure < 100),
    "migrate_ratio_stock_vs_fleet": ("at least 10", lambda figure: figure >= 10),
    "noop_1000_seconds": ("below 2", lambda figure: figure < 2),
    "page_p95_ratio_1000_vs_10": ("at most 1.5", lambda figure: figure <= 1.5),
}
Report = dict[str, Any]


def main() -> int:
    """Prints the table, writes .souk/bench/fleet.json; exit status 1 where a target is missed."""
    random.seed(11)
    report: Report = {"storefronts": STOREFRONTS, "load_before": round(os.getloadavg()[0], 2)}
    with Stack.fresh(
        own_postgres=True, pool_size=1, web_processes=2, web_threads=2, extra_env=PROXIED
    ) as stack:
        say(f"starting a fresh stack, for {STOREFRONTS:,} storefronts")
        stack.start()
        stack.wait_ready(120)
        stack.kill("worker")
        report |= sign_ups(stack)
        report |= pages(stack)
        report |= releases(stack)
        report |= catalogue(stack)
    report["load_after"] = round(os.getloadavg()[0], 2)
    report["signup_ratio_stock_vs_pool"] = ratio(
        report["signup_stock_ms_median"], report["signup_pool_ms_median"]
    )
    report["signup_ratio_stock_vs_nopool"] = ratio(
        report["signup_stock_ms_median"], report["signup_nopool_ms_median"]
    )
    report["migrate_ratio_stock_vs_fleet"] = ratio(
        report["migrate_stock_ms_per_tenant"], report["migrate_ms_per_tenant"]
    )
    folder = ROOT / ".souk" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fleet.json").write_text(json.dumps(report, indent=2) + "\n")
    return 0 if print_report(report) else 1


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def ratio(more: float, less: float) -> float:
    return round(more / less, 2)


@contextmanager
def database(stack: Stack) -> Iterator[Any]:
    """A cursor of the server's administrator that commits each statement."""
    url = superuser_url(stack.data_dir / "postgres")
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        yield connection.cursor()


def rows(stack: Stack, sql: str) -> list[tuple[Any, ...]]:
    with database(stack) as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def run(stack: Stack, *command: str, **env: str) -> Report:
    """A process of its own with the stack's environment: its last line as JSON, its seconds and its peak of memory.

    It is killed after LIMIT_SECONDS, and with this one's Ctrl-C.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env={**stack.env, **env}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    limit = threading.Timer(LIMIT_SECONDS, process.kill)
    limit.start()
    try:
        lines = process.stdout.read().strip().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        limit.cancel()
        process.kill()  # does nothing where it has ended
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {lines[-5:]}")
    found = json.loads(lines[-1]) if lines and lines[-1][:1] in "[{" else {}
    return {
        "answer": found,
        "wall_seconds": round(time.perf_counter() - started, 2),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
    }


# Sign-up -----------------------------------------------------------------------------------------------------------------


def sign_ups(stack: Stack) -> Report:
    """Over HTTP from the pool, over HTTP with an empty pool, and with a schema made as stock makes one."""
    say("signing up")
    stack.manage("pool", "--size", str(SIGN_UPS + 5))
    client = Client(stack.port, stack.host)
    for number in range(5):
        sign_up(client, f"warm-{number}")
    with_pool = [sign_up(client, f"pool-{number}") for number in range(SIGN_UPS)]
    rows(stack, "DELETE FROM tenants_readyschema")
    without = [sign_up(client, f"nopool-{number}") for number in range(SIGN_UPS_WITHOUT_POOL)]
    stock = run(stack, "-m", "benchmarks.fleet", "stock-sign-ups", str(STOCK_SIGN_UPS))["answer"]
    return {
        "signup_pool_ms_median": median(with_pool),
        "signup_pool_ms_p95": p95(with_pool),
        "signup_nopool_ms_median": median(without),
        "signup_nopool_ms_p95": p95(without),
        "signup_stock_ms_median": median(stock["ms"]),
    }


def sign_up(client: Client, slug: str) -> float:
    """Milliseconds."""
    body = {"email": f"{slug}@souk.example", "password": "a-quiet-harbour-42", "name": slug, "slug": slug}
    address = ".".join(str(random.randint(1, 250)) for _ in range(4))
    started = time.perf_counter()
    status, answer = client.ask(
        "POST", "/api/v1/signup", body, **{"Idempotency-Key": uuid.uuid4().hex, "X-Forwarded-For": address}
    )
    if status != 201:
        raise RuntimeError(f"sign-up: {status} {answer[:300]!r}")
    return (time.perf_counter() - started) * 1000


def stock_sign_ups(count: int) -> None:
    """In this process: the same sign-up, its schema made by `migrate_schemas` as TenantMixin.create_schema does."""
    from django.db import connection

    from services import provisioning_services
    from services.schema_recording_services import migrate_by_django
    from services.tenant_services import sign_up_seller
    from services.wall_services import tenant_role_sql

    def create_schema(name: str) -> None:
        for step in (f'CREATE SCHEMA "{name}"', None, tenant_role_sql(name)):
            if step is None:
                migrate_by_django(name)
            else:
                with connection.cursor() as cursor:
                    cursor.execute(step)

    provisioning_services.create_schema = create_schema
    spent = []
    for number in range(count):
        started = time.perf_counter()
        sign_up_seller(
            email=f"stock{number}@souk.example",
            password="a-quiet-harbour-42",
            name="Stock",
            slug=f"stock-{number}",
        )
        spent.append((time.perf_counter() - started) * 1000)
    print(json.dumps({"ms": spent}))


# Pages -------------------------------------------------------------------------------------------------------------------


def pages(stack: Stack) -> Report:
    """The product page where there are few storefronts, then where there are all, of all and of the same few in turns.

    The ratio is to the faster of the two figures for few. Where the one in turns is far from it, the machine's load has
    changed in between.
    """
    few = fill(stack, FEW)
    warm(stack, few)
    alone = [read_pages(stack, few) for _ in range(ROUNDS)]
    say("filling")
    started = time.perf_counter()
    others = fill(stack, STOREFRONTS - FEW)
    filled = time.perf_counter() - started
    first = p95(ask_all(stack, others))
    many = few + others
    warm(stack, many)
    turns = [(read_pages(stack, many), read_pages(stack, few)) for _ in range(ROUNDS)]
    of_many, of_few = (median(figures) for figures in zip(*turns, strict=True))
    return {
        "page_ms_p95_10": median(alone),
        "page_ms_p95_1000": of_many,
        "page_ms_p95_10_of_1000": of_few,
        "page_ms_p95_rounds": {
            "10": alone,
            "1000": [turn[0] for turn in turns],
            "10_of_1000": [turn[1] for turn in turns],
        },
        "page_ms_p95_first_visit": first,
        "page_p95_ratio_1000_vs_10": ratio(of_many, min(median(alone), of_few)),
        "page_p95_ratio_in_turns": ratio(of_many, of_few),
        "fill_ms_per_storefront": round(filled * 1000 / max(len(others), 1)),
        "web_mb": round(memory_mb(stack.pids()["web"])),
        **session_memory(stack),
    }


def warm(stack: Stack, hosts: Sequence[str]) -> None:
    """Visits in random order, many times as many as there are web threads, so that each one's session meets each storefront."""
    say(f"warming {len(hosts):,} storefronts")
    for _ in range(max(VISITS, LEAST_VISITS // len(hosts))):
        ask_all(stack, random.sample(hosts, len(hosts)))


def read_pages(stack: Stack, hosts: Sequence[str]) -> float:
    """The 95th percentile of so many pages, the storefronts in random order, in milliseconds."""
    return p95(ask_all(stack, random.choices(hosts, k=PAGES)))


def ask_all(stack: Stack, hosts: Sequence[str]) -> list[float]:
    """Milliseconds of each page. Connections are kept for a few pages only: which web process has one is chance."""
    client = Client(stack.port, stack.host)

    def read(part: Sequence[str]) -> list[float]:
        client.forget()
        return [page(client, f"{host}:{stack.port}") for host in part]

    parts = [hosts[at : at + PAGES_A_CONNECTION] for at in range(0, len(hosts), PAGES_A_CONNECTION)]
    with ThreadPoolExecutor(READERS) as pool:
        return [spent for part in pool.map(read, parts) for spent in part]


def page(client: Client, host: str) -> float:
    started = time.perf_counter()
    status, _ = client.ask("GET", "/products/oat-mug", Host=host)
    if status != 200:
        raise RuntimeError(f"{host}: {status}")
    return (time.perf_counter() - started) * 1000


def fill(stack: Stack, count: int) -> list[str]:
    """So many storefronts with a product each, made by two processes. Returns their hosts."""
    halves = [count // 2, count - count // 2]
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(
            lambda half: run(stack, "-m", "benchmarks.fleet", "fill", str(half))["answer"], halves
        )
        return [host for part in made for host in part["hosts"]]


def fill_here(count: int) -> None:
    """In this process: storefronts as a sign-up opens them, without people."""
    from core.clock import now
    from core.db import tenant_connection
    from payouts.models import SellerAccount
    from services.catalogue_services import ProductInput, VariantInput, create_product
    from services.inventory_services import receive_stock
    from services.provisioning_services import create_schema
    from services.schema_names import generated_schema_name
    from services.schema_recording_services import code_version
    from tenants.context import tenant_scope
    from tenants.models import Domain, Tenant

    hosts = []
    for _ in range(count):
        schema = generated_schema_name()
        slug = schema.replace("_", "-")
        tenant_connection.set_schema_to_public()
        create_schema(schema)
        tenant = Tenant(
            schema_name=schema, schema_version=code_version(), slug=slug, slug_skeleton=slug, name=slug, currency="EUR",
            support_email="bench@souk.example",
        )  # fmt: skip
        tenant.activate(at=now())
        tenant.save(force_insert=True)
        Domain.objects.create(domain=tenant.host, tenant=tenant, is_primary=True, verified_at=now())
        SellerAccount.objects.create(tenant=tenant, hold_days=7, payout_minimum_minor=0)
        with tenant_scope(tenant):
            product = create_product(
                ProductInput(title="Oat mug", is_published=True, variants=[VariantInput(price_minor=1900)])
            )
            receive_stock(variant_id=product.variants.get().pk, quantity=5)
        hosts.append(tenant.host)
    print(json.dumps({"hosts": hosts}))


def session_memory(stack: Stack) -> Report:
    """MB of the web's sessions with PostgreSQL: the largest, without what it shares, and the smallest of those that serve."""
    found = rows(stack, "SELECT pid FROM pg_stat_activity WHERE datname = 'souk' AND usename = 'souk'")
    own = sorted(private_mb(pid) for (pid,) in found)
    return {
        "web_sessions": len(own),
        "session_mb": round(max(memory_mb([pid]) for (pid,) in found), 1),
        "session_private_mb": round(own[-1], 1),
        "session_private_mb_least": round(own[0], 1),
    }


def private_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


# Releases ----------------------------------------------------------------------------------------------------------------


def releases(stack: Stack) -> Report:
    """The next release by stock on a sample, by Souk on the others; then again, with nothing to do."""
    say("releasing")
    stock = run(stack, "-m", "benchmarks.fleet", "stock-release", str(SAMPLE), **NEXT_RELEASE)["answer"]
    migrated = fleet(stack, "migrate")
    report = migrated["answer"]
    if report["failed"] or report["migrated"] + report["up_to_date"] != report["total"]:
        raise RuntimeError(f"the fleet did not arrive: {report}")
    again = [fleet(stack, "migrate") for _ in range(3)]
    status, check = fleet(stack, "status"), fleet(stack, "check")
    if check["answer"]:
        raise RuntimeError(f"schemas have drifted: {check['answer'][:3]}")
    return {
        "migrated": report["migrated"],
        "migrate_ms_per_tenant": round(migrated["wall_seconds"] * 1000 / report["migrated"], 2),
        "migrate_seconds": migrated["wall_seconds"],
        "migrate_seconds_of_storefronts": report["seconds"],
        "migrate_peak_mb": migrated["peak_mb"],
        "migrate_stock_ms_per_tenant": stock["ms"],
        "migrate_stock_noop_ms_per_tenant": stock["noop_ms"],
        "noop_1000_seconds": round(median([each["wall_seconds"] for each in again]), 2),
        "noop_1000_seconds_rounds": [each["wall_seconds"] for each in again],
        "noop_1000_seconds_of_storefronts": median([each["answer"]["seconds"] for each in again]),
        "status_1000_seconds": status["wall_seconds"],
        "check_1000_seconds": check["wall_seconds"],
        "check_peak_mb": check["peak_mb"],
    }


def fleet(stack: Stack, action: str) -> Report:
    return run(stack, "manage.py", "fleet", action, "--json", **NEXT_RELEASE)


def stock_release(count: int) -> None:
    """In this process: what `migrate_schemas --tenant` does with so many storefronts, and again with nothing to do.

    Milliseconds per storefront. Without the system checks, which it repeats for each of them.
    """
    from django_tenants.management.commands.migrate_schemas import MigrateSchemasCommand
    from django_tenants.migration_executors.standard import StandardExecutor

    from core.db import as_marketplace
    from tenants.models import Tenant

    schemas = list(Tenant.objects.order_by("-created_at").values_list("schema_name", flat=True)[:count])
    words = ["--tenant", "--noinput", "--skip-checks", "--verbosity", "0"]
    options = vars(MigrateSchemasCommand().create_parser("manage.py", "migrate_schemas").parse_args(words))
    spent = {}
    for name in ("ms", "noop_ms"):
        started = time.perf_counter()
        with as_marketplace():
            StandardExecutor((), options).run_migrations(tenants=list(schemas))
        spent[name] = round((time.perf_counter() - started) * 1000 / count, 2)
    print(json.dumps(spent))


# Catalogue ---------------------------------------------------------------------------------------------------------------


def catalogue(stack: Stack) -> Report:
    """What so many schemas and roles weigh, and what a role costs that a session takes."""
    ((relations, columns, relation_bytes, column_bytes, catalogue_bytes, database_bytes, roles),) = rows(
        stack,
        "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute), pg_total_relation_size('pg_class'),"
        " pg_total_relation_size('pg_attribute'), (SELECT sum(pg_total_relation_size(oid))"
        " FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'), pg_database_size(current_database()),"
        " (SELECT count(*) FROM pg_roles)",
    )
    return {
        "pg_class_rows": relations,
        "pg_attribute_rows": columns,
        "pg_class_mb": round(relation_bytes / 2**20),
        "pg_attribute_mb": round(column_bytes / 2**20),
        "catalogue_mb": round(int(catalogue_bytes) / 2**20),
        "database_mb": round(database_bytes / 2**20),
        "roles": roles,
        **set_role(stack),
    }


def set_role(stack: Stack) -> Report:
    """Milliseconds of the first SET ROLE of a session, which finds its memberships, and of the next."""
    schemas = [name for (name,) in rows(stack, "SELECT schema_name FROM tenants_tenant LIMIT 50")]
    first: list[float] = []
    later: list[float] = []
    for _ in range(5):
        with closing(psycopg2.connect(stack.database_url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SELECT 1")
            for number, schema in enumerate(schemas):
                started = time.perf_counter()
                cursor.execute(f'SET search_path = "{schema}", public; SET ROLE "{schema}"')
                (later if number else first).append((time.perf_counter() - started) * 1000)
    return {"set_role_first_ms": median(first), "set_role_ms": median(later)}


# The report --------------------------------------------------------------------------------------------------------------


def median(figures: Sequence[float]) -> float:
    return round(statistics.median(figures), 2)


def p95(figures: Sequence[float]) -> float:
    """The smallest that 95 of 100 do not exceed."""
    return round(sorted(figures)[math.ceil(len(figures) * 0.95) - 1], 2)


def print_report(report: Report) -> bool:
    """For people. Returns whether every target was reached."""
    many = f"{report['storefronts']:,}"
    lines: list[tuple[str, str]] = [
        ("sign-up, ms: pool median / p95", f"{report['signup_pool_ms_median']} / {report['signup_pool_ms_p95']}"),
        ("  without pool", f"{report['signup_nopool_ms_median']}"),
        ("  stock", f"{report['signup_stock_ms_median']}"),
        ("  stock / pool, stock / without", f"{report['signup_ratio_stock_vs_pool']} / {report['signup_ratio_stock_vs_nopool']}"),
        ("one column and index, ms per storefront: fleet, stock",
         f"{report['migrate_ms_per_tenant']}, {report['migrate_stock_ms_per_tenant']}"),
        ("  stock / fleet", f"{report['migrate_ratio_stock_vs_fleet']}"),
        ("  seconds for all, of which storefronts", f"{report['migrate_seconds']}, {report['migrate_seconds_of_storefronts']}"),
        ("  peak memory of the command, MB", f"{report['migrate_peak_mb']}"),
        ("nothing to do, seconds: the command, of which storefronts",
         f"{report['noop_1000_seconds']}, {report['noop_1000_seconds_of_storefronts']}"),
        ("  stock, ms per storefront", f"{report['migrate_stock_noop_ms_per_tenant']}"),
        ("fleet status, fleet check, seconds", f"{report['status_1000_seconds']}, {report['check_1000_seconds']}"),
        (f"product page, p95 ms: of 10, of {many}, of 10 among {many}",
         f"{report['page_ms_p95_10']}, {report['page_ms_p95_1000']}, {report['page_ms_p95_10_of_1000']}"),
        ("  of all / of 10, in turns", f"{report['page_p95_ratio_in_turns']}"),
        ("  p95 ms of the first visit", f"{report['page_ms_p95_first_visit']}"),
        (f"a session of PostgreSQL that served all {many}, MB: all, its own",
         f"{report['session_mb']}, {report['session_private_mb']}"),
        ("  the web's sessions; the smallest one's own, MB", f"{report['web_sessions']}; {report['session_private_mb_least']}"),
        ("web processes, MB", f"{report['web_mb']}"),
        ("catalogue, database, MB", f"{report['catalogue_mb']}, {report['database_mb']}"),
        ("pg_class, pg_attribute: rows", f"{report['pg_class_rows']:,}, {report['pg_attribute_rows']:,}"),
        ("  MB", f"{report['pg_class_mb']}, {report['pg_attribute_mb']}"),
        ("roles", f"{report['roles']:,}"),
        ("SET ROLE, ms: the first of a session, the next", f"{report['set_role_first_ms']}, {report['set_role_ms']}"),
        ("load of the machine: before, after", f"{report['load_before']}, {report['load_after']}"),
    ]  # fmt: skip
    for name, figure in lines:
        print(f"{name:64}{figure}")
    reached = True
    for name, (wanted, is_reached) in TARGETS.items():
        good = is_reached(report[name])
        reached = reached and good
        print(f"target: {name} {wanted}: {report[name]}, {'reached' if good else 'NOT REACHED'}")
    return reached


STEPS: dict[str, Callable[[int], None]] = {
    "fill": fill_here,
    "stock-sign-ups": stock_sign_ups,
    "stock-release": stock_release,
}

if __name__ == "__main__":
    if len(sys.argv) == 3:
        import django

        django.setup()
        STEPS[sys.argv[1]](int(sys.argv[2]))
        sys.exit(0)
    sys.exit(main())
