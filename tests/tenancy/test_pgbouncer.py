"""The real PgBouncer before the real PostgreSQL: which of its modes Souk serves behind, and what the others would do to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from shop.models import Product
from tenants.context import tenant_scope
from tenants.postgresql import probe
from tests.factories.shop import make_product
from tests.factories.tenants import make_tenant
from tests.tenancy import bouncer
from tests.tenancy.test_soak import CANARIES, Soak

THREADS = 6
TRACKS = (1, 20)  # the first that may be told to track more parameters
SESSION = {"pool_mode": "session", "default_pool_size": "20"}
TRANSACTION = {"pool_mode": "transaction"}
TRACKING = {**TRANSACTION, "track_extra_parameters": "IntervalStyle, search_path, role"}


@pytest.fixture(scope="module")
def program() -> str:
    return bouncer.installed()


@pytest.fixture
def tracking(program) -> str:
    """A PgBouncer that may be told to track parameters."""
    if bouncer.version(program) < TRACKS:
        pytest.skip("this PgBouncer is older than 1.20")
    return program


@contextmanager
def behind(program: str, options: dict[str, str]) -> Iterator[None]:
    """Connections of this process go through PgBouncer."""
    settings = connection.settings_dict
    before = {name: settings[name] for name in ("HOST", "PORT")}
    with bouncer.pgbouncer(program, options) as folder:
        connection.close()
        settings.update(HOST=str(folder), PORT=str(bouncer.PORT))
        try:
            yield
        finally:
            connection.close()
            settings.update(before)


@pytest.fixture
def limits(committed) -> Iterator[None]:
    """The role has its limits of waiting in this database by itself, as the documents ask for."""
    database = connection.settings_dict["NAME"]
    change = "ALTER ROLE CURRENT_USER IN DATABASE " + connection.ops.quote_name(database)
    with connection.cursor() as cursor:
        for name in probe.WAITS:
            cursor.execute(f"{change} SET {name} = '30s'")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"{change} RESET ALL")


@pytest.fixture
def tenants(limits):
    """Storefronts that differ in nothing but a title."""
    made = [make_tenant() for _ in CANARIES]
    for tenant, canary in zip(made, CANARIES, strict=True):
        with tenant_scope(tenant):
            make_product(title=canary)
            Product.objects.update(slug="the-thing")
    return made


def soak(tenants) -> Soak:
    """Requests and transactions of all of them, on many connections."""
    work = Soak(tenants)
    threads = [threading.Thread(target=work.work, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return work


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_where_it_lends_sessions_it_is_refused(limits, program, mode):
    with (
        behind(program, {"pool_mode": mode}),
        pytest.raises(probe.SharedSessions, match="search path and the role"),
    ):
        probe.refuse_shared_sessions()


def test_where_it_tracks_what_postgresql_reports_the_role_is_lost_and_it_is_refused(limits, tracking):
    with (
        behind(tracking, TRACKING),
        pytest.raises(probe.SharedSessions, match="does not restore the role when"),
    ):
        probe.refuse_shared_sessions()


def test_in_transaction_mode_storefronts_would_get_each_others_sessions(tenants, program, settings):
    """The control of the next: without the refusal, and with all the tracking that there is."""
    settings.LOGGING_CONFIG = None
    with behind(program, TRACKING if bouncer.version(program) >= TRACKS else TRANSACTION):
        assert soak(tenants).wrong


def test_in_session_mode_storefronts_are_served_and_see_nothing_of_each_other(tenants, program, settings):
    settings.LOGGING_CONFIG = None
    with behind(program, SESSION):
        probe.refuse_shared_sessions()
        probe.refuse_lent_sessions()
        done = soak(tenants)
    assert not done.wrong[:5]
    assert min(done.served, done.failed, done.refused) > 20


def test_a_session_that_is_given_back_serves_nobody_until_it_is_entered_again(tenants, program):
    """Session mode cleans up when a connection ends: the next has neither path nor role of the one before."""
    with behind(program, {**SESSION, "default_pool_size": "1"}):
        with tenant_scope(tenants[0]), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), current_user::text")
            session, role = cursor.fetchone()
        connection.close()
        again = probe._ask(probe._connect(), probe.RELIED_ON)
    assert role == tenants[0].schema_name
    assert again == (session, '"$user", public', connection.settings_dict["USER"], "30s", "30s", "30s")


@pytest.mark.parametrize("ignored", ["options", ""], ids=["dropped", "rejected"])
def test_limits_that_it_does_not_pass_on_are_asked_for(committed, program, ignored):
    with (
        behind(program, {**SESSION, "ignore_startup_parameters": ignored}),
        pytest.raises(probe.SharedSessions, match="ALTER ROLE"),
    ):
        probe.refuse_shared_sessions()
