"""Asking the API as somebody, at the host of a storefront."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from services.auth_services import open_session
from services.provisioning_services import fill_pool
from tenants.models import Tenant, User
from tests.factories.tenants import make_user, owner_of


@pytest.fixture(scope="session", autouse=True)
def pool(django_db_setup, django_db_blocker) -> None:
    """Two storefront schemas made once, so that no test waits for migrations."""
    with django_db_blocker.unblock():
        fill_pool(size=2)


class Api:
    """One caller at one storefront. Whoever was served before a request is served afterwards."""

    def __init__(self, tenant: Tenant, user: User | None = None) -> None:
        self.tenant = tenant
        self.headers = {"HTTP_HOST": tenant.host}
        if user is not None:
            pair = open_session(user=user, tenant=tenant)
            self.headers["HTTP_AUTHORIZATION"] = f"Bearer {pair.access}"

    def __call__(self, method: str, path: str, body: Any = None, *, key: str | None = None, **extra: Any):
        """`body` is JSON, or bytes as they are."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        if key is not None:
            extra["HTTP_IDEMPOTENCY_KEY"] = key
        options = {"content_type": "application/json", **self.headers, **extra}
        before = connection.tenant
        try:
            return Client(raise_request_exception=False).generic(method, f"/api/v1/{path}", raw, **options)
        finally:
            connection.set_tenant(before)

    def get(self, path: str, **extra: Any):
        return self("GET", path, **extra)

    def post(self, path: str, body: Any = None, **extra: Any):
        return self("POST", path, body, **extra)


@pytest.fixture
def guest(tenant) -> Api:
    """Nobody in particular."""
    return Api(tenant)


@pytest.fixture
def buyer(tenant) -> Api:
    """A person with an account."""
    return Api(tenant, make_user())


@pytest.fixture
def seller(tenant) -> Api:
    """The storefront's owner."""
    return Api(tenant, owner_of(tenant))
