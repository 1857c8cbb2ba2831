"""A storefront is copied to staging: nothing of its people, nothing that moves money, everything else."""

import pytest

from services.staging_services import copy_to_staging
from tests.portability.support import fill, likeness

pytestmark = pytest.mark.usefixtures("archives", "committed")


def test_copy(tenant, stripe_local):
    fill(tenant, stripe_local)
    before = likeness(tenant.schema_name)
    made = copy_to_staging(tenant_id=tenant.pk, actor_id=None)
    assert likeness(tenant.schema_name) == before
    assert made.rows
