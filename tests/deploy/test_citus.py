"""Souk on a cluster: coordinator and workers of a real Citus (see `tests.deploy.citus`)."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.client import Client
from journey.__main__ import run
from journey.figures import exports
from stack.processes import ROOT, Stack
from tests.deploy.citus import Cluster, cluster_database


def stack_on(cluster: Cluster, folder: Path) -> Stack:
    return Stack(
        data_dir=folder,
        funds_after_seconds=0,
        pool_size=2,
        extra_env={
            "DATABASE_URL": cluster.database_url,
            "DATABASE_OWNER_URL": cluster.owner_url,
            "LOG_LEVEL": "INFO",
        },
    )


@dataclass(frozen=True)
class Town:
    """The demo's storefronts on a cluster, being served."""

    stack: Stack
    cluster: Cluster
    hosts: dict[str, str]
    before: dict[str, dict[str, int]] = field(default_factory=dict)  # rows on one machine
    reports: list[dict[str, Any]] = field(default_factory=list)  # what `fleet distribute` said, each time

    @property
    def slugs(self) -> list[str]:
        return list(self.hosts)

    def schema(self, slug: str) -> str:
        [(name,)] = self.cluster.superuser("SELECT schema_name FROM tenants_tenant WHERE slug = %s", slug)
        return str(name)

    def rows(self, slug: str) -> dict[str, int]:
        """How many rows each table has, as the coordinator sees them."""
        schema = self.schema(slug)
        tables = self.cluster.superuser(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'", schema
        )
        return {
            table: self.cluster.superuser(f'SELECT count(*) FROM "{schema}"."{table}"')[0][0]
            for (table,) in tables
        }

    def node(self, slug: str) -> str:
        found = self.cluster.superuser(
            "SELECT DISTINCT nodename || ':' || nodeport FROM citus_shards WHERE table_name::text LIKE %s",
            f"{self.schema(slug)}.%",
        )
        return ",".join(node for (node,) in found)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Opened on one machine, then given workers, and distributed, twice."""
    with cluster_database() as cluster, stack_on(cluster, tmp_path_factory.mktemp("town") / "souk") as stack:
        stack.start()
        stack.wait_ready(90)
        places = json.loads(stack.manage("seed_demo").strip().splitlines()[-1])
        hosts = [shop["url"].split("//")[1].rstrip("/") for shop in places["storefronts"]]
        town = Town(stack, cluster, {host.split(".")[0]: host for host in hosts})
        town.before.update({slug: town.rows(slug) for slug in town.slugs})
        cluster.join()
        stack.manage("fleet", "migrate")  # whoever may make schemas may do so on workers too
        for _ in range(2):
            town.reports.append(json.loads(stack.manage("fleet", "distribute", "--json")))
        yield town


@dataclass
class Visits:
    """What a storefront answered to somebody who comes again and again."""

    statuses: list[int] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


def visit(town: Town, slug: str, variant: str, stop: threading.Event, visits: Visits) -> None:
    client = Client(town.stack.port, town.hosts[slug])
    while not stop.is_set():
        started = time.monotonic()
        visits.statuses.append(client.ask("GET", "/api/v1/products?limit=20")[0])
        visits.statuses.append(client.cart(variant)["status"])
        visits.milliseconds.append(1000 * (time.monotonic() - started))


def some_variant(town: Town, slug: str) -> str:
    client = Client(town.stack.port, town.hosts[slug])
    listed = json.loads(client.ask("GET", "/api/v1/products?limit=20")[1])["results"]
    details = [json.loads(client.ask("GET", f"/api/v1/products/{each['slug']}")[1]) for each in listed]
    return next(
        variant["id"] for each in details for variant in each["variants"] if variant.get("in_stock", True)
    )


def test_the_journey_holds_on_a_cluster(tmp_path):
    with cluster_database() as cluster, stack_on(cluster, tmp_path / "souk") as stack:
        cluster.join()
        world = run(stack, exports(ROOT))

    assert set(world.results.values()) == {0}, world.results


def test_storefronts_are_distributed_with_their_rows_and_a_second_run_does_nothing(town):
    first, second = town.reports

    assert (first["failed"], second["failed"]) == ([], [])
    assert {each["slug"] for each in first["distributed"]} >= set(town.slugs)
    assert second["distributed"] == []
    assert {town.node(slug) for slug in town.slugs} <= set(town.cluster.workers)
    assert {slug: town.rows(slug) for slug in town.slugs} == town.before
    assert "not distributed" not in town.stack.manage("fleet", "status")


def test_a_new_storefronts_schema_is_on_a_worker(town):
    town.stack.manage("pool", "--size", "8")

    assert "not distributed" not in town.stack.manage("fleet", "status")


def test_schemas_on_workers_are_what_their_migrations_make(town):
    assert json.loads(town.stack.manage("fleet", "check", "--json")) == []


def test_a_storefront_moves_while_it_serves(town):
    slug = town.slugs[1]
    there = town.node(slug)
    target = next(node for node in town.cluster.workers if node != there)
    stop, visits, variant = threading.Event(), Visits(), some_variant(town, slug)
    visitors = [threading.Thread(target=visit, args=(town, slug, variant, stop, visits)) for _ in range(2)]
    for visitor in visitors:
        visitor.start()
    time.sleep(1)
    started = time.monotonic()

    town.stack.manage("fleet", "place", "--storefront", slug, "--node", target)

    took = time.monotonic() - started
    time.sleep(1)
    stop.set()
    for visitor in visitors:
        visitor.join()
    made = sum(status == 201 for status in visits.statuses)
    print(
        f"moved in {took:.1f} s; {len(visits.statuses)} answers, slowest visit {max(visits.milliseconds):.0f} ms"
    )
    assert set(visits.statuses) == {200, 201}
    assert town.node(slug) == target
    assert town.rows(slug)["shop_cart"] >= made


def test_a_storefront_sees_only_itself_on_the_worker_too(town):
    mine, other = town.schema(town.slugs[0]), town.schema(town.slugs[1])

    with pytest.raises(Exception, match="permission denied"):
        town.cluster.superuser(f'SET ROLE "{mine}"; SELECT count(*) FROM "{other}".shop_order')


def test_a_release_reaches_storefronts_on_workers(town):
    next_release = {**town.stack.env, "DJANGO_SETTINGS_MODULE": "benchmarks.fleet_settings"}

    report = manage(next_release, "fleet", "migrate", "--json")
    drifted = manage(next_release, "fleet", "check", "--json")

    assert (report["migrated"], report["failed"]) == (len(town.slugs), [])
    assert drifted == []


def manage(env: dict[str, str], *arguments: str) -> Any:
    """What a command of other settings printed last, as JSON."""
    ended = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout.strip().splitlines()[-1])
