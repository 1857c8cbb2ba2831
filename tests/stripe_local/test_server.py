"""The server as a process of its own, with an endpoint that webhooks go to."""

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
import stripe

from stripe_local.testing import LocalStripe
from tests.stripe_local.conftest import buy, seller

ROOT = Path(__file__).resolve().parents[2]
SECRET, CONNECT_SECRET = "whsec_platform", "whsec_connect"


class Endpoint:
    """Takes webhooks; answers 503 while `is_down`."""

    def __init__(self):
        self.received = []
        self.is_down = False
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not endpoint.is_down:
                    endpoint.received.append((self.headers["Host"], self.headers["Stripe-Signature"], body))
                self.send_response(503 if endpoint.is_down else 200)
                self.end_headers()

            def log_message(self, *parts):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks/stripe"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def types(self):
        return [json.loads(body)["type"] for _, _, body in self.received]

    def ids(self):
        return [json.loads(body)["id"] for _, _, body in self.received]


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()


@pytest.fixture
def sending(endpoint):
    settings = {
        "webhook_url": endpoint.url,
        "webhook_host": "souk.localhost:8000",
        "webhook_secret": SECRET,
        "connect_webhook_secret": CONNECT_SECRET,
        "webhook_backoff": 0.05,
    }
    with LocalStripe(**settings) as local:
        yield local


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def test_events_are_signed_and_sent_in_order(sending, endpoint):
    client = sending.client()
    buy(client)
    seller(sending, client)
    wanted = sending.events()
    until(lambda: len(endpoint.received) >= len(wanted))
    assert endpoint.ids() == [event["id"] for event in wanted]
    for host, header, body in endpoint.received:
        assert host == "souk.localhost:8000"
        secret = CONNECT_SECRET if "account" in json.loads(body) else SECRET
        stripe.Webhook.construct_event(body, header, secret)
    until(lambda: sending.state()["webhooks"]["queued"] == 0)


def test_what_is_not_taken_is_sent_again(sending, endpoint):
    endpoint.is_down = True
    client = sending.client()
    buy(client)
    time.sleep(0.3)
    assert client.v1.events.list().data[0].pending_webhooks == 1
    assert len(client.v1.events.list({"delivery_success": False}).data) == 4
    endpoint.is_down = False
    until(lambda: sorted(endpoint.ids()) == sorted(event["id"] for event in sending.events()))
    until(lambda: client.v1.events.list().data[0].pending_webhooks == 0)
    assert client.v1.events.list({"delivery_success": False}).data == []


def test_after_three_days_an_event_is_given_up(sending, endpoint):
    endpoint.is_down = True
    buy(sending.client())
    sending.advance(3 * 86_400 + 1)
    until(lambda: sending.state()["webhooks"]["queued"] == 0)
    assert endpoint.received == []
    assert len(sending.client().v1.events.list({"delivery_success": False}).data) == 4


def test_webhooks_are_paused_and_delivered_on_demand(sending, endpoint):
    sending.control("webhooks", mode="pause")
    buy(sending.client())
    time.sleep(0.2)
    assert endpoint.received == []
    assert sending.control("webhooks/deliver", order="reverse") == {"delivered": 4, "failed": 0}
    assert endpoint.ids() == [event["id"] for event in sending.events()][::-1]


def test_webhooks_are_duplicated(sending, endpoint):
    sending.control("webhooks", mode="duplicate", copies=3)
    buy(sending.client())
    until(lambda: len(endpoint.received) == 12)
    assert all(endpoint.ids().count(event["id"]) == 3 for event in sending.events())


def test_webhooks_are_reordered(sending, endpoint):
    sending.control("webhooks", mode="reorder")
    client = sending.client()
    for _ in range(5):
        buy(client)
    until(lambda: len(endpoint.received) == 20)
    ids = [event["id"] for event in sending.events()]
    assert endpoint.ids() != ids
    assert sorted(endpoint.ids()) == sorted(ids)


def test_webhooks_go_side_by_side_but_in_order_for_one_payment(endpoint):
    with LocalStripe(webhook_url=endpoint.url, webhook_secret=SECRET, webhook_concurrency=4) as local:
        client = local.client()
        intents = [buy(client) for _ in range(5)]
        wanted = local.events()
        until(lambda: len(endpoint.received) == len(wanted))
        bodies = [json.loads(body) for _, _, body in endpoint.received]
    for intent in intents:
        charge_events = [body for body in bodies if body["data"]["object"].get("payment_intent") == intent.id]
        assert [body["type"] for body in charge_events] == ["charge.succeeded", "charge.updated"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """`python -m stripe_local` with a state file."""

    def __init__(self, state, *options):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            sys.executable,
            "-m",
            "stripe_local",
            "--port",
            str(self.port),
            "--state",
            str(state),
            *options,
        ]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        until(self.is_up, 20)

    def is_up(self):
        try:
            return urllib.request.urlopen(f"{self.url}/healthz").status == 200
        except OSError:
            return False

    def client(self):
        return stripe.StripeClient("sk_test_1", base_addresses={"api": self.url})

    def end(self, how):
        self.process.send_signal(how)
        return self.process.wait(10)


def test_state_and_waiting_webhooks_survive_a_kill(tmp_path, endpoint):
    options = ("--webhook-url", endpoint.url, "--webhook-backoff", "0.05", "--funds-after-seconds", "60")
    endpoint.is_down = True
    first = Process(tmp_path / "state.db", *options)
    key = {"idempotency_key": "k"}
    intent = first.client().v1.payment_intents.create({"amount": 500, "currency": "eur"}, key)
    paid = buy(first.client())
    request = urllib.request.Request(f"{first.url}/_control/clock", b'{"advance_seconds": 100}')
    urllib.request.urlopen(request)
    first.end(signal.SIGKILL)

    endpoint.is_down = False
    second = Process(tmp_path / "state.db", *options)
    client = second.client()
    assert client.v1.payment_intents.retrieve(paid.id).status == "succeeded"
    assert client.v1.payment_intents.create({"amount": 500, "currency": "eur"}, key).id == intent.id
    assert client.v1.balance.retrieve().available[0].amount == 9_680
    until(lambda: len(endpoint.received) == 5)
    assert second.end(signal.SIGTERM) == 0


def test_an_interrupt_ends_it_cleanly(tmp_path):
    process = Process(tmp_path / "state.db")
    assert process.end(signal.SIGINT) == 0
    assert not (tmp_path / "state.db-wal").exists()


def test_it_needs_nothing_of_souk():
    code = "import sys, stripe_local.testing; print([m for m in sys.modules if m.split('.')[0] in %r])"
    names = ("django", "shop", "core", "tenants", "payouts", "services")
    found = subprocess.run(
        [sys.executable, "-c", code % (names,)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
