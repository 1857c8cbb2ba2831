"""Souk on a cluster: coordinator and workers of a real Citus (see `tests.deploy.citus`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from journey.__main__ import run
from journey.figures import exports
from stack.processes import ROOT, Stack
from tests.deploy.citus import Cluster, cluster_database


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A database of its own on every node."""
    with cluster_database() as cluster:
        yield cluster


def test_the_journey_holds_on_a_cluster(cluster, tmp_path):
    stack = Stack(
        data_dir=tmp_path / "souk",
        funds_after_seconds=0,
        pool_size=3,
        extra_env={
            "DATABASE_URL": cluster.database_url,
            "DATABASE_OWNER_URL": cluster.owner_url,
            "LOG_LEVEL": "INFO",
        },
    )
    with stack:
        world = run(stack, exports(ROOT))

    assert set(world.results.values()) == {0}, world.results
