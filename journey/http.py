"""Talking to Souk as programs do: to 127.0.0.1, with the Host header of the face they mean."""

import json
import threading
from dataclasses import dataclass
from typing import Any

import requests

from stack.commands import LOCAL_STRIPE_KEY

_local = threading.local()


def _session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    return _local.session


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Any

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)

    def expect(self, status: int) -> Any:
        """The body, if the status is this one. Raises AssertionError saying what came instead."""
        assert self.status == status, f"expected {status}, got {self.status}: {self.text[:400]}"
        return self.json if self.text else None


@dataclass(frozen=True)
class Face:
    """One host of Souk, asked by one person (or nobody)."""

    url: str
    host: str
    token: str = ""

    def signed_in(self, token: str) -> "Face":
        """The same host, asked by the holder of this access token."""
        return Face(self.url, self.host, token)

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str = "", files: Any = None, **headers: str
    ) -> Answer:
        """One request. `key` is an Idempotency-Key; `files` makes it a form."""
        sent = {"Host": self.host, **headers}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if key:
            sent["Idempotency-Key"] = key
        content = {"files": files, "data": body} if files else {"json": body} if body is not None else {}
        answer = _session().request(
            method, f"{self.url}{path}", headers=sent, timeout=60, allow_redirects=False, **content
        )
        return Answer(answer.status_code, answer.content.decode(errors="replace"), answer.headers)

    def get(self, path: str) -> Answer:
        """GET below /api/v1/."""
        return self.ask("GET", f"/api/v1/{path}")

    def post(self, path: str, body: Any = None, *, key: str = "", files: Any = None) -> Answer:
        """POST below /api/v1/."""
        return self.ask(
            "POST", f"/api/v1/{path}", {} if body is None and not files else body, key=key, files=files
        )


def post_form(url: str, form: dict[str, str]) -> Answer:
    """A plain form, as a browser without JavaScript sends it (Stripe's pages)."""
    answer = _session().post(url, data=form, timeout=60, allow_redirects=False)
    return Answer(answer.status_code, answer.text, answer.headers)


def control(stripe_url: str, path: str, facts: Any = None) -> Any:
    """The local Stripe's own controls."""
    url = f"{stripe_url}/_control/{path}"
    answer = (
        _session().get(url, timeout=60) if facts is None else _session().post(url, json=facts, timeout=60)
    )
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
    return answer.json()


def stripe_list(stripe_url: str, objects: str) -> list[dict[str, Any]]:
    """What Stripe's own API lists, newest first; there are fewer than a page holds."""
    headers = {"Authorization": f"Bearer {LOCAL_STRIPE_KEY}"}
    answer = _session().get(f"{stripe_url}/v1/{objects}?limit=100", headers=headers, timeout=60)
    assert answer.status_code == 200, f"{objects}: {answer.status_code} {answer.text[:300]}"
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def deliver(url: str, host: str, signed: dict[str, str]) -> int:
    """A webhook as Stripe would send it; returns the status."""
    headers = {"Host": host, "Stripe-Signature": signed["signature"], "Content-Type": "application/json"}
    return (
        _session()
        .post(f"{url}/webhooks/stripe", data=signed["body"].encode(), headers=headers, timeout=60)
        .status_code
    )
