"""Long work on the fleet, asked for at the operator's desk: bringing storefronts along, and looking for drift.

The shared tables are not migrated from here: that takes their owner's password, which no worker has. A release does it
(`manage.py fleet migrate`) before its workers start.
"""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, NotFound
from core.models import OperationState
from services.audit_services import record_audit
from services.fleet_services import FleetOptions, check_fleet, migrate_fleet
from services.operation_services import Outcome, Say, runner, start_operation
from services.schema_recording_services import ScriptDiffers
from tenants.models import GONE, Operation, Tenant

MIGRATE, CHECK = "fleet.migrate", "fleet.check"
# What a page can show; the rest is counted.
MOST_SHOWN = 200
MOST_LINES = 40


class AlreadyRunning(Conflict):
    """The same work was asked for and is not over."""

    code = "already_running"
    title = "This is being done already"
    detail = "Wait until it is over; you find it under long work."


class NotAsRecorded(Conflict):
    """New storefronts would be made otherwise than old ones are migrated. Nothing was changed."""

    code = "schema_script_differs"
    title = "The release is not sound: its recorded schema is not what its migrations make"
    detail = "The recorded schema of this release is not what its migrations make. Nothing was changed; run: manage.py fleet record"


@transaction.atomic
def start_fleet_run(*, actor_id: UUID, only: UUID | None = None) -> Operation:
    """Bring all storefronts that lag to this code's version, or one of them. Raises AlreadyRunning, NotFound."""
    _must_not_run(MIGRATE)
    tenant = None
    if only is not None:
        tenant = Tenant.objects.filter(pk=only).exclude(status__in=GONE).first()
        if tenant is None:
            raise NotFound(what="storefront")
    operation: Operation = start_operation(MIGRATE, actor_id=actor_id, only=tenant.slug if tenant else "")
    record_audit("fleet.migrate", actor_id=actor_id, tenant=tenant, operation=operation.pk)
    return operation


@transaction.atomic
def start_fleet_check(*, actor_id: UUID) -> Operation:
    """Compare every schema with what its migrations make. Raises AlreadyRunning."""
    _must_not_run(CHECK)
    operation: Operation = start_operation(CHECK, actor_id=actor_id)
    record_audit("fleet.check", actor_id=actor_id, operation=operation.pk)
    return operation


def _must_not_run(kind: str) -> None:
    """Two at the same time would do no harm, but each would wait for the other's schemas."""
    if Operation.objects.filter(
        kind=kind, state__in=(OperationState.QUEUED, OperationState.RUNNING)
    ).exists():
        raise AlreadyRunning()


@runner(MIGRATE)
def run_migrate(operation: Operation, say: Say) -> Outcome:
    """Progress counts storefronts. One that fails is reported and stops nobody else."""
    total = done = 0

    def begin(count: int) -> None:
        nonlocal total
        total += count
        say(done, total)

    def note(_: Any) -> None:
        nonlocal done
        done += 1
        say(done, total)

    only = operation.params.get("only")
    options = FleetOptions(only=(only,)) if only else FleetOptions()
    try:
        report = migrate_fleet(options, on_start=begin, on_outcome=note)
    except ScriptDiffers as error:
        raise NotAsRecorded() from error
    shown = report.as_json()
    return Outcome({**shown, "failed": shown["failed"][:MOST_SHOWN], "failures": len(report.failures)})


@runner(CHECK)
def run_check(operation: Operation, say: Say) -> Outcome:
    """Progress counts storefronts; the schemas that are not as they should be are in the report."""
    total = Tenant.objects.exclude(status__in=GONE).count()
    done = count = 0
    found: list[dict[str, Any]] = []
    say(0, total)

    def looked_at(many: int) -> None:
        nonlocal done
        done += many
        say(min(done, total), total)

    for drift in check_fleet(on_progress=looked_at):
        count += 1
        if len(found) < MOST_SHOWN:
            lines = drift.lines[:MOST_LINES]
            found.append({**asdict(drift), "lines": lines, "more": len(drift.lines) - len(lines)})
    return Outcome({"total": total, "drifted": count, "found": found})
