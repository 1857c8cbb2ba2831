"""Nothing is lost or doubled when web, worker and PostgreSQL are killed at any moment while buyers order and pay.

The real processes, SIGKILL, random moments. The seed is in the failure's message; SOUK_KILL_SEED runs it again.
"""

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from typing import Any

import psycopg2
import pytest
import stripe

from stack import ports
from stack.processes import Stack
from stripe_local.testing import LocalStripe

pytestmark = [pytest.mark.slow, pytest.mark.stack]
LOAD_SECONDS, BUYERS, STOCK = 15, 4, 300
ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "Unter den Linden 1",
    "postal_code": "10117",
    "city": "Berlin",
    "country": "DE",
}
WEATHER = (OSError, http.client.HTTPException)


class Shop:
    """One storefront over HTTP, as its seller and its buyers see it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.host = f"kiln.{stack.host}"
        self.token = ""
        self.stripe = LocalStripe()
        self.stripe.url = stack.stripe_url or ""

    def post(
        self, path: str, body: dict[str, Any], *, key: str = "", host: str = ""
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Host": host or self.host, "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Authorization": f"Bearer {self.token}"} if path.startswith("/api/v1/seller/") else {}
        connection = http.client.HTTPConnection(ports.LOOPBACK, self.stack.port, timeout=20)
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            raw = answer.read()
            is_json = "json" in (answer.getheader("Content-Type") or "")
            return answer.status, json.loads(raw) if is_json else {}
        finally:
            connection.close()

    def must(self, path: str, body: dict[str, Any], **options: str) -> dict[str, Any]:
        status, answer = self.post(path, body, **options)
        assert status < 300, (path, status, answer)
        return answer

    def open(self) -> list[str]:
        """Sign up and put three products on the shelf. Returns their variants."""
        owner = {
            "email": "seller@example.com",
            "password": "a-long-and-quiet-password",
            "name": "Kiln",
            "slug": "kiln",
        }
        self.token = self.must("/api/v1/signup", owner, key="sign-up", host=self.stack.host)["access"]
        variants = []
        for title in ("Bowl", "Mug", "Jug"):
            product = {"title": title, "is_published": True, "variants": [{"price_minor": 1999}]}
            variant = self.must("/api/v1/seller/products", product)["variants"][0]["id"]
            self.must(f"/api/v1/seller/inventory/{variant}/receive", {"quantity": STOCK})
            variants.append(variant)
        return variants


class Buyers:
    """Order and pay until told to stop, and remember what they were promised."""

    def __init__(self, shop: Shop, variants: list[str], seed: int) -> None:
        self.shop, self.variants, self.seed = shop, variants, seed
        self.stop = threading.Event()
        self.promised: dict[str, int] = {}
        self.seen: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self.threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(BUYERS)
        ]

    def __enter__(self) -> None:
        for thread in self.threads:
            thread.start()

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _run(self, number: int) -> None:
        chance, turn = random.Random(self.seed * 100 + number), 0
        try:
            while not self.stop.is_set():
                turn += 1
                self._buy(f"{number}-{turn}", chance)
        except BaseException as error:
            self.errors.append(error)
            raise

    def _buy(self, key: str, chance: random.Random) -> None:
        lines = [
            {"variant_id": variant, "quantity": chance.randint(1, 2)}
            for variant in chance.sample(self.variants, chance.randint(1, 3))
        ]
        cart = self._patiently("/api/v1/carts", {"lines": lines})
        if cart is None:
            return
        order = self._patiently(
            "/api/v1/checkout",
            {"cart": cart["token"], "email": f"b{key}@example.com", "shipping_address": ADDRESS},
            key=f"checkout-{key}",
        )
        if order is None:
            return
        self.promised[order["secret"]] = order["total"]["amount"]
        self.seen["promised"] += 1
        if chance.random() < 0.85:
            assert self.shop.stripe.pay(order["checkout_url"]) is not None
            self.seen["paid"] += 1
            if chance.random() < 0.5:
                self._patiently(f"/api/v1/guest-orders/{order['secret']}/payment", {})

    def _patiently(self, path: str, body: dict[str, Any], *, key: str = "") -> dict[str, Any] | None:
        """Try again while there is no answer or bad weather. None for a refusal, and for a request a crash holds."""
        for _ in range(40):
            try:
                status, answer = self.shop.post(path, body, key=key)
            except WEATHER:
                self.seen["no answer"] += 1
            else:
                if status < 300:
                    return answer
                if status < 500:
                    self.seen[str(answer.get("code"))] += 1
                    return None
                self.seen[str(status)] += 1
            if self.stop.wait(0.25):
                return None
        return None


def kill_at_random(stack: Stack, chance: random.Random, seconds: float) -> Counter[str]:
    """SIGKILL and restart web, worker and PostgreSQL again and again. Each is killed at least once."""
    killed: Counter[str] = Counter()
    until, first = time.monotonic() + seconds, ["postgres", "web", "worker"]
    chance.shuffle(first)
    while time.monotonic() < until or first:
        time.sleep(chance.uniform(0.4, 1.6))
        name = first.pop() if first else chance.choice(["postgres", "web", "worker", "worker"])
        stack.kill(name)
        killed[name] += 1
        time.sleep(chance.uniform(0, 0.5))
        stack.restart(name)
    return killed


class Database:
    """The stack's database, read directly."""

    def __init__(self, stack: Stack) -> None:
        self.connection = psycopg2.connect(stack.database_url)
        self.connection.autocommit = True
        (self.schema,) = self.rows("SELECT schema_name FROM tenants_tenant")[0]
        self.rows(f'SET search_path TO "{self.schema}", public')

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]


def wait_until_quiet(shop: Shop, database: Database, seconds: float = 150) -> None:
    """Deliver what Stripe has not delivered yet, and wait until no job is left but the deadlines of open orders."""
    unfinished = "SELECT count(*) FROM core_job WHERE task <> 'order.expire' AND state <> 'parked'"
    deadline = time.monotonic() + seconds
    quiet = 0
    while quiet < 3:
        shop.stack.check()
        assert time.monotonic() < deadline, database.rows(
            "SELECT task, state, attempts, last_error FROM core_job WHERE task <> 'order.expire'"
        )[:5]
        shop.stripe.control("webhooks/deliver")
        database.rows("UPDATE core_job SET run_at = now() WHERE state = 'queued' AND task <> 'order.expire'")
        time.sleep(0.3)
        quiet = quiet + 1 if database.value(unfinished) == 0 else 0


def test_nothing_is_lost_or_doubled_when_processes_are_killed_at_any_moment(monkeypatch):
    for name in ("DATABASE_URL", "STRIPE_SECRET_KEY", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(name, raising=False)
    seed = int(os.environ.get("SOUK_KILL_SEED") or random.randrange(10**6))
    with Stack.fresh(fsync=False, pool_size=1, extra_env={"SOUK_JOB_LEASE_SECONDS": "2"}) as stack:
        stack.start()
        stack.wait_ready()
        shop = Shop(stack)
        buyers = Buyers(shop, shop.open(), seed)

        with buyers:
            killed = kill_at_random(stack, random.Random(seed), LOAD_SECONDS)
            stack.wait_ready()
            time.sleep(1)
        database = Database(stack)
        wait_until_quiet(shop, database)

        told = f"SOUK_KILL_SEED={seed}, killed {dict(killed)}, buyers {dict(buyers.seen)}"
        print(told)
        assert buyers.errors == [], told
        assert buyers.seen["paid"] >= 5, told
        check(shop, buyers, database, told)
        assert json.loads(stack.manage("audit", "--json"))["violations"] == [], told


def check(shop: Shop, buyers: Buyers, database: Database, told: str) -> None:
    """What buyers were promised, what Stripe took, and what Souk believes are the same."""
    client = stripe.StripeClient("sk_test_souk_local", base_addresses={"api": shop.stripe.url})
    charges = [
        charge
        for charge in client.v1.charges.list(params={"limit": 100}).auto_paging_iter()
        if charge.status == "succeeded" and charge.captured
    ]
    taken = {charge.id: charge.amount for charge in charges}
    assert len(taken) == buyers.seen["paid"], told

    captured = database.rows(
        "SELECT transaction_id, captured_minor FROM shop_payment WHERE status = 'captured'"
    )
    assert sorted(captured) == sorted(taken.items()), told
    booked = database.rows("SELECT key FROM payouts_ledgertransaction WHERE kind = 'capture'")
    assert sorted(key for (key,) in booked) == sorted(f"charge:{charge}" for charge in taken), told
    paid_orders = {charge.metadata["order"] for charge in charges}
    assert len(paid_orders) == len(charges), told
    confirmed = database.rows("SELECT id FROM shop_order WHERE status = 'confirmed'")
    assert {str(pk) for (pk,) in confirmed} == paid_orders, told

    kept = dict(database.rows("SELECT secret, total_minor FROM shop_order"))
    assert buyers.promised.items() <= kept.items(), told

    held = "SELECT variant_id, coalesce(sum(quantity) FILTER (WHERE status = 'confirmed'), 0), coalesce(sum(quantity) FILTER (WHERE status = 'pending'), 0) FROM shop_orderline JOIN shop_order o ON o.id = order_id GROUP BY 1"
    sold = {variant: (out, reserved) for variant, out, reserved in database.rows(held)}
    stock = database.rows("SELECT variant_id, current_stock, reserved_stock FROM shop_inventoryitem")
    for variant, current, reserved in stock:
        assert (STOCK - current, reserved) == sold.get(variant, (0, 0)), told
        assert 0 <= reserved <= current, told
    assert database.value("SELECT coalesce(sum(amount_minor), 0) FROM payouts_ledgerentry") == 0, told
    assert database.value("SELECT count(*) FROM core_job WHERE state = 'parked'") == 0, told
