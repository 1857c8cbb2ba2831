"""A connection to PostgreSQL that died between two requests is replaced, once and unnoticed."""

from contextlib import closing

import psycopg2
import pytest
from django.db import connection
from django.test import Client

from tenants.models import Tenant


def end_this_session() -> None:
    """What a restart of PostgreSQL does to a connection that a web process keeps."""
    parameters = connection.connection.info.dsn_parameters | {"password": connection.connection.info.password}
    with closing(psycopg2.connect(**parameters)) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        other.commit()


@pytest.mark.usefixtures("committed")
def test_requests_go_on_after_postgresql_ended_the_connection(tenant: Tenant):
    client = Client(headers={"host": tenant.host})
    assert client.get("/api/v1/products").status_code == 200

    for _ in range(2):
        end_this_session()
        assert client.get("/api/v1/products").status_code == 200


def test_the_lookup_of_the_host_stands_for_the_health_check(tenant: Tenant):
    connection.health_check_done = False

    Client(headers={"host": tenant.host}).get("/api/v1/products")

    assert connection.health_check_done
