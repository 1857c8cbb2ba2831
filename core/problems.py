"""Errors leave as application/problem+json (RFC 9457), whatever raised them."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django_fsm import TransitionNotAllowed
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core import errors
from core.renderers import dumps

STATUS: dict[type[errors.DomainError], int] = {
    errors.Invalid: 400,
    errors.Refused: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Misused: 422,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
CONTENT_TYPE = "application/problem+json"
# PostgreSQL: lock_not_available, deadlock_detected, serialization_failure, query_canceled.
WEATHER = {"55P03", "40P01", "40001", "57014"}


def problem_body(
    *, code: str, title: str, status: int, detail: str = "", **facts: object
) -> dict[str, object]:
    """The RFC 9457 document. `code` is stable and documented; wording may change."""
    body: dict[str, object] = {"type": f"/problems/{code}", "code": code, "title": title, "status": status}
    if detail:
        body["detail"] = detail
    return {**facts, **body}


def status_of(error: errors.DomainError) -> int:
    """The HTTP status of a refusal."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)


def problem_response(error: errors.DomainError) -> Response:
    """A refusal as a DRF response, with Retry-After where waiting helps."""
    status = status_of(error)
    body = problem_body(
        code=error.code, title=error.title, status=status, detail=error.sentence, **error.facts
    )
    headers = {"Retry-After": str(error.facts["retry_after"])} if "retry_after" in error.facts else None
    return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def problem_http(error: errors.DomainError) -> HttpResponse:
    """The same outside of DRF (middleware)."""
    response = problem_response(error)
    answer = HttpResponse(dumps(response.data), status=response.status_code, content_type=CONTENT_TYPE)
    for name, value in response.headers.items():
        if name.lower() == "retry-after":
            answer[name] = value
    return answer


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF EXCEPTION_HANDLER. Bugs return None and stay a 500."""
    if isinstance(exc, TransitionNotAllowed):
        exc = errors.IllegalTransition(
            what=type(exc.object).__name__.lower(),
            state=str(getattr(exc.object, "status", "")),
            move=exc.method.__name__,
        )
    if isinstance(exc, OperationalError) and getattr(exc.__cause__, "pgcode", None) in WEATHER:
        exc = errors.Unavailable(retry_after=1)
    if isinstance(exc, errors.DomainError):
        set_rollback()
        return problem_response(exc)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if not isinstance(exc, exceptions.APIException):
        return None
    set_rollback()
    return drf_problem(exc)


def drf_problem(exc: exceptions.APIException) -> Response:
    """Validation, authentication, throttling and parsing, in the same shape."""
    headers = {}
    if header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(exc, exceptions.ValidationError):
        body = problem_body(
            code="invalid", title="Not valid", status=400, errors=list(field_errors(exc.detail))
        )
    else:
        code = exc.get_codes() if isinstance(exc.get_codes(), str) else exc.default_code
        body = problem_body(
            code=str(code), title=str(exc.default_detail), status=exc.status_code, detail=str(exc.detail)
        )
    return Response(body, status=exc.status_code, headers=headers, content_type=CONTENT_TYPE)


def field_errors(detail: Any, path: str = "") -> Any:
    """DRF's nested errors as a flat list of {field, reason, code}."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            name = path if key == "non_field_errors" else f"{path}.{key}" if path else str(key)
            yield from field_errors(value, name)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from field_errors(value, f"{path}[{index}]" if nested and path else path)
    else:
        yield {"field": path or "body", "reason": str(detail), "code": getattr(detail, "code", "invalid")}


def json_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The one 404 of the API, the same for an unknown host, route and object."""
    return problem_http(errors.NotFound())
