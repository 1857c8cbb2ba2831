"""Idempotency-Key on requests that create something of value.

Same key and body: the first answer again, with `Idempotent-Replayed: true`. Same key, other body or route: 422.
Still running: 409. Only successes are stored, so a request that was refused may be corrected and sent again under
the same key. A crashed request holds its key for `LOCK` at most; services keep a natural key of their own, so that
the retry continues what the crash interrupted instead of doing it again.
"""

import functools
import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, models
from rest_framework.request import Request
from rest_framework.response import Response

from core.clock import now
from core.errors import Conflict, Invalid, Misused
from core.models import IdempotencyKeyBase
from core.renderers import dumps

LOCK = timedelta(seconds=60)
LIFETIME = timedelta(hours=48)
VALID_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class StillRunning(Conflict):
    """The same request is being worked on right now. Facts: retry_after."""

    code = "idempotency_key_in_use"
    title = "This request is still being worked on"
    detail = "Send the same request again in {retry_after} second."


def idempotent(view: Callable[..., Response]) -> Callable[..., Response]:
    """Require an Idempotency-Key on a DRF view method. The key is passed on as `request.idempotency_key`.

    The view's class names the table: `idempotency_model` (public or tenant).
    """

    @functools.wraps(view)
    def guarded(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not VALID_KEY.fullmatch(key):
            raise Invalid(
                field="Idempotency-Key", reason="send this header: 1 to 255 visible ASCII characters"
            )
        caller = caller_of(request)
        row, is_replay = _begin(
            self.idempotency_model, caller=caller, key=key, request_hash=hash_of(request, request.data)
        )
        if is_replay:
            return Response(bytes(row.body), status=row.status, headers={"Idempotent-Replayed": "true"})
        request.idempotency_key = f"{caller}:{key}"
        try:
            response = view(self, request, *args, **kwargs)
        except Exception:
            _release(row)
            raise
        if 200 <= response.status_code < 300:
            response.data = dumps(response.data)
            _keep(row, status=response.status_code, body=response.data)
        else:
            _release(row)
        return response

    guarded.is_idempotent = True
    return guarded


def caller_of(request: Request) -> str:
    """Who a key belongs to: the user, or everybody who is not signed in."""
    user = request.user
    return caller_for(user.pk) if user is not None and user.is_authenticated else "guest"


def caller_for(user_id: UUID) -> str:
    """Who the keys of a user belong to."""
    return f"user:{user_id}"


def hash_of(request: Request, data: Any) -> str:
    """A digest of the method, the path and the body."""
    return hashlib.sha256(f"{request.method} {request.path}\n".encode() + dumps(data)).hexdigest()


def _begin(
    model: type[IdempotencyKeyBase], *, caller: str, key: str, request_hash: str
) -> tuple[IdempotencyKeyBase, bool]:
    moment = now()
    fresh = model(caller=caller, key=key, request_hash=request_hash, locked_until=moment + LOCK)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} (id, caller, key, request_hash, locked_until, created_at)"  # noqa: S608 - our own table
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (caller, key) DO NOTHING",
            [fresh.pk, caller, key, request_hash, fresh.locked_until, moment],
        )
        if cursor.rowcount:
            return fresh, False
    row = model.objects.filter(caller=caller, key=key).first()
    if row is None:
        raise StillRunning(retry_after=1)
    if row.request_hash != request_hash:
        raise Misused()
    if row.status is not None:
        return row, True
    taken_over = model.objects.filter(pk=row.pk, status=None, locked_until=row.locked_until).filter(
        locked_until__lt=moment
    )
    if not taken_over.update(locked_until=moment + LOCK):
        raise StillRunning(retry_after=1)
    return row, False


def _keep(row: IdempotencyKeyBase, *, status: int, body: bytes) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET status = %s, body = %s WHERE id = %s",  # noqa: S608 - our own table
            [status, body, row.pk],
        )


def _release(row: models.Model) -> None:
    type(row).objects.filter(pk=row.pk, status=None).delete()
