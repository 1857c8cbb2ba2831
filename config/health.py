"""Probes for machines, answered on any host: /healthz, /readyz, and Caddy's question about certificates."""

from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse

from services.domain_services import serves_host
from services.schema_recording_services import disk_migrations


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and has this code's shared tables; 503 otherwise, with what is missing."""
    try:
        applied = {(app, name) for app, name in MigrationRecorder(connection).applied_migrations()}
    except DatabaseError:
        return JsonResponse({"ready": False, "database": "does not answer"}, status=503)
    missing = [f"{app}.{name}" for app, name in _wanted() if (app, name) not in applied]
    if missing:
        return JsonResponse({"ready": False, "migrations": missing}, status=503)
    return JsonResponse({"ready": True})


def _wanted() -> list[tuple[str, str]]:
    return [key for key in disk_migrations() if key[0] in ("core", "tenants", "payouts")]


def tls_ask(request: HttpRequest) -> HttpResponse:
    """200 where Souk serves ?domain=, 404 elsewhere: Caddy fetches certificates for nothing else."""
    is_ours = serves_host(request.GET.get("domain", "")[:253])
    return HttpResponse(status=200 if is_ours else 404)
