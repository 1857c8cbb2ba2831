"""Two storefront schemas are made once, before the first test: each test's transaction gives them back untouched."""

import pytest

from services.provisioning_services import fill_pool


@pytest.fixture(scope="session", autouse=True)
def ready_schemas(django_db_setup, django_db_blocker) -> None:
    """Without them every rolled-back test would migrate a schema of its own."""
    with django_db_blocker.unblock():
        fill_pool(size=2)
