"""Asking any host as anybody, and what a schema holds."""

import json
import re
from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.test import Client

from services.auth_services import TokenPair, open_session
from tenants.models import Tenant, User

MARKETPLACE = "souk.localhost"
ELSEWHERE = "00000000-0000-7000-8000-000000000000"
NUMBERED = {"difference_id": "1"}  # all other ids are UUIDs


def ask(host: str, method: str, path: str, body: Any = None, *, token: str = "", client=None, **extra: Any):
    """One request, with a bearer token if one is given. Whoever was served before is served afterwards."""
    if token:
        extra["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    raw = json.dumps(body).encode() if body is not None else b""
    before = connection.tenant
    try:
        return (client or Client(raise_request_exception=False)).generic(
            method, path, raw, content_type="application/json", HTTP_HOST=host, **extra
        )
    finally:
        connection.set_tenant(before)


def tokens(user: User, tenant: Tenant | None) -> TokenPair:
    """Signed in at a storefront, or at the marketplace."""
    return open_session(user=user, tenant=tenant)


def digest(schema: str, *, besides: str = "^$") -> str:
    """One hash of every row of every table of a schema, in order, but for tables that match `besides`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema])
        names = [name for (name,) in cursor.fetchall() if not re.search(besides, name)]
        assert names
        parts = " || ".join(
            f"(SELECT '{name}' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
            f' FROM "{schema}"."{name}" t)'
            for name in names
        )
        cursor.execute(f"SELECT md5({parts})")
        return cursor.fetchone()[0]


def filled(route: str, names: Mapping[str, object]) -> str:
    """The route with these names in it, and ids of nothing for the others."""
    return re.sub(r"\{(\w+)\}", lambda match: str({**NUMBERED, **names}.get(match[1], ELSEWHERE)), route)
