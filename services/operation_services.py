"""Long work with progress: asked for on a page, done by a worker, found again by whoever asked.

An operation belongs to whoever is served: a storefront, or the marketplace. What it does is a runner, registered under
its kind; it is told of nothing but the operation and may be started again from the beginning when its worker died.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from core.clock import now
from core.db import as_marketplace, is_in_transaction, tenant_connection
from core.errors import DomainError, NotFound, Unavailable
from core.jobs import enqueue
from core.models import OperationBase, OperationState
from shop.models import Operation as ShopOperation
from tenants.models import Operation as MarketplaceOperation
from tenants.models import Tenant

log = structlog.get_logger("souk.operations")
KEPT = timedelta(days=30)
TOLD_EVERY_SECONDS = 0.4
FAILED = gettext_noop("Something went wrong. The fault is ours and has been noted.")
Say = Callable[..., None]


@dataclass(frozen=True)
class Outcome:
    """What came of an operation: figures for its page, and a file where one was made."""

    report: dict[str, Any] = field(default_factory=dict)
    output: bytes | None = None
    output_type: str = ""
    file_name: str = ""


Runner = Callable[[Any, Say], Outcome]
RUNNERS: dict[str, Runner] = {}


def runner(kind: str) -> Callable[[Runner], Runner]:
    """Register what an operation of this kind does: `run(operation, say) -> Outcome`.

    `say(done, total=None)` notes how far it is; call it as often as you like. Inside of a transaction nobody would see it, so
    nothing is noted there. A DomainError becomes the reason why the operation failed.
    """

    def register(run: Runner) -> Runner:
        if kind in RUNNERS:
            raise ValueError(f"two runners are named {kind}")
        RUNNERS[kind] = run
        return run

    return register


def _model() -> type[Any]:
    return ShopOperation if isinstance(tenant_connection.tenant, Tenant) else MarketplaceOperation


def _rows() -> Any:
    """Operations without their files."""
    return _model().objects.defer("input", "output")


@transaction.atomic
def start_operation(
    kind: str, *, actor_id: UUID | None, upload: bytes | None = None, file_name: str = "", **params: Any
) -> Any:
    """Ask for long work, as part of the current transaction. `params` are JSON values. Raises LookupError.

    Operations that ended more than 30 days ago are forgotten.
    """
    if kind not in RUNNERS:
        raise LookupError(f"no operation is named {kind!r}")
    _model().objects.filter(finished_at__lt=now() - KEPT).delete()
    operation = _model().objects.create(
        kind=kind, actor_id=actor_id, params=params, input=upload, file_name=file_name[-120:]
    )
    enqueue("operation.run", operation_id=operation.pk)
    return operation


def find_operation(operation_id: UUID) -> Any:
    """An operation of whoever is served, without its files. Raises NotFound."""
    found = _rows().filter(pk=operation_id).first()
    if found is None:
        raise NotFound(what="operation")
    return found


def operations() -> QuerySet[Any]:
    """All of them, newest first, without their files."""
    rows: QuerySet[Any] = _rows().order_by("-created_at", "-id")
    return rows


def output_of(operation_id: UUID) -> Any:
    """An operation with the file it made. Raises NotFound where there is none."""
    found = _model().objects.defer("input").filter(pk=operation_id, output__isnull=False).first()
    if found is None:
        raise NotFound(what="file")
    return found


def run_operation(*, operation_id: UUID) -> None:
    """Do the work and keep what came of it. Again it does nothing; after a worker's death it starts over.

    Weather (the database, a dependency that does not answer) is raised, so that the job is tried again.
    """
    operation = _model().objects.filter(pk=operation_id).first()
    if operation is None or operation.is_over:
        return
    mine = _model().objects.filter(pk=operation_id, state__in=(OperationState.QUEUED, OperationState.RUNNING))
    mine.update(state=OperationState.RUNNING, started_at=operation.started_at or now(), done=0, total=None)
    try:
        outcome = RUNNERS[operation.kind](operation, _teller(operation))
    except (OperationalError, InterfaceError, Unavailable):
        raise
    except DomainError as refusal:
        mine.update(state=OperationState.FAILED, error=refusal.sentence[:300], finished_at=now(), input=None)
    except Exception:
        log.exception("operation.failed", kind=operation.kind, operation=str(operation_id))
        mine.update(state=OperationState.FAILED, error=FAILED, finished_at=now(), input=None)
    else:
        mine.update(
            state=OperationState.DONE,
            report=outcome.report,
            output=outcome.output,
            output_type=outcome.output_type,
            file_name=outcome.file_name or operation.file_name,
            finished_at=now(),
            input=None,
        )


def _teller(operation: OperationBase) -> Say:
    """Notes progress, a few times a second at the most; the last word is always kept."""
    told_at = 0.0

    def say(done: int, total: int | None = None) -> None:
        nonlocal told_at
        moment = time.monotonic()
        if moment - told_at < TOLD_EVERY_SECONDS and (total is None or done < total):
            return
        if is_in_transaction():
            return
        told_at = moment
        values = {"done": done} if total is None else {"done": done, "total": total}
        # A storefront may be served meanwhile, whose role sees no operation of the marketplace.
        with as_marketplace():
            type(operation)._default_manager.filter(pk=operation.pk).update(**values)

    return say
