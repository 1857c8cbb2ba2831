"""Storefronts of this release, and the code of the next one."""

from collections.abc import Iterator

import pytest
from django.db import connection

from services.schema_names import drop_schema
from services.schema_recording_services import forget_versions
from tenants.models import ReadySchema, Tenant
from tests.factories.tenants import make_tenant


@pytest.fixture
def shops(committed, request) -> Iterator[list[Tenant]]:
    """A few storefronts of this release, whose schemas are dropped afterwards: they will be changed."""
    count = getattr(request, "param", 3)
    made = [make_tenant() for _ in range(count)]
    yield made
    connection.set_schema_to_public()
    for tenant in Tenant.objects.all():
        drop_schema(tenant.schema_name)
    for ready in ReadySchema.objects.exclude(version=made[0].schema_version):
        drop_schema(ready.schema_name)
        ready.delete()


@pytest.fixture
def next_release(shops, settings, monkeypatch) -> Iterator[None]:
    """From here on this process runs the next release's code.

    Django reloads packages of migrations; while it does, this one has lost its second folder for every other thread.
    """
    monkeypatch.setattr("django.db.migrations.loader.reload", lambda module: module)
    settings.MIGRATION_MODULES = {"shop": "tests.fleet.next_release"}
    forget_versions()
    yield
    settings.MIGRATION_MODULES = {}
    forget_versions()
