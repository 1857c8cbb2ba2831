"""Two storefront schemas made once, so that no test waits for migrations."""

import pytest

from services.provisioning_services import fill_pool


@pytest.fixture(scope="session", autouse=True)
def pool(django_db_setup, django_db_blocker) -> None:
    """Tests in a rolled-back transaction take a schema from the pool and give it back by the rollback."""
    with django_db_blocker.unblock():
        fill_pool(size=2)
