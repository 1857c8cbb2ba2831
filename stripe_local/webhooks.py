"""Webhooks: signs events as Stripe does and sends them until the endpoint says 2xx."""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import random
import ssl
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from stripe_local.call import World

log = logging.getLogger(__name__)
GIVE_UP_SECONDS = 3 * 86_400
LONGEST_BACKOFF_SECONDS = 3_600
IDLE_SECONDS = 0.2
GATHER_SECONDS = 0.1
MODES = ("normal", "pause", "duplicate", "reorder")


def sign(body: bytes, secret: str, *, at: int | None = None) -> str:
    """The Stripe-Signature header of a body, signed at that real time (now when None)."""
    moment = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def body_of(event: dict[str, Any]) -> bytes:
    """The bytes that are signed and sent, indented as Stripe's are."""
    return orjson.dumps(event, option=orjson.OPT_INDENT_2)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event in line."""

    seq: int
    event: str
    lane: str
    is_connect: bool
    attempts: int
    created: float


@dataclass(slots=True)
class Sender:
    """Sends what is in line, in order, a bounded number at a time and never two of one lane at once."""

    world: World
    mode: str = "normal"
    copies: int = 2
    busy: dict[int, str] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Send for ever."""
        while True:
            try:
                started = self.start_due() if self.mode != "pause" else 0
            except Exception:
                log.exception("webhook sender failed")
                started = 0
            if self.mode == "reorder":
                await asyncio.sleep(GATHER_SECONDS)
            elif not started:
                await self.rest()

    async def rest(self) -> None:
        """Wait until there is news: an event in line, a delivery that ended, or a while for retries to come due."""
        self.world.news.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.world.news.wait(), IDLE_SECONDS)

    def start_due(self) -> int:
        """Start as many due deliveries as there is room for; returns how many."""
        room = self.world.settings.webhook_concurrency - len(self.tasks)
        if room < 1:
            return 0
        deliveries = self.waiting(due_by=self.world.clock.time(), limit=100)
        if self.mode == "reorder":
            random.shuffle(deliveries)
        started = 0
        for delivery in deliveries:
            if started == room:
                break
            if delivery.seq in self.busy or delivery.lane in self.busy.values():
                continue
            self.busy[delivery.seq] = delivery.lane
            task = asyncio.create_task(self.send_freely(delivery))
            self.tasks.add(task)
            task.add_done_callback(self.ended)
            started += 1
        return started

    def ended(self, task: asyncio.Task[None]) -> None:
        """Make room for the next delivery."""
        self.tasks.discard(task)
        self.world.news.set()

    def waiting(self, *, due_by: float, limit: int) -> list[Delivery]:
        """Deliveries that are due, oldest first."""
        rows = self.world.store.db.execute(
            "SELECT seq, event, lane, is_connect, attempts, created FROM deliveries WHERE due_at <= ? AND NOT is_given_up ORDER BY seq LIMIT ?",
            (due_by, limit),
        )
        return [
            Delivery(seq, event, lane, bool(connect), tries, at)
            for seq, event, lane, connect, tries, at in rows
        ]

    async def send_freely(self, delivery: Delivery) -> None:
        """Send one delivery and make room for the next."""
        try:
            await self.send(delivery)
        finally:
            self.busy.pop(delivery.seq, None)

    async def send(self, delivery: Delivery) -> bool:
        """Try one delivery (several times over in duplicate mode); returns whether the endpoint took it."""
        event = self.world.store.get_any(delivery.event)
        endpoint = self.world.settings.endpoint(connect=delivery.is_connect)
        if event is None or endpoint is None:
            self.finish(delivery)
            return False
        copies = self.copies if self.mode == "duplicate" else 1
        statuses = [
            await self.post(body_of({**event, "pending_webhooks": 1}), *endpoint) for _ in range(copies)
        ]
        is_taken = all(200 <= status < 300 for status in statuses)
        if is_taken:
            self.finish(delivery)
        else:
            self.postpone(delivery)
        return is_taken

    def finish(self, delivery: Delivery) -> None:
        """Take a delivery out of line."""
        self.world.store.db.execute("DELETE FROM deliveries WHERE seq = ?", (delivery.seq,))

    def postpone(self, delivery: Delivery) -> None:
        """Try again later, each time twice as late, but not for longer than three days."""
        now = self.world.clock.time()
        wait = min(self.world.settings.webhook_backoff * 2.0**delivery.attempts, LONGEST_BACKOFF_SECONDS)
        self.world.store.db.execute(
            "UPDATE deliveries SET attempts = attempts + 1, due_at = ?, is_given_up = ? WHERE seq = ?",
            (now + wait, now - delivery.created > GIVE_UP_SECONDS, delivery.seq),
        )

    async def post(self, body: bytes, url: str, secret: str) -> int:
        """The status of the endpoint's answer, 0 when there was none."""
        headers = {"Stripe-Signature": sign(body, secret)}
        try:
            async with asyncio.timeout(self.world.settings.webhook_timeout):
                return await post_http(url, body, headers, host=self.world.settings.webhook_host)
        except (OSError, ValueError, asyncio.IncompleteReadError, TimeoutError) as problem:
            log.info("webhook not delivered: %r", problem)
            return 0

    async def deliver_all(self, *, order: str = "created") -> dict[str, int]:
        """Try everything that is in line now once, due or not; order is created, reverse or shuffle."""
        if self.tasks:
            await asyncio.wait(set(self.tasks))
        deliveries = [
            each for each in self.waiting(due_by=float("inf"), limit=100_000) if each.seq not in self.busy
        ]
        if order == "reverse":
            deliveries.reverse()
        elif order == "shuffle":
            random.shuffle(deliveries)
        self.busy.update({each.seq: each.lane for each in deliveries})
        taken = 0
        for delivery in deliveries:
            taken += await self.deliver_one(delivery)
        return {"delivered": taken, "failed": len(deliveries) - taken}

    async def deliver_one(self, delivery: Delivery) -> bool:
        """Send one delivery that was claimed."""
        try:
            return await self.send(delivery)
        finally:
            self.busy.pop(delivery.seq, None)


async def post_http(url: str, body: bytes, headers: dict[str, str], *, host: str | None) -> int:
    """POST a JSON body over a connection of its own; returns the status. Redirects are not followed."""
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    context = ssl.create_default_context() if is_secure else None
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = {
            "Host": host or parts.netloc,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Accept": "*/*; q=0.5, application/xml",
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **headers,
        }
        head = f"POST {target} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in lines.items()
        )
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()
        status = int((await reader.readline()).split()[1:2][0])
        await reader.read()
        return status
    except IndexError:
        raise ConnectionResetError("the endpoint closed the connection without an answer") from None
    finally:
        writer.close()
