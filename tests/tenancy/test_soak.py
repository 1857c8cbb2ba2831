"""Three storefronts served by eight threads that fail at random: nobody ever sees another's row."""

import random
import threading
import time

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from shop.models import Product
from tenants.context import tenant_scope
from tests.factories.shop import make_product
from tests.factories.tenants import make_tenant
from tests.tenancy.support import digest
from tests.tenancy.test_connection import agree

THREADS, SECONDS = 8, 3.0
CANARIES = ("Amaranth", "Bergamot", "Cardamom")


class Soak:
    """What eight workers do to three storefronts, and what they saw."""

    def __init__(self, tenants) -> None:
        self.tenants = tenants
        self.wrong: list = []
        self.served = self.failed = self.refused = 0
        self.until = time.monotonic() + SECONDS

    def work(self, seed: int) -> None:
        dice = random.Random(seed)
        client = Client(raise_request_exception=False)
        try:
            while time.monotonic() < self.until:
                at = dice.randrange(len(self.tenants))
                dice.choice([self.read, self.read, self.fail, self.savepoint, self.miss, self.pry])(
                    client, at, dice
                )
                if not agree():
                    self.wrong.append(("disagree", connection.schema_name))
        except Exception as error:
            self.wrong.append(error)
        finally:
            connection.close()

    def read(self, client, at, dice) -> None:
        """Every storefront's product has the same slug; only the title tells them apart."""
        answer = client.get("/api/v1/products/the-thing", headers={"host": self.tenants[at].host})
        seen = [canary for canary in CANARIES if canary.encode() in answer.content]
        if answer.status_code != 200 or seen != [CANARIES[at]]:
            self.wrong.append((at, seen, answer.status_code))
        self.served += 1

    def miss(self, client, at, dice) -> None:
        """A refusal: a bad request, an unknown thing."""
        path = dice.choice(["products/none", "products?cursor=x", "carts/none"])
        answer = client.get(f"/api/v1/{path}", headers={"host": self.tenants[at].host})
        if answer.status_code not in (400, 404) or any(c.encode() in answer.content for c in CANARIES):
            self.wrong.append((path, answer.status_code))

    def pry(self, client, at, dice) -> None:
        """Raw SQL for another storefront's rows."""
        other = self.tenants[(at + 1) % len(self.tenants)].schema_name
        with tenant_scope(self.tenants[at]), connection.cursor() as cursor:
            try:
                cursor.execute(f'SELECT title FROM "{other}".shop_product')
                self.wrong.append(("pried", at))
            except DatabaseError as error:
                if "permission denied" not in str(error):
                    self.wrong.append(error)
            self.refused += 1

    def fail(self, client, at, dice) -> None:
        """Work that dies inside a transaction, in SQL or in Python, with a write undone."""
        try:
            with tenant_scope(self.tenants[at]), transaction.atomic():
                Product.objects.update(description="torn")
                if dice.random() < 0.5:
                    Product.objects.raw("SELECT 1 / 0")[0]
                raise ArithmeticError
        except (ArithmeticError, DatabaseError):
            self.failed += 1

    def savepoint(self, client, at, dice) -> None:
        """Another storefront is entered inside a savepoint that rolls back; then ours is read again."""
        other = (at + 1) % len(self.tenants)
        with tenant_scope(self.tenants[at]), transaction.atomic():
            try:
                with transaction.atomic(), tenant_scope(self.tenants[other]):
                    if Product.objects.get().title != CANARIES[other]:
                        self.wrong.append("inside")
                    raise ArithmeticError
            except ArithmeticError:
                self.failed += 1
            if Product.objects.get().title != CANARIES[at]:
                self.wrong.append("after")


@pytest.mark.parametrize("limited", [True, False])
def test_nobody_sees_another_storefronts_row_under_load_and_errors(committed, settings, limited):
    settings.TENANT_LIMIT_SET_CALLS = limited
    settings.LOGGING_CONFIG = None
    tenants = [make_tenant() for _ in CANARIES]
    for tenant, canary in zip(tenants, CANARIES, strict=True):
        with tenant_scope(tenant):
            make_product(title=canary)
            Product.objects.update(slug="the-thing")
    before = [digest(tenant.schema_name) for tenant in tenants]

    soak = Soak(tenants)
    threads = [threading.Thread(target=soak.work, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not soak.wrong[:5]
    assert soak.served > 50
    assert soak.failed > 50
    assert soak.refused > 50
    assert [digest(tenant.schema_name) for tenant in tenants] == before
