"""`make bench-events`: 10,000 of Stripe's events, each told once in order, and each up to five times in any order.

A world is made at local Stripe: payments, declines, holds, refunds that succeed and fail, disputes, reversals, payouts that
come back, accounts that are restricted. Souk is told of each event once, as it happens. Then a copy of Souk's database from
before is told of the same events: late, shuffled, each one to five times, while workers are killed with SIGKILL and
replaced. Both must end the same. The seed is printed; SOUK_BENCH_SEED runs it again.
"""

import http.client
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg2
import stripe

from benchmarks.client import ADDRESS, Client
from stack.child import Child
from stack.commands import LOCAL_STRIPE_KEY, LOCAL_WEBHOOK_SECRET
from stack.postgres import OWNER, ROLE, superuser_url
from stack.problems import StackProblem
from stack.processes import ROOT, Stack
from stack.warden import Warden
from stripe_local.testing import LocalStripe, session_id_of
from stripe_local.webhooks import body_of, sign

GOOD, AT_ONCE, SECURE, DECLINED = (
    "4242424242424242",
    "4000000000000077",
    "4000002500003155",
    "4000000000000002",
)
MOST_COPIES, STORIES_AT_ONCE, SENDERS = 5, 12, 4
PRICES = (1999, 3333, 707)
ENV = {
    "SOUK_JOB_LEASE_SECONDS": "2",
    "SOUK_HOLD_DAYS": "0",
    "SOUK_PAYOUT_MINIMUM_MINOR": "1",
    "SOUK_SCHEMA_POOL_SIZE": "0",
    "SOUK_COMMISSION_BASIS_POINTS": "1130",
}
Event = dict[str, Any]
State = dict[str, Any]
Story = Generator[None, None, Any]


@dataclass(frozen=True)
class Plan:
    """How large a run is. `kill_seconds`: the least and the most between two kills.

    `lines`: the most that an order has. `refunds_again`: what a failed refund brought back may be refunded, or disputed, again.
    """

    events: int
    orders: int
    paid_out: int
    sellers: int = 1
    workers: int = 3
    kill_seconds: tuple[float, float] = (0.5, 2.5)
    lines: int = len(PRICES)
    refunds_again: bool = False


@dataclass
class Outcome:
    """What a run found. `differences` is what the two ends do not have in common.

    `shared_otherwise` is not counted as one: which of a charge's refunds and lost disputes brings back which cent of the
    commission, and of which line, follows the order in which they were heard of. What comes back in all must be the same.
    """

    seed: int
    events: int
    types: Counter[str]
    deliveries: int
    kills: int
    interrupted: int
    live_seconds: float
    delivered_seconds: float
    shuffled_seconds: float
    differences: dict[str, list[str]]
    shared_otherwise: dict[str, list[str]]
    violations: list[Any]
    states: Counter[str]
    refused: int

    @property
    def is_equal(self) -> bool:
        """Both ends are the same, every event has been looked at, and the audit finds nothing in either."""
        return not self.differences and not self.violations and not self.states["received"]

    def told(self) -> str:
        """For a failure's message."""
        shown = {name: rows[:6] for name, rows in self.differences.items()}
        return (
            f"SOUK_BENCH_SEED={self.seed}: {self.events} events, {self.deliveries} deliveries, {self.kills} kills,"
            f" {self.interrupted} jobs interrupted, {dict(self.states)}; differences {shown}, violations {self.violations[:6]}"
        )


PLAN = Plan(events=10_000, orders=1_500, paid_out=60, sellers=3, workers=3, kill_seconds=(1.0, 9.0))


def main() -> int:
    """Prints the figures, writes .souk/bench/events.json; exit status 1 where the two ends differ."""
    seed = int(os.environ.get("SOUK_BENCH_SEED") or random.randrange(10**6))
    events = int(os.environ.get("SOUK_BENCH_EVENTS") or PLAN.events)
    plan = Plan(**(vars(PLAN) | {"events": events, "orders": max(events * 15 // 100, 20)}))
    print(f"SOUK_BENCH_SEED={seed}: a world of {events:,} events", flush=True)
    found = run(plan, seed, say=lambda line: print(line, flush=True))
    report = {
        "seed": found.seed,
        "events": found.events,
        "types": dict(found.types.most_common()),
        "deliveries": found.deliveries,
        "duplicates": found.deliveries - found.events,
        "kills": found.kills,
        "jobs_interrupted": found.interrupted,
        "in_order_seconds": round(found.live_seconds, 1),
        "delivered_a_second": round(found.deliveries / found.delivered_seconds),
        "shuffled_seconds": round(found.shuffled_seconds, 1),
        "applied_a_second": round(found.events / found.shuffled_seconds),
        "states": dict(found.states),
        "is_equal": found.is_equal,
        "rows_shared_otherwise": sum(len(rows) for rows in found.shared_otherwise.values()) // 2,
        "shared_otherwise": found.shared_otherwise,
        "differences": found.differences,
        "violations": found.violations,
    }
    folder = ROOT / ".souk" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.json").write_text(json.dumps(report, indent=2, default=str) + "\n")
    for name, value in report.items():
        if name not in ("types", "shared_otherwise", "differences", "violations"):
            print(f"{name:22} {value}")
    print(", ".join(f"{name} {times}" for name, times in found.types.most_common()))
    if not found.is_equal:
        print(found.told())
    return 0 if found.is_equal else 1


def run(plan: Plan, seed: int, *, say: Callable[[str], None] = lambda line: None) -> Outcome:
    """The same world twice: told in order, and told anyhow."""
    chance = random.Random(seed)
    with Stack.fresh(fsync=False, own_postgres=True, pool_size=plan.sellers, extra_env=ENV) as stack:
        stack.start()
        stack.wait_ready(120)
        stack.kill("worker")
        world = World(stack, chance)
        with Fleet(stack, 1, threads=4) as fleet:
            world.open(plan, fleet)
        say(f"{len(world.orders)} orders wait to be paid, {len(world.charges)} were paid out")
        stack.kill("web")
        copy_database(stack, "twin")

        stack.restart("web")
        stack.wait_ready()
        started = time.monotonic()
        with Fleet(stack, 1, threads=1) as fleet:
            world.happen(plan)
            quiet(stack, fleet)
        live_seconds = time.monotonic() - started
        told_in_order, violations = state_of(stack), audit(stack)
        say(f"{len(world.events)} events told in order in {live_seconds:.0f} s, {world.refused} acts refused")

        stack.kill("web")
        swap_database(stack, "twin")
        stack.restart("web")
        stack.wait_ready()
        deliveries = [event for event in world.events for _ in range(chance.randint(1, MOST_COPIES))]
        chance.shuffle(deliveries)
        started = time.monotonic()
        with Fleet(stack, plan.workers, threads=2) as fleet, ThreadPoolExecutor(1) as side:
            sending = side.submit(send_all, stack, deliveries)
            while not sending.done() or unfinished(stack):
                time.sleep(chance.uniform(*plan.kill_seconds))
                fleet.kill_one(chance)
                hurry(stack)
            delivered_seconds = sending.result() - started
            quiet(stack, fleet)
        shuffled_seconds = time.monotonic() - started
        differences = different(told_in_order, state_of(stack))
        shared_otherwise = {name: differences.pop(name) for name in SHARED_OTHERWISE if name in differences}
        return Outcome(
            seed=seed,
            events=len(world.events),
            types=Counter(event["type"] for event in world.events),
            deliveries=len(deliveries),
            kills=fleet.kills,
            interrupted=fleet.interrupted,
            live_seconds=live_seconds,
            delivered_seconds=delivered_seconds,
            shuffled_seconds=shuffled_seconds,
            differences=differences,
            shared_otherwise=shared_otherwise,
            violations=violations + audit(stack),
            states=Counter(dict(rows(stack, "SELECT state, count(*) FROM payouts_stripeevent GROUP BY 1"))),
            refused=world.refused,
        )


# The world -----------------------------------------------------------------------------------------------------------


@dataclass
class Shop:
    """One storefront, as its seller and its buyers see it."""

    client: Client
    slug: str
    access: str
    variants: list[str]
    account: str = ""

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """A request that must succeed, tried again while there is no answer."""
        signed = {"Authorization": f"Bearer {self.access}"} if path.startswith("seller/") else {}
        status, raw = patiently(self.client, "POST", f"/api/v1/{path}", body, **signed, **headers)
        if status >= 300:
            raise RuntimeError(f"{path}: {status} {raw[:300]!r}")
        return json.loads(raw)

    def order(self, number: int, most: int) -> dict[str, Any]:
        """An order that waits for its payment."""
        chance = random.Random(number)
        lines = [
            {"variant_id": variant, "quantity": chance.randint(1, 3)}
            for variant in chance.sample(self.variants, chance.randint(1, most))
        ]
        cart = self.post("carts", {"lines": lines})
        body = {"cart": cart["token"], "email": f"b{number}@souk.example", "shipping_address": ADDRESS}
        return self.post("checkout", body, **{"Idempotency-Key": f"{self.slug}-{number}"})


@dataclass
class World:
    """What happens at Stripe, one act after the other, and the events of it."""

    stack: Stack
    chance: random.Random
    shops: list[Shop] = field(default_factory=list)
    orders: list[tuple[str, bool]] = field(default_factory=list)
    charges: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    refused: int = 0
    since: str = ""

    def __post_init__(self) -> None:
        self.local = LocalStripe()
        self.local.url = self.stack.stripe_url or ""
        self.client = stripe.StripeClient(LOCAL_STRIPE_KEY, base_addresses={"api": self.local.url})

    # Before the copy ---------------------------------------------------------------------------------------------------

    def open(self, plan: Plan, fleet: "Fleet") -> None:
        """Storefronts with sales that were paid out, a part of a refund asked for, and orders that wait to be paid."""
        self.shops = [self.shop(f"shop{number}") for number in range(plan.sellers)]
        quiet(self.stack, fleet)
        accounts = "SELECT t.slug, a.stripe_account_id FROM payouts_selleraccount a JOIN tenants_tenant t ON t.id = a.tenant_id"
        named = dict(rows(self.stack, accounts))
        for shop in self.shops:
            shop.account = named[shop.slug]
            self.local.onboard(shop.account)
        rows(self.stack, "UPDATE payouts_selleraccount SET reserve_basis_points = 700, reserve_days = 30")
        self.local.control("funds", amount=10**9, currency="eur")
        paid = self.place(plan, range(plan.paid_out))
        for half in (paid[::2], paid[1::2]):
            for page in half:
                self.local.pay(page["checkout_url"], AT_ONCE)
            quiet(self.stack, fleet)
            self.stack.manage("payout_run", timeout=120)
            quiet(self.stack, fleet)
        self.local.control("webhooks", mode="pause")
        fleet.stop()
        self.since = self.local.events()[-1]["id"]
        for number, order in enumerate(paid):
            self.charges.append(self.charge_of(order["checkout_url"])[0])
            if number % 5 == 0:
                shop = self.shops[number % len(self.shops)]
                body = {"reason": "a scratch", "amount_minor": 123 + number}
                shop.post(f"seller/orders/{order['id']}/refunds", body, **{"Idempotency-Key": f"r{number}"})
        first, half = plan.paid_out, plan.paid_out + plan.orders * 3 // 4
        self.orders = [(order["checkout_url"], False) for order in self.place(plan, range(first, half))]
        rows(self.stack, "UPDATE tenants_tenant SET capture_method = 'manual'")
        later = self.place(plan, range(half, first + plan.orders))
        self.orders += [(order["checkout_url"], True) for order in later]
        self.chance.shuffle(self.orders)

    def shop(self, slug: str) -> Shop:
        """Sign up and put three products on the shelf."""
        port = self.stack.port
        owner = {
            "email": f"{slug}@souk.example",
            "password": "a-quiet-harbour-42",
            "name": slug,
            "slug": slug,
        }
        front = Shop(Client(port, self.stack.host), slug, "", [])
        front.access = front.post("signup", owner, **{"Idempotency-Key": slug})["access"]
        front.client = Client(port, f"{slug}.{self.stack.host}")
        for price in PRICES:
            body = {"title": f"Bowl of {price}", "is_published": True, "variants": [{"price_minor": price}]}
            variant = front.post("seller/products", body)["variants"][0]["id"]
            front.post(f"seller/inventory/{variant}/receive", {"quantity": 100_000})
            front.variants.append(variant)
        return front

    def place(self, plan: Plan, numbers: Iterable[int]) -> list[dict[str, Any]]:
        """Orders, by turns in each storefront. Returns them with their ids and payment pages."""
        with ThreadPoolExecutor(SENDERS) as pool:
            placed = list(pool.map(lambda n: self.shops[n % len(self.shops)].order(n, plan.lines), numbers))
        ids: dict[str, str] = {}
        for schema in schemas(self.stack):
            found = rows(self.stack, f'SELECT secret, id::text FROM "{schema}".shop_order')
            ids |= dict(found)
        return [order | {"id": ids[order["secret"]]} for order in placed]

    # After it ----------------------------------------------------------------------------------------------------------

    def happen(self, plan: Plan) -> None:
        """Stories by turns, an act at a time. Souk is told of each event at once, in order, and applies it meanwhile."""
        waiting = [self.sale(page, is_held, plan) for page, is_held in self.orders]
        waiting += [self.aftermath(charge, plan) for charge in self.charges]
        self.chance.shuffle(waiting)
        transfers = self.client.v1.transfers.list(params={"limit": 100}).data
        whole = [self.reversals(transfer.id, plan) for transfer in transfers]
        whole += [
            story(shop.account, plan) for shop in self.shops for story in (self.bank, self.restrictions)
        ]
        running: list[Story] = []
        while whole or running or waiting:
            if len(self.events) >= plan.events:
                waiting, running = [], []
            while waiting and len(running) < STORIES_AT_ONCE:
                running.append(waiting.pop())
            if not whole + running:
                break
            story = self.chance.choice(whole + running)
            mine = whole if story in whole else running
            try:
                next(story)
            except StopIteration:
                mine.remove(story)
            except (stripe.StripeError, ValueError):
                self.refused += 1
                mine.remove(story)
            news = self.local.events(self.since)
            for event in news:
                send(self.stack, event)
            if news:
                self.since = news[-1]["id"]
                self.events += news

    def sale(self, page: str, is_held: bool, plan: Plan) -> Story:
        """A buyer pays, perhaps with the third card; what was held is captured whole, in part or never."""
        chance = self.chance
        if chance.random() < 0.2:
            self.local.pay(page, DECLINED)
            yield
            if chance.random() < 0.2:
                return
        if chance.random() < 0.1:
            self.local.pay(page, SECURE, authenticate=False)
            yield
        self.local.pay(page, chance.choice((GOOD, GOOD, AT_ONCE, SECURE)))
        yield
        charge, intent = self.charge_of(page)
        if is_held:
            amount, what = intent.amount, chance.choice(("whole", "part", "part", "cancel", "nothing"))
            if what == "cancel":
                self.client.v1.payment_intents.cancel(intent.id)
            elif what != "nothing":
                part = amount if what == "whole" else chance.randint(1, amount)
                self.client.v1.payment_intents.capture(intent.id, params={"amount_to_capture": part})
            yield
            if what in ("cancel", "nothing"):
                return
        yield from self.aftermath(charge, plan)

    def charge_of(self, page: str) -> tuple[str, Any]:
        """The charge of a payment page, and its intent."""
        session = self.client.v1.checkout.sessions.retrieve(session_id_of(page))
        intent = self.client.v1.payment_intents.retrieve(str(session.payment_intent))
        return str(intent.latest_charge), intent

    def aftermath(self, charge: str, plan: Plan) -> Story:
        """Refunds from the dashboard, of which some fail; a dispute or an inquiry, escalated, won, lost or left open."""
        chance = self.chance
        for _ in range(chance.choice((0, 0, 1, 1, 2, 3))):
            came_back = yield from self.refund(charge)
            if came_back and not plan.refunds_again:
                return
        if chance.random() < 0.4:
            left = self.left_of(charge)
            facts: dict[str, Any] = {"charge": charge, "inquiry": chance.random() < 0.25}
            if chance.random() < 0.5:
                facts["amount"] = chance.randint(1, max(left, 1))
            dispute = self.local.control("disputes", **facts)["id"]
            yield
            if facts["inquiry"]:
                if chance.random() < 0.4:
                    self.local.control(f"disputes/{dispute}/close", outcome="warning_closed")
                    yield
                    return
                self.local.control(f"disputes/{dispute}/escalate")
                yield
            outcome = chance.choice(("won", "won", "lost", "lost", "open"))
            if outcome != "open":
                returns = chance.random() < 0.5
                self.local.control(f"disputes/{dispute}/close", outcome=outcome, return_fee=returns)
                yield
                if chance.random() < 0.5:
                    yield from self.refund(charge)

    def refund(self, charge: str) -> Generator[None, None, bool]:
        """A part, or all that is left; one in five is sent back by the buyer's bank. Returns whether it was."""
        left = self.left_of(charge)
        amount = left if self.chance.random() < 0.2 else self.chance.randint(1, max(left // 2, 1))
        made = self.client.v1.refunds.create(params={"charge": charge, "amount": amount})
        yield
        if self.chance.random() < 0.8:
            return False
        self.local.control(f"refunds/{made.id}/fail")
        yield
        return True

    def left_of(self, charge: str) -> int:
        """What was captured and is not refunded."""
        found = self.client.v1.charges.retrieve(charge)
        return found.amount_captured - found.amount_refunded

    def reversals(self, transfer: str, plan: Plan) -> Story:
        """Parts of a transfer come back."""
        for _ in range(self.chance.randint(1, 3)):
            yield from self.rest(plan)
            amount = self.chance.randint(1, 900)
            self.client.v1.transfers.reversals.create(transfer, params={"amount": amount})
            yield

    def bank(self, account: str, plan: Plan) -> Story:
        """A payout of a connected account comes back, the next one after it had arrived; the third arrives."""
        for _ in range(1 + plan.events // 2_000):
            for ends in (("failed",), ("paid", "failed"), ("paid",)):
                made = self.local.control("payouts", account=account, currency="eur", amount=700)["id"]
                yield
                for end in ends:
                    yield from self.rest(plan)
                    self.local.control(f"payouts/{made}/{end}")
                    yield

    def restrictions(self, account: str, plan: Plan) -> Story:
        """Stripe wants more of a seller, and gets it, again and again."""
        for _ in range(2 + plan.events // 2_000):
            self.local.control(f"accounts/{account}/restrict")
            yield from self.rest(plan)
            yield
            self.local.onboard(account)
            yield from self.rest(plan)
            yield

    def rest(self, plan: Plan) -> Story:
        """Others act meanwhile; the longer, the larger the world."""
        for _ in range(self.chance.randint(0, plan.events // 250)):
            yield


# Telling Souk --------------------------------------------------------------------------------------------------------


def send(stack: Stack, event: Event) -> None:
    """One signed delivery, tried again until Souk says that it has it."""
    body = body_of(event)
    client = Client(stack.port, stack.host)
    signature = {"Stripe-Signature": sign(body, LOCAL_WEBHOOK_SECRET)}
    status, answer = patiently(client, "POST", "/webhooks/stripe", body, **signature)
    if status != 200:
        raise RuntimeError(f"{event['id']}: {status} {answer[:300]!r}")


def send_all(stack: Stack, deliveries: list[Event]) -> float:
    """All of them, several at once. Returns when the last was taken."""
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(lambda event: send(stack, event), deliveries))
    return time.monotonic()


def patiently(client: Client, method: str, path: str, body: Any, **headers: str) -> tuple[int, bytes]:
    """An answer that is none of bad weather."""
    for attempt in range(60):
        try:
            status, raw = ask(client, method, path, body, **headers)
            if status < 500:
                return status, raw
        except (OSError, http.client.HTTPException):
            client.forget()
        time.sleep(0.05 * min(attempt + 1, 10))
    raise RuntimeError(f"{path}: no answer")


def ask(client: Client, method: str, path: str, body: Any, **headers: str) -> tuple[int, bytes]:
    """One request; bytes are sent as they are."""
    if not isinstance(body, bytes):
        return client.ask(method, path, body, **headers)
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
    with closing(connection):
        connection.request(
            method, path, body, {"Host": client.host, "Content-Type": "application/json", **headers}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()


class Fleet:
    """Workers that run side by side, are killed, and are replaced. They end with this process, however it ends."""

    def __init__(self, stack: Stack, size: int, *, threads: int) -> None:
        self.stack, self.threads = stack, threads
        self.kills = self.interrupted = 0
        self.lock = (stack.data_dir / "fleet.lock").open("ab")
        self.warden = Warden(cwd=ROOT, held_lock=self.lock.fileno())
        self.workers = [self.spawn() for _ in range(size)]

    def spawn(self) -> Child:
        """One more worker."""
        command = [
            sys.executable,
            "manage.py",
            "worker",
            "--threads",
            str(self.threads),
            "--poll-seconds",
            "0.05",
        ]
        log = self.stack.data_dir / "log" / "fleet.log"
        child = Child.spawn("worker", command, env=self.stack.env, cwd=ROOT, log=log)
        self.warden.watch_group(child.process.pid)
        return child

    def kill_one(self, chance: random.Random) -> None:
        """SIGKILL any of them, whatever it is doing, and start another in its place."""
        place = chance.randrange(len(self.workers))
        pid = self.workers[place].process.pid
        self.end(self.workers[place])
        self.kills += 1
        held = f"SELECT count(*) FROM core_job WHERE state = 'running' AND locked_by LIKE '%:{pid}:%'"
        self.interrupted += rows(self.stack, held)[0][0]
        self.workers[place] = self.spawn()

    def end(self, worker: Child) -> None:
        """SIGKILL one for good."""
        worker.kill()
        self.warden.forget_group(worker.process.pid)

    def stop(self) -> None:
        """All of them. May be called more than once."""
        for worker in self.workers:
            self.end(worker)
        self.workers = []

    def check(self) -> None:
        """Raises RuntimeError if one ended that nobody ended."""
        for worker in self.workers:
            if not worker.is_running:
                raise RuntimeError(worker.last_words())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.warden.dismiss()
        self.lock.close()


UNFINISHED = "SELECT count(*) FROM core_job WHERE task <> 'order.expire' AND state <> 'parked'"
HURRY = (
    "UPDATE core_job SET run_at = now() WHERE state = 'queued' AND task <> 'order.expire' AND run_at > now()"
)


def unfinished(stack: Stack) -> int:
    """Jobs that are left, but for the deadlines of open orders."""
    return int(rows(stack, UNFINISHED)[0][0])


def hurry(stack: Stack) -> None:
    """Jobs that failed need not wait to be tried again."""
    rows(stack, HURRY)


def quiet(stack: Stack, fleet: Fleet, seconds: float = 900) -> None:
    """Wait until nothing is left to do, what Stripe sends by itself included. Raises RuntimeError when that takes too long."""
    local = LocalStripe()
    local.url = stack.stripe_url or ""
    deadline, times = time.monotonic() + seconds, 0
    while times < 3:
        fleet.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{unfinished(stack)} jobs are left")
        hooks = local.state()["webhooks"]
        hurry(stack)
        is_quiet = not unfinished(stack) and (hooks["mode"] == "pause" or not hooks["queued"])
        times = times + 1 if is_quiet else 0
        time.sleep(0.1)


# The two ends --------------------------------------------------------------------------------------------------------

OF_A_STOREFRONT = {
    "orders": "SELECT id, status, cancelled_because, total_minor, refunded_minor, uncaptured_minor FROM shop_order",
    "orders' credits": """SELECT order_id, sum(credited_quantity), sum(credited_goods_minor), sum(credited_shipping_minor),
        sum(credited_tax_minor), sum(credited_commission_minor), sum(credited_commission_tax_minor), sum(credited_funded_minor)
        FROM shop_orderline GROUP BY 1""",
    "credited by line": """SELECT order_id, position, credited_quantity, credited_goods_minor, credited_shipping_minor,
        credited_tax_minor, credited_commission_minor, credited_commission_tax_minor, credited_funded_minor
        FROM shop_orderline""",
    "payments": "SELECT id, status, amount_minor, captured_minor, refunded_minor, transaction_id, intent_id FROM shop_payment",
    "refunds": "SELECT payment_id, transaction_id, amount_minor, status FROM shop_refund",
    "returned by refund": "SELECT transaction_id, commission_returned_minor FROM shop_refund",
    "stock": "SELECT variant_id, current_stock, reserved_stock FROM shop_inventoryitem",
}
BY_FACT = """SELECT t.key, t.kind, t.order_id, a.kind, e.part, sum(e.amount_minor) FROM payouts_ledgerentry e
    JOIN payouts_ledgertransaction t ON t.id = e.transaction_id JOIN payouts_ledgeraccount a ON a.id = e.account_id WHERE """
OF_ALL = {
    "events": "SELECT event_id, state FROM payouts_stripeevent",
    "sellers": "SELECT tenant_id, details_submitted, payouts_enabled, transfers_active, requirements::text FROM payouts_selleraccount",
    "charges": """SELECT charge_id, amount_minor, captured_at, hold_until, balance_transaction_id, fee_minor, funds_available_on,
        is_frozen, refunded_minor, disputed_minor, available_at FROM payouts_charge""",
    "disputes": """SELECT dispute_id, charge_id, amount_minor, fee_minor, reason, status, is_withdrawn, evidence_due_at, opened_at,
        closed_at IS NULL FROM payouts_dispute""",
    "payouts": "SELECT id, number, amount_minor, reversed_minor, status, transfer_id FROM payouts_payout",
    "reversals": "SELECT payout_id, reversal_id, amount_minor, status FROM payouts_transferreversal",
    "reserves": "SELECT charge_id, amount_minor, release_at, released_at IS NULL FROM payouts_reserve",
    "balances kept": "SELECT kind, tenant_id, currency, balance_minor FROM payouts_ledgeraccount",
    "balances summed": """SELECT a.kind, a.tenant_id, a.currency, sum(e.amount_minor) FROM payouts_ledgeraccount a
        JOIN payouts_ledgerentry e ON e.account_id = a.id GROUP BY 1, 2, 3""",
    "books by charge": """SELECT e.charge_id, CASE WHEN e.part LIKE '%returned' THEN '' ELSE t.kind END, e.part,
        sum(e.amount_minor), count(*) FILTER (WHERE e.part NOT LIKE '%returned') FROM payouts_ledgerentry e
        JOIN payouts_ledgertransaction t ON t.id = e.transaction_id WHERE e.charge_id IS NOT NULL GROUP BY 1, 2, 3""",
    "books by fact": BY_FACT
    + "t.key NOT LIKE 'reserve:%' AND e.part NOT LIKE '%returned' GROUP BY 1, 2, 3, 4, 5",
    "returned by fact": BY_FACT + "e.part LIKE '%returned' GROUP BY 1, 2, 3, 4, 5",
    "unpaid": "SELECT charge_id, sum(amount_minor) FROM payouts_unpaidentry GROUP BY 1",
    "parked jobs": "SELECT task, args::text, last_error FROM core_job WHERE state = 'parked'",
}
SHARED_OTHERWISE = ("credited by line", "returned by refund", "returned by fact")


def state_of(stack: Stack) -> State:
    """Everything that two ends must have in common, by name: sorted rows."""
    found: State = {name: texts(rows(stack, sql)) for name, sql in OF_ALL.items()}
    for schema in schemas(stack):
        for name, sql in OF_A_STOREFRONT.items():
            found.setdefault(name, []).extend(
                texts(rows(stack, f'SET search_path TO "{schema}", public; {sql}'))
            )
    return found


def texts(found: list[tuple[Any, ...]]) -> list[str]:
    """Rows as text, in one order."""
    return sorted(" | ".join(str(value) for value in row) for row in found)


def different(one: State, other: State) -> dict[str, list[str]]:
    """Rows that only one of the two has: `-` the first, `+` the second."""
    found = {}
    for name in one:
        gone, new = Counter(one[name]) - Counter(other[name]), Counter(other[name]) - Counter(one[name])
        if gone or new:
            found[name] = sorted(
                [f"- {row}" for row in gone] + [f"+ {row}" for row in new], key=lambda row: row[2:]
            )
    return found


def audit(stack: Stack) -> list[Any]:
    """What must hold and does not."""
    try:
        return list(json.loads(stack.manage("audit", "--json", timeout=600))["violations"])
    except StackProblem as problem:  # its exit status says that there is one
        return [str(problem)[-2000:]]


# The database --------------------------------------------------------------------------------------------------------


@contextmanager
def cursor_of(url: str) -> Iterator[Any]:
    """A cursor that commits each statement."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def rows(stack: Stack, sql: str) -> list[tuple[Any, ...]]:
    """What a statement returns."""
    with cursor_of(stack.database_url) as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def schemas(stack: Stack) -> list[str]:
    """The storefronts' schemas."""
    return [name for (name,) in rows(stack, "SELECT schema_name FROM tenants_tenant ORDER BY created_at")]


def beside(stack: Stack) -> tuple[str, str]:
    """The name of Souk's database, and the address at which its server's administrator finds another one."""
    name = urlsplit(stack.database_url).path.lstrip("/")
    return name, urlsplit(superuser_url(stack.data_dir / "postgres"))._replace(path="/template1").geturl()


SEND_AWAY = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"


def copy_database(stack: Stack, name: str) -> None:
    """Souk's database as it is, under another name. Who is connected to it is sent away."""
    ours, other = beside(stack)
    with cursor_of(other) as cursor:
        cursor.execute(SEND_AWAY, [ours])
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{ours}" OWNER {OWNER}')
        cursor.execute(f'GRANT CREATE ON DATABASE "{name}" TO {ROLE}')


def swap_database(stack: Stack, name: str) -> None:
    """The copy takes the place of Souk's database."""
    ours, other = beside(stack)
    with cursor_of(other) as cursor:
        cursor.execute(SEND_AWAY, [ours])
        cursor.execute(f'ALTER DATABASE "{ours}" RENAME TO "{ours}_before"')
        cursor.execute(f'ALTER DATABASE "{name}" RENAME TO "{ours}"')


if __name__ == "__main__":
    sys.exit(main())
