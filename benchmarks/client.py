"""A bounded keep-alive client on the loopback address."""

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

ADDRESS = {
    "name": "Ada",
    "line1": "Unter den Linden 1",
    "postal_code": "10117",
    "city": "Berlin",
    "country": "DE",
}
_local = threading.local()


class Client:
    """One connection per thread to one server."""

    def __init__(self, port: int, host: str) -> None:
        self.port, self.host = port, host

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """One request; status and body."""
        connections = _local.__dict__.setdefault("connections", {})
        connection = connections.get(self.port) or connections.setdefault(
            self.port, http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        )
        sent = {"Host": self.host, **headers}
        raw = None
        if body is not None:
            raw, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection.request(method, path, raw, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def forget(self) -> None:
        """Drop this thread's connection, so that the next request opens one."""
        _local.__dict__.get("connections", {}).pop(self.port, None)

    def cart(self, *variants: str) -> dict[str, Any]:
        """A new cart with one unit of each."""
        lines = [{"variant_id": variant, "quantity": 1} for variant in variants]
        status, body = self.ask("POST", "/api/v1/carts", {"lines": lines})
        return {"status": status, **json.loads(body)}

    def checkout(self, *variants: str) -> int:
        """A whole checkout, to the address of the payment page; the status that ended it."""
        cart = self.cart(*variants)
        if cart["status"] != 201:
            return cart["status"]
        body = {"cart": cart["token"], "email": "bench@example.com", "shipping_address": ADDRESS}
        status, _ = self.ask("POST", "/api/v1/checkout", body, **{"Idempotency-Key": uuid.uuid4().hex})
        return status


def timed(times: int, call: Callable[[int], None]) -> list[float]:
    """Milliseconds of each of so many calls."""
    found = []
    for number in range(times):
        started = time.perf_counter()
        call(number)
        found.append((time.perf_counter() - started) * 1000)
    return found
