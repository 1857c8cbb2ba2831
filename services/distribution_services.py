"""Storefronts' schemas on several machines, by Citus: each lives whole on one worker, the shared tables on the coordinator.

Where PostgreSQL has no Citus, nothing here changes anything. What works there and what does not: docs/scaling.md.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog
from django.db import DatabaseError, connection, transaction

from core.db import must_be_outside_transaction, tenant_connection
from core.errors import Invalid, NotFound
from services.citus_services import citus_version
from services.fleet_applying import LOCK_CLASS
from services.schema_names import must_be_generated
from tenants.models import GONE, ReadySchema, Tenant

log = structlog.get_logger("souk.distribution")
LOCK_TIMEOUT_MS = 5000

WORKERS = """
SELECT nodename, nodeport FROM pg_dist_node WHERE noderole = 'primary' AND isactive AND shouldhaveshards ORDER BY 1, 2
"""
# Every distributed schema, with the machine its tables are on: all of them on one.
NODES = """
SELECT s.schemaid::regnamespace::text, min(n.nodename || ':' || n.nodeport)
  FROM pg_dist_schema s
  JOIN pg_dist_partition t ON t.colocationid = s.colocationid
  JOIN pg_dist_shard h ON h.logicalrelid = t.logicalrelid
  JOIN pg_dist_placement p ON p.shardid = h.shardid
  JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
 GROUP BY 1
"""
# The state machines' triggers look at their own row only, so they are safe where a schema is whole on one machine.
# Citus talks to a worker as the role in force, which therefore may log in there; it has no password.
DISTRIBUTE = """
SET LOCAL lock_timeout = {lock_timeout_ms};
SET LOCAL statement_timeout = 0;
SET LOCAL client_min_messages = warning;
SET LOCAL citus.enable_unsafe_triggers = on;
SELECT pg_advisory_xact_lock({lock_class}, hashtext('{schema}'));
SELECT citus_schema_distribute('{schema}');
ALTER ROLE "{schema}" LOGIN
"""
# The rows are on the worker; what is left of them here is hidden, and takes room.
EMPTY = """
SET LOCAL client_min_messages = warning;
SET LOCAL statement_timeout = 0;
SELECT truncate_local_data_after_distributing_table(oid::regclass) FROM pg_class
 WHERE relnamespace = '{schema}'::regnamespace AND relkind = 'r'
"""
# Writes wait at the end, for as long as it takes to hand over; before that they are followed by logical replication.
MOVE = """
SELECT citus_schema_move(%s::regnamespace, %s, %s, 'force_logical')
"""


class NoCitus(Invalid):
    """This PostgreSQL is one machine."""

    code = "no_citus"
    title = "This PostgreSQL has no Citus"


@dataclass(frozen=True)
class Place:
    """A schema and the worker it is on ("host:port"); "" is the machine we are connected to. `slug` is "" in the pool."""

    slug: str
    schema_name: str
    node: str


@dataclass
class Distributed:
    """How one schema came out of a run."""

    slug: str
    schema_name: str
    node: str = ""
    error: str = ""
    ms: int = 0


@dataclass
class DistributionReport:
    """What a run did."""

    there_already: int = 0
    seconds: float = 0.0
    outcomes: list[Distributed] = field(default_factory=list)

    @property
    def failures(self) -> list[Distributed]:
        return [each for each in self.outcomes if each.error]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "distributed": [asdict(each) for each in self.outcomes if not each.error],
            "there_already": self.there_already,
            "failed": [asdict(each) for each in self.failures],
            "seconds": round(self.seconds, 3),
        }


def must_have_citus() -> None:
    """Raises NoCitus."""
    if not citus_version():
        raise NoCitus(
            reason="nothing was changed: schemas can be distributed only where the extension citus is, see docs/scaling.md"
        )


def worker_nodes() -> list[str]:
    """The workers that take storefronts, as "host:port". Raises NoCitus."""
    must_have_citus()
    with connection.cursor() as cursor:
        cursor.execute(WORKERS)
        return [f"{host}:{port}" for host, port in cursor.fetchall()]


def places(*, only: Sequence[str] = ()) -> list[Place]:
    """Where each schema is: storefronts that are not closed, oldest first, then the pool. `only` (slugs) leaves out others.

    Without Citus everything is here. Raises NotFound where a slug is nobody's.
    """
    tenants = Tenant.objects.exclude(status__in=GONE).order_by("created_at", "id")
    named = [(slug, schema) for slug, schema in tenants.values_list("slug", "schema_name")]
    if only:
        if missing := sorted(set(only) - {slug for slug, _ in named}):
            raise NotFound(storefronts=missing)
        named = [(slug, schema) for slug, schema in named if slug in only]
    else:
        named += [
            ("", schema)
            for schema in ReadySchema.objects.order_by("pk").values_list("schema_name", flat=True)
        ]
    nodes = _nodes() if citus_version() else {}
    return [Place(slug, schema, nodes.get(schema, "")) for slug, schema in named]


def _nodes() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(NODES)
        return dict(cursor.fetchall())


def distribute_schema(schema: str) -> None:
    """Move a schema's tables to a worker of Citus' choice, with its rows; free the room they took here.

    Locks: the schema's advisory lock of the fleet; its tables, against writes, for as long as copying takes. Safe to call
    again after it was cut short. Must not be called inside a transaction. Raises DatabaseError.
    """
    must_be_outside_transaction()
    must_be_generated(schema)
    tenant_connection.set_schema_to_public()
    if schema not in _nodes():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                DISTRIBUTE.format(schema=schema, lock_class=LOCK_CLASS, lock_timeout_ms=LOCK_TIMEOUT_MS)
            )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(EMPTY.format(schema=schema))


def distribute_where_there_is_citus(schema: str) -> None:
    """For a schema that is new: as the others are. Does nothing on one machine, or while the coordinator is alone."""
    if citus_version() and worker_nodes():
        distribute_schema(schema)


def distribute_fleet(
    *,
    only: Sequence[str] = (),
    on_start: Callable[[int], None] = lambda total: None,
    on_outcome: Callable[[Distributed], None] = lambda outcome: None,
) -> DistributionReport:
    """Move every schema that is still here to a worker, the pool's too. One that fails is reported and stops no other.

    Raises NoCitus, NotFound, and Invalid where there is no worker; then nothing was changed.
    """
    started = time.monotonic()
    tenant_connection.set_schema_to_public()
    if not worker_nodes():
        raise Invalid(field="workers", reason="no worker takes schemas: add one with citus_add_node")
    found = places(only=only)
    waiting = [place for place in found if not place.node]
    report = DistributionReport(there_already=len(found) - len(waiting))
    on_start(len(waiting))
    for outcome in _each(waiting):
        report.outcomes.append(outcome)
        on_outcome(outcome)
    report.seconds = time.monotonic() - started
    log.info("fleet.distributed", total=len(waiting), failed=len(report.failures))
    return report


def _each(waiting: Sequence[Place]) -> Iterable[Distributed]:
    for place in waiting:
        started = time.monotonic()
        outcome = Distributed(place.slug, place.schema_name)
        try:
            distribute_schema(place.schema_name)
            outcome.node = _nodes().get(place.schema_name, "")
        except DatabaseError as error:
            outcome.error = f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}"
            connection.close_if_unusable_or_obsolete()
        outcome.ms = round((time.monotonic() - started) * 1000)
        yield outcome


def move_storefront(*, slug: str, node: str) -> Place:
    """Move a storefront to another worker ("host:port") while it serves; writes wait at the end. Returns where it is now.

    Must not be called inside a transaction. Raises NoCitus, NotFound, Invalid, and DatabaseError where Citus refuses.
    """
    must_be_outside_transaction()
    tenant_connection.set_schema_to_public()
    if node not in worker_nodes():
        raise Invalid(field="node", reason=f"is not one of the workers: {', '.join(worker_nodes())}")
    place = places(only=[slug])[0]
    if not place.node:
        raise Invalid(field="storefront", reason="is not distributed: run `manage.py fleet distribute` first")
    if place.node != node:
        host, _, port = node.rpartition(":")
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            try:
                cursor.execute(MOVE, [place.schema_name, host, int(port)])
            finally:
                connection.close()  # and with it the session's timeout
        log.info("fleet.moved", storefront=slug, node=node)
    return places(only=[slug])[0]
