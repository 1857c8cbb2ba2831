"""A local Stripe inside a test: starts in a thread, in memory, in a few dozen milliseconds.

    with LocalStripe() as local:
        client = local.client()
        session = client.v1.checkout.sessions.create(params)
        local.pay(session.url)
        for event in local.events():
            body, header = local.signed(event, secret)
            django_client.post("/webhooks/stripe", body, "application/json", headers={"Stripe-Signature": header})

Nothing is sent by itself unless a `webhook_url` is given.
"""

import contextlib
import http.client
import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import stripe

from stripe_local.app import Application
from stripe_local.server import in_thread, listen
from stripe_local.settings import Settings
from stripe_local.webhooks import body_of, sign

KEY = "sk_test_local"


class LocalStripe:
    """A running server; a context manager, or `start()` and `stop()`. Takes the fields of `Settings` as keywords."""

    def __init__(self, *, port: int = 0, **settings: Any) -> None:
        self.port = port
        self.given = settings
        self.url = ""
        self.application: Application | None = None
        self.running = contextlib.ExitStack()

    def start(self) -> Self:
        """Start on a free port of 127.0.0.1."""
        listener = listen("127.0.0.1", self.port)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.application = Application(Settings(**{"public_url": self.url, **self.given}))
        self.running.callback(self.application.close)
        self.running.enter_context(in_thread(self.application, listener))
        return self

    def stop(self) -> None:
        """Stop; what is in memory is gone."""
        self.running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def client(self, **options: Any) -> stripe.StripeClient:
        """The SDK's client, talking to this server; `options` as for `stripe.StripeClient` (`api_key` too)."""
        key = options.pop("api_key", KEY)
        return stripe.StripeClient(key, base_addresses={"api": self.url}, **options)

    def control(self, path: str, **facts: Any) -> Any:
        """POST to a control route, such as `control("clock", advance_seconds=60)`; returns its JSON."""
        status, body, _ = self.request(
            "POST", f"/_control/{path.strip('/')}", json.dumps(facts), "application/json"
        )
        return checked(status, body)

    def state(self) -> Any:
        """GET /_control/state."""
        status, body, _ = self.request("GET", "/_control/state")
        return checked(status, body)

    def advance(self, seconds: float) -> int:
        """Let time pass on the server's clock; returns its new now."""
        return int(self.control("clock", advance_seconds=seconds)["now"])

    def reset(self) -> None:
        """Forget everything, on a running server."""
        self.control("reset")

    def pay(
        self,
        session: str,
        card: str = "4242424242424242",
        *,
        authenticate: bool = True,
        email: str | None = None,
    ) -> str | None:
        """Pay a checkout session (its url or id) as a buyer would; 3-D Secure is answered by `authenticate`.

        Returns the address the buyer is sent to, or None when the payment was refused (see the payment intent).
        """
        path = f"/pay/{session_id_of(session)}"
        form = {"card_number": card} | ({"email": email} if email else {})
        status, _, location = self.post_form(path, form)
        if status == 303 and location == f"{path}/3ds":
            status, _, location = self.post_form(
                location, {"outcome": "authenticate" if authenticate else "fail"}
            )
        if status == 404:
            raise LookupError(f"no such checkout session: {session}")
        return location if status == 303 else None

    def onboard(self, account_id: str) -> None:
        """Complete an account's verification, as its owner would on the onboarding page."""
        self.control(f"accounts/{account_id}/verify")

    def events(self, since: str | None = None) -> list[dict[str, Any]]:
        """Every event of the platform and its accounts, oldest first; only those after the event id `since`."""
        query = f"?since={since}" if since else ""
        status, body, _ = self.request("GET", f"/_control/events{query}")
        found: list[dict[str, Any]] = checked(status, body)["data"]
        return found

    def signed(self, event: dict[str, Any], secret: str, *, at: int | None = None) -> tuple[bytes, str]:
        """The body and the Stripe-Signature header that Stripe would post for an event, signed at `at` (now)."""
        body = body_of(event)
        return body, sign(body, secret, at=at)

    def post_form(self, path: str, form: dict[str, str]) -> tuple[int, str, str | None]:
        """Post a page's form as a browser does; returns status, text and Location."""
        status, body, location = self.request(
            "POST", path, urlencode(form), "application/x-www-form-urlencoded"
        )
        return status, body.decode(), location

    def request(
        self, method: str, path: str, body: str | None = None, content_type: str = "text/plain"
    ) -> tuple[int, bytes, str | None]:
        """One plain HTTP request; returns status, body and Location. Redirects are not followed."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": content_type})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Location")
        finally:
            connection.close()


def session_id_of(session: str) -> str:
    """The id in a payment page's address, or the id itself."""
    return urlsplit(session).path.rsplit("/", 1)[-1]


def checked(status: int, body: bytes) -> Any:
    """A control route's answer, or a ValueError with what it refused."""
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(answer.get("error", status))
    return answer
