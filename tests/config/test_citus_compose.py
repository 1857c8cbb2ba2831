"""docker-compose.citus.yml: what must be the same in all nodes, and who reaches whom. No engine is needed."""

from typing import Any

import pytest
import yaml

from stack.processes import ROOT

NODES = ("postgres", "worker-1", "worker-2")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.citus.yml").read_text())["services"]


def test_every_node_is_the_same_pinned_citus_with_its_settings(services):
    assert {services[name]["image"] for name in NODES} == {"citusdata/citus:14.0.0"}
    assert len({services[name]["command"] for name in NODES}) == 1
    for setting in ("shared_preload_libraries=citus", "wal_level=logical", "max_prepared_transactions=1000"):
        assert setting in services["postgres"]["command"]


def test_workers_are_reached_by_nodes_only(services):
    document = yaml.safe_load((ROOT / "docker-compose.citus.yml").read_text())

    assert document["networks"]["cluster"]["internal"] is True
    assert {name for name, each in services.items() if "cluster" in (each.get("networks") or ())} == {
        *NODES,
        "nodes",
    }
    assert services["worker-1"]["networks"] == services["worker-2"]["networks"] == ["cluster"]
    assert all("ports" not in services[name] for name in NODES)
    subnet = document["networks"]["cluster"]["ipam"]["config"][0]["subnet"]
    assert {services[name]["environment"]["CLUSTER_NETWORK"] for name in NODES} == {subnet}


def test_each_node_has_a_volume_of_its_own_and_citus_comes_after_the_roles(services):
    volumes = [services[name]["volumes"] for name in NODES]

    assert len({each[0].split(":")[0] for each in volumes}) == len(NODES)
    for each in volumes:
        scripts = [line.split(":")[1].rsplit("/", 1)[1] for line in each[1:]]
        assert scripts == sorted(scripts) == ["create-role.sh", "then-citus.sh"]
        assert all((ROOT / line.split(":")[0]).is_file() for line in each[1:])


def test_nothing_is_migrated_before_the_nodes_know_one_another(services):
    assert services["migrate"]["depends_on"] == {"nodes": {"condition": "service_completed_successfully"}}
    assert services["nodes"]["command"][2:] == ["worker-1", "worker-2"]
