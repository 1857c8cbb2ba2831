"""Fixtures: storefronts in schemas of their own on a real PostgreSQL, and a local Stripe.

Tests that use `db` run in a transaction that is rolled back. Tests that need commits (threads, jobs of other
connections, deferred constraints) use `committed`: all tables are emptied after them, and the schemas used again.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from core.db import as_marketplace, as_owner
from services.fleet_services import migrate_shared
from services.provisioning_services import fill_pool
from stripe_local.testing import LocalStripe
from tenants.models import Tenant
from tests.browser.absence import tell
from tests.deploy.caddy import SKIPPED as NO_CADDY
from tests.deploy.citus import SKIPPED as NO_CLUSTER
from tests.factories.tenants import forget_everything, forget_roles, make_tenant
from tests.tenancy.bouncer import SKIPPED as NO_PGBOUNCER
from tests.workers import scheduler

hypothesis.settings.register_profile("souk", deadline=None)  # speed is for the benchmarks
hypothesis.settings.load_profile("souk")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What everybody should know about this run."""
    tell(terminalreporter)
    tell(terminalreporter, NO_CADDY, "caddy")
    tell(terminalreporter, NO_CLUSTER, "citus")
    tell(terminalreporter, NO_PGBOUNCER, "pgbouncer")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """How tests are shared out."""
    return scheduler(config, log)


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker) -> Iterator[None]:
    """A test database with the shared tables and two storefront schemas; more are made when needed."""
    xdist = getattr(request.config, "workerinput", {}).get("workerid", "")
    name = settings.DATABASES["default"]["TEST"]["NAME"] + (f"_{xdist}" if xdist else "")
    settings.DATABASES["default"]["TEST"]["NAME"] = connection.settings_dict["TEST"]["NAME"] = name
    with django_db_blocker.unblock():
        with as_owner():
            config = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
        migrate_shared()
        fill_pool(size=2)  # a rolled-back test gives them back untouched, and none waits for migrations
        yield
        with connection.cursor() as cursor:
            cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%%'")
            roles = [name for (name,) in cursor.fetchall()]
        with as_owner():
            teardown_databases(config, verbosity=0)
        forget_roles(roles)


@pytest.fixture
def committed(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Real commits. Leaves no job, no open connection and no tenant in force behind."""
    with django_db_blocker.unblock():
        connection.set_schema_to_public()
        yield
        connection.set_schema_to_public()
        forget_everything()


@pytest.fixture(autouse=True)
def nobody_is_served() -> Iterator[None]:
    """Each test starts and ends in the public schema."""
    yield
    connection.is_marketplace = False
    if connection.connection is not None:
        connection.set_schema_to_public()


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> Tenant:
    """A storefront, rolled back with the test or committed, whichever database fixture the test asked for."""
    if "committed" not in request.fixturenames:
        request.getfixturevalue("db")
    return make_tenant()


@pytest.fixture
def other_tenant(tenant: Tenant) -> Tenant:
    """A second storefront."""
    return make_tenant()


@pytest.fixture
def serving(tenant: Tenant) -> Iterator[Tenant]:
    """The storefront, being served for the whole test. The test itself may look at and touch everything; requests, jobs
    and whatever enters the storefront again have the rights of its role."""
    from tenants.context import tenant_scope

    with ExitStack() as stack:
        stack.enter_context(tenant_scope(tenant))
        stack.enter_context(as_marketplace())
        yield tenant


@pytest.fixture(scope="session")
def _stripe_server() -> Iterator[LocalStripe]:
    with LocalStripe(funds_after_seconds=0) as local:
        yield local


@pytest.fixture
def stripe_local(_stripe_server: LocalStripe, settings) -> LocalStripe:
    """A local Stripe, empty, that the code under test talks to."""
    _stripe_server.reset()
    settings.STRIPE_API_BASE = _stripe_server.url
    return _stripe_server
