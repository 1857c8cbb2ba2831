"""The fleet: what each storefront's schema lacks, and bringing all of them to this code's version.

A run works out the SQL of every migration once, in a scratch schema, and applies it to the schemas in parallel: one
transaction per schema and migration, under an advisory lock per schema, with a short lock_timeout. What a schema has is
read from its own table of migrations, so a run that was killed is simply started again.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import structlog
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder

from core.clock import now
from core.db import as_owner, tenant_connection
from services.fleet_applying import APPLIED, BUSY, Applier
from services.schema_digest_services import schema_digests, schema_lines
from services.schema_recording_services import (
    Recording,
    Step,
    code_version,
    disk_migrations,
    must_match_script,
    record_steps,
    tenant_apps,
    tenant_migrations,
    version_of,
)
from services.wall_services import application_role, apply_walls, make_missing_roles
from tenants.models import GONE, FleetEntry, SchemaState, Tenant

log = structlog.get_logger("souk.fleet")
LOCK_NOT_AVAILABLE = "55P03"
RECONNECT_AFTER = 200  # schemas; a session's catalogue cache grows with each one it touches

# All tables of migrations in one statement; NULL where a schema has none.
APPLIED_MIGRATIONS = "SELECT name, applied FROM public.fleet_applied(%s, %s) AS f(name, applied)"


@dataclass(frozen=True)
class Need:
    """A storefront and the steps its schema lacks, in order. `applied` is None where there is no table of migrations."""

    tenant_id: UUID
    slug: str
    schema_name: str
    recorded_version: str
    applied: frozenset[str] | None
    steps: tuple[Step, ...] = ()


@dataclass
class Outcome:
    """How one storefront came out of a run. `migration` is the one that failed, else the last one applied."""

    slug: str
    state: str
    migration: str = ""
    error: str = ""
    attempts: int = 0
    ms: int = 0


@dataclass
class FleetReport:
    """What a run did."""

    total: int = 0
    up_to_date: int = 0
    seconds: float = 0.0
    is_stopped: bool = False
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def migrated(self) -> int:
        return sum(each.state == SchemaState.CURRENT for each in self.outcomes)

    @property
    def failures(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.state != SchemaState.CURRENT]

    def as_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "up_to_date": self.up_to_date,
            "migrated": self.migrated,
            "failed": [asdict(each) for each in self.failures],
            "stopped": self.is_stopped,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class FleetOptions:
    """How a run goes about it. `canaries` (slugs) go first, one by one; the first failure among them ends the run.

    `only` (slugs) leaves all others as they are.
    """

    workers: int = 4
    canaries: tuple[str, ...] = ()
    first: int = 1
    max_failures: int = 10
    lock_timeout_ms: int = 2000
    retries: int = 5
    only: tuple[str, ...] = ()


# What is missing ---------------------------------------------------------------------------------------------------------


def applied_migrations(schemas: Sequence[str]) -> dict[str, frozenset[str] | None]:
    """The tenant migrations ("app.name") that each schema has recorded; None where it has no record. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(APPLIED_MIGRATIONS, [list(schemas), tenant_apps()])
        return {name: None if keys is None else frozenset(keys) for name, keys in cursor.fetchall()}


def find_needs(steps: Sequence[Step] = ()) -> list[Need]:
    """Every storefront that is not closed, oldest first, with what its schema lacks of `steps`."""
    tenants = (
        Tenant.objects.exclude(status__in=GONE)
        .order_by("created_at", "id")
        .values_list("pk", "slug", "schema_name", "schema_version")
    )
    rows = list(tenants)
    applied = applied_migrations([row[2] for row in rows])
    wanted = [step for step in steps if step.key in tenant_migrations()]
    return [
        Need(
            pk,
            slug,
            schema,
            version,
            has := applied[schema],
            () if has is None else tuple(step for step in wanted if step.key not in has),
        )
        for pk, slug, schema, version in rows
    ]


def is_behind(need: Need) -> bool:
    """The schema lacks a migration that this code has, or has no record at all."""
    return need.applied is None or not tenant_migrations() <= need.applied


_sufficient: set[str] = set()


def schema_lags(tenant: Tenant) -> bool:
    """Whether this code must not serve the storefront yet. Costs nothing where the version is this code's own.

    A version recorded by a newer release is looked into once per process. One that says too little is checked against
    the schema itself, and put right where a migration came by another way.
    """
    version = tenant.schema_version
    if version == code_version() or version in _sufficient:
        return False
    has = applied_migrations([tenant.schema_name])[tenant.schema_name]
    if has is None or not tenant_migrations() <= has:
        return True
    real = version_of(sorted(has))
    _sufficient.add(real)
    if real != version:
        Tenant.objects.filter(pk=tenant.pk, schema_version=version).update(schema_version=real)
    return False


# The shared tables ------------------------------------------------------------------------------------------------------


def migrate_shared() -> None:
    """Migrate the shared tables as their owner, and put up the walls between storefronts on them."""
    tenant_connection.set_schema_to_public()
    application = application_role()
    with as_owner():
        if not set(disk_migrations()) <= MigrationRecorder(connection).applied_migrations().keys():
            call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
            tenant_connection.set_schema_to_public()
        apply_walls(application=application)


# A run -------------------------------------------------------------------------------------------------------------------


def migrate_fleet(
    options: FleetOptions = FleetOptions(),
    *,
    on_start: Callable[[int], None] = lambda total: None,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
    stop: threading.Event | None = None,
) -> FleetReport:
    """Bring every storefront to this code's version. A broken one is reported and never stops the others.

    Looks again when it is through, until nobody is behind: whoever signs up meanwhile is found. Ends early after
    `max_failures` or when `stop` is set; what is under way is finished. Must be called outside of transactions. Raises
    ScriptDiffers, before anything is changed, where new storefronts would be made otherwise than old ones are migrated.
    """
    started = time.monotonic()
    tenant_connection.set_schema_to_public()
    report = FleetReport()
    stop = stop or threading.Event()
    make_missing_roles()
    needs = find_needs()
    _record_versions([need for need in needs if not is_behind(need)])
    behind = [need for need in needs if is_behind(need)]
    report.total = Tenant.objects.exclude(status__in=GONE).count()
    report.up_to_date = report.total - len(behind)
    if behind:
        recording = record_steps()
        must_match_script(recording)
        run = _Run(recording, options, report, on_outcome, stop)
        tried: set[UUID] = set()
        while not stop.is_set():
            needs = [
                need
                for need in find_needs(recording.steps)
                if is_behind(need)
                and need.tenant_id not in tried
                and (not options.only or need.slug in options.only)
            ]
            if not needs:
                break
            on_start(len(needs))
            tried |= {need.tenant_id for need in needs}
            run.through(needs)
    report.is_stopped = stop.is_set()
    report.seconds = time.monotonic() - started
    log.info(
        "fleet.migrated",
        total=report.total,
        migrated=report.migrated,
        failed=len(report.failures),
        ms=round(report.seconds * 1000),
    )
    return report


def _record_versions(needs: Sequence[Need]) -> None:
    """Where a schema was migrated by another way, its storefront says so from now on. One statement."""
    wrong = [
        (str(need.tenant_id), version)
        for need in needs
        if (version := version_of(sorted(need.applied or ()))) != need.recorded_version
    ]
    if wrong:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE public.tenants_tenant t SET schema_version = v.version"
                " FROM unnest(%s::uuid[], %s::text[]) AS v(id, version) WHERE t.id = v.id",
                [list(column) for column in zip(*wrong, strict=True)],
            )


class _Run:
    """One run over the fleet, with what its threads share."""

    def __init__(
        self,
        recording: Recording,
        options: FleetOptions,
        report: FleetReport,
        on_outcome: Callable[[Outcome], None],
        stop: threading.Event,
    ) -> None:
        self.steps = recording.steps
        self.options = options
        self.report = report
        self.on_outcome = on_outcome
        self.stop = stop
        self.applier = Applier(lock_timeout_ms=options.lock_timeout_ms)
        self._lock = threading.Lock()

    def through(self, needs: Sequence[Need]) -> None:
        canaries, others = self._in_order(needs)
        for need in canaries:
            if self.stop.is_set():
                return
            if self._note(self._outcome(need)).state != SchemaState.CURRENT:
                self.stop.set()
        waiting = iter(others)
        with ThreadPoolExecutor(self.options.workers, thread_name_prefix="fleet") as pool:
            for thread in [pool.submit(self._work, waiting) for _ in range(self.options.workers)]:
                thread.result()

    def _in_order(self, needs: Sequence[Need]) -> tuple[list[Need], list[Need]]:
        named = [need for need in needs if need.slug in self.options.canaries]
        canaries = named or list(needs[: self.options.first])
        return canaries, [need for need in needs if need not in canaries]

    def _work(self, waiting: Iterator[Need]) -> None:
        """One thread: takes schemas until there are none. Its session is closed in the end, and renewed now and then."""
        done = 0
        try:
            while not self.stop.is_set():
                with self._lock:
                    need = next(waiting, None)
                if need is None:
                    return
                self._note(self._outcome(need))
                done += 1
                if done % RECONNECT_AFTER == 0:
                    connection.close()
        finally:
            connection.close()

    def _note(self, outcome: Outcome) -> Outcome:
        with self._lock:
            self.report.outcomes.append(outcome)
            self.on_outcome(outcome)
            if len(self.report.failures) >= self.options.max_failures:
                self.stop.set()
        return outcome

    def _outcome(self, need: Need) -> Outcome:
        """Migrate one schema. Never raises for anything that is wrong with it."""
        started = time.monotonic()
        outcome = Outcome(need.slug, SchemaState.CURRENT)
        if need.applied is None:
            outcome.state, outcome.error = (
                SchemaState.MISSING,
                "There is no schema, or it has no table of migrations.",
            )
        else:
            applied = set(need.applied)
            for step in need.steps:
                outcome.migration = step.key
                applied.add(step.key)
                outcome.error = self._with_retries(need, step, version_of(sorted(applied)), outcome)
                if outcome.error:
                    outcome.state = SchemaState.FAILED
                    break
        outcome.ms = round((time.monotonic() - started) * 1000)
        self._write(need, outcome)
        return outcome

    def _with_retries(self, need: Need, step: Step, version: str, outcome: Outcome) -> str:
        """Apply one step; what could not be locked is tried again after a pause. Returns the error, or ""."""
        for attempt in range(1, self.options.retries + 1):
            outcome.attempts += 1
            try:
                self.applier.apply(step, need.schema_name, version=version)
                return ""
            except DatabaseError as error:
                code = getattr(error.__cause__, "pgcode", None)
                if code == APPLIED:
                    return ""
                reason = " ".join(str(error).split())[:1000]
                connection.close_if_unusable_or_obsolete()
                if code not in (LOCK_NOT_AVAILABLE, BUSY, "40P01") or attempt == self.options.retries:
                    return f"{type(error).__name__}: {reason}"
            except Exception as error:  # a Python migration may raise anything
                return f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}"
            if self.stop.wait(min(0.1 * 2**attempt, 5) * (0.5 + random.random())):  # noqa: S311
                return reason
        return ""

    @staticmethod
    def _write(need: Need, outcome: Outcome) -> None:
        tenant_connection.set_schema_to_public()
        FleetEntry.objects.update_or_create(
            tenant_id=need.tenant_id,
            defaults={
                "state": outcome.state,
                "migration": outcome.migration,
                "error": outcome.error,
                "attempts": outcome.attempts,
                "duration_ms": outcome.ms,
                "changed_at": now(),
            },
        )


MOST_STRAGGLERS = 10


def migrate_stragglers() -> FleetReport | None:
    """Bring along the few that a process of the release before opened after the fleet was migrated. Nothing where many
    are behind: that is a run the operator starts."""
    behind = sum(is_behind(need) for need in find_needs())
    if not 0 < behind <= MOST_STRAGGLERS:
        return None
    return migrate_fleet(FleetOptions(workers=1))


# What people ask ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FleetStatus:
    """How the fleet stands: how many storefronts at which version, and those that are not well."""

    version: str
    versions: dict[str, int]
    states: dict[str, int]
    unwell: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def fleet_status() -> FleetStatus:
    """Reads what every schema really has; the run's record gives the reasons."""
    entries = {entry.tenant_id: entry for entry in FleetEntry.objects.all()}
    versions: dict[str, int] = {}
    states: dict[str, int] = {}
    unwell = []
    for need in find_needs():
        version = "none" if need.applied is None else version_of(sorted(need.applied))
        entry = entries.get(need.tenant_id)
        state = _state_of(need, entry)
        versions[version] = versions.get(version, 0) + 1
        states[state] = states.get(state, 0) + 1
        if state != SchemaState.CURRENT:
            unwell.append(
                {
                    "storefront": need.slug,
                    "schema": need.schema_name,
                    "state": state,
                    "version": version,
                    "lacks": sorted(tenant_migrations() - (need.applied or frozenset())),
                    "migration": entry.migration if entry else "",
                    "error": entry.error if entry else "",
                    "attempts": entry.attempts if entry else 0,
                    "duration_ms": entry.duration_ms if entry else 0,
                }
            )
    return FleetStatus(code_version(), versions, states, unwell)


def _state_of(need: Need, entry: FleetEntry | None) -> str:
    if need.applied is None:
        return SchemaState.MISSING.value
    if not is_behind(need):
        return SchemaState.CURRENT.value
    has_failed = entry is not None and entry.state == SchemaState.FAILED
    return SchemaState.FAILED.value if has_failed else SchemaState.BEHIND.value


@dataclass(frozen=True)
class Planned:
    """A migration that would run, on how many storefronts, with its SQL and the locks it takes."""

    migration: str
    storefronts: int
    kind: str
    sql: tuple[str, ...]
    locks: dict[str, str]


def plan_fleet() -> list[Planned]:
    """What `migrate_fleet` would run now. Works in a scratch schema; no storefront is touched."""
    tenant_connection.set_schema_to_public()
    recording = record_steps()
    wanted: dict[str, int] = {}
    for need in find_needs(recording.steps):
        for step in need.steps:
            wanted[step.key] = wanted.get(step.key, 0) + 1
    return [
        Planned(step.key, wanted[step.key], _kind(step), step.sql, step.locks)
        for step in recording.steps
        if step.key in wanted
    ]


def _kind(step: Step) -> str:
    if step.is_python:
        return "python"
    return "sql" if step.is_atomic else "sql, not in one transaction"


@dataclass(frozen=True)
class Drift:
    """A schema that is not what its recorded migrations make, line by line (`-` is missing, `+` is too much)."""

    slug: str
    schema_name: str
    problem: str
    lines: tuple[str, ...] = ()


def check_fleet(*, on_progress: Callable[[int], None] = lambda done: None) -> Iterator[Drift]:
    """Compare every schema, and the pool's, with what its recorded migrations make. Reads only, besides a scratch schema."""
    tenant_connection.set_schema_to_public()
    recording = record_steps()
    by_version = _digests_by_version(recording)
    needs = find_needs(recording.steps)
    for start in range(0, len(needs), 50):
        part = needs[start : start + 50]
        digests = schema_digests([need.schema_name for need in part])
        for need in part:
            if need.applied is None:
                yield Drift(need.slug, need.schema_name, "has no schema, or no table of migrations")
                continue
            version = version_of(sorted(need.applied))
            if need.recorded_version and need.recorded_version != version:
                yield Drift(need.slug, need.schema_name, "records another version than it has")
            if version not in by_version:
                yield Drift(need.slug, need.schema_name, "has migrations that this code does not know")
            elif digests[need.schema_name] != by_version[version]:
                lines = _difference(need.schema_name, recording) if version == code_version() else ()
                yield Drift(need.slug, need.schema_name, "differs from what its migrations make", lines)
        on_progress(len(part))


def _digests_by_version(recording: Recording) -> dict[str, str]:
    applied: list[str] = []
    found = {}
    for step in recording.steps:
        if step.key in recording.digests:
            applied.append(step.key)
            found[version_of(applied)] = recording.digests[step.key]
    return found


def _difference(schema: str, recording: Recording) -> tuple[str, ...]:
    wanted, found = set(recording.lines), set(schema_lines(schema))
    return tuple(
        [f"- {line}" for line in sorted(wanted - found)] + [f"+ {line}" for line in sorted(found - wanted)]
    )
