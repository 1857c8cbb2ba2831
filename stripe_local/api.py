"""The API over HTTP: from a request's bytes to an answer's, with idempotency and faults in between."""

import asyncio
import base64
import logging
from dataclasses import dataclass, field
from typing import Any

import orjson

from stripe_local import sweep
from stripe_local.call import Call, World
from stripe_local.errors import ApiError
from stripe_local.events import API_VERSION
from stripe_local.faults import Fault, Faults, refusal_for, server_error
from stripe_local.forms import decode_form
from stripe_local.idempotency import KeptAnswer, Ticket, in_use, keep, kept_answer, ticket_for
from stripe_local.ids import new_id
from stripe_local.params import check_parameters
from stripe_local.rendering import expand, public
from stripe_local.resources.accounts import no_access
from stripe_local.routes import Route, find_route

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One API request as it came in. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class Answer:
    """One API answer; `is_dropped` closes the connection instead of sending it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    is_dropped: bool = False


@dataclass(slots=True)
class Api:
    """Answers API requests, one at a time except while a delay waits."""

    world: World
    faults: Faults = field(default_factory=Faults)
    running: set[tuple[str, str]] = field(default_factory=set)

    async def answer(self, request: Request) -> Answer:
        """The answer to a request; every refusal has Stripe's shape."""
        request_id = new_id("req")
        try:
            answer = await self.respond(request, request_id)
        except ApiError as refusal:
            answer = Answer(refusal.status, orjson.dumps(refusal.body()))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = Answer(500, orjson.dumps(server_error().body()))
        answer.headers.setdefault("request-id", request_id)
        answer.headers["stripe-version"] = request.headers.get("stripe-version", API_VERSION)
        if "idempotency-key" in request.headers:
            answer.headers["idempotency-key"] = (
                request.headers["idempotency-key"].encode("ascii", "replace").decode()
            )
        return answer

    async def respond(self, request: Request, request_id: str) -> Answer:
        """Find out what is asked and by whom, then read or write."""
        check_key(request.headers)
        found = find_route(request.method, request.path)
        if found is None:
            message = f"Unrecognized request URL ({request.method}: {request.path})."
            raise ApiError(message, status=404, is_stored=False)
        route, ids = found
        sweep.run(self.world)
        account = self.account_of(request)
        call = Call(self.world, account=account, path=ids, request_id=request_id)
        fault = self.faults.take(f"{request.method} {request.path}") if self.faults.waiting else None
        if request.method == "GET":
            return await self.read(route, call, request, fault)
        return await self.write_once(route, call, request, fault)

    def account_of(self, request: Request) -> str:
        """The connected account of the Stripe-Account header, "" for the platform's own requests."""
        account = request.headers.get("stripe-account", "")
        if account:
            document = self.world.store.get("account", account)
            if document is None or document.get("_deauthorized"):
                raise no_access(account)
        return account

    async def read(self, route: Route, call: Call, request: Request, fault: Fault | None) -> Answer:
        """Answer a GET: nothing is kept, nothing is replayed."""
        if fault is not None:
            await suffer(fault)
        call.params = check_parameters(route.params, decode_form(request.query))
        body = orjson.dumps(rendered(call, route.handler(call)))
        return Answer(200, body, is_dropped=fault is not None and fault.kind == "drop_reply")

    async def write_once(self, route: Route, call: Call, request: Request, fault: Fault | None) -> Answer:
        """Answer a POST or DELETE, doing its work at most once per idempotency key."""
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        ticket = None
        if key is not None:
            ticket = ticket_for(account=call.account, key=key, endpoint=request.path, body=request.body)
            call.idempotency_key = key
            if (ticket.account, ticket.key) in self.running:
                raise in_use(ticket)
            kept = kept_answer(call.store, ticket, now=call.now)
            if kept is not None:
                return replay(kept, fault)
        call.params = check_parameters(route.params, decode_form(request.body or request.query))
        if ticket is not None:
            self.running.add((ticket.account, ticket.key))
        try:
            return await self.write(route, call, ticket, fault)
        finally:
            if ticket is not None:
                self.running.discard((ticket.account, ticket.key))

    async def write(self, route: Route, call: Call, ticket: Ticket | None, fault: Fault | None) -> Answer:
        """Do the work and keep its answer, with the faults that were ordered."""
        refusal = refusal_for(fault) if fault is not None else None
        if fault is not None and fault.kind == "delay" and not fault.after_work:
            await asyncio.sleep(fault.seconds)
        answer = self.commit(route, call, ticket, refusal)
        if fault is None:
            return answer
        if fault.kind == "delay" and fault.after_work:
            await asyncio.sleep(fault.seconds)
        if fault.kind == "error_500" and fault.after_work:
            return Answer(500, orjson.dumps(server_error().body()))
        answer.is_dropped = fault.kind == "drop_reply"
        return answer

    def commit(self, route: Route, call: Call, ticket: Ticket | None, refusal: ApiError | None) -> Answer:
        """One transaction: the work, its events and the kept answer."""
        try:
            with self.world.store.transaction():
                status, body, is_stored = work(route, call, refusal)
                if ticket is not None and is_stored:
                    keep(call.store, ticket, KeptAnswer(status, body, call.request_id or ""), now=call.now)
        except Exception:
            log.exception("%s failed", route.path)
            return self.commit(route, call, ticket, server_error())
        return Answer(status, body)


def work(route: Route, call: Call, refusal: ApiError | None) -> tuple[int, bytes, bool]:
    """Status, body and whether it is kept. What a refused request did before is undone, but for a declined card."""
    try:
        with call.store.attempt():
            if refusal is not None:
                raise refusal
            return 200, orjson.dumps(rendered(call, route.handler(call))), True
    except ApiError as error:
        return error.status, orjson.dumps(error.body()), error.is_stored


def rendered(call: Call, document: dict[str, Any]) -> dict[str, Any]:
    """What is sent of a handler's result."""
    shown = public(document, call.now)
    return expand(call, shown, call.params["expand"]) if "expand" in call.params else shown


def replay(kept: KeptAnswer, fault: Fault | None) -> Answer:
    """The first answer once more."""
    headers = {
        "idempotent-replayed": "true",
        "original-request": kept.request_id,
        "request-id": kept.request_id,
    }
    if kept.status >= 500:
        headers["stripe-should-retry"] = "false"
    return Answer(
        kept.status, kept.body, headers, is_dropped=fault is not None and fault.kind == "drop_reply"
    )


async def suffer(fault: Fault) -> None:
    """Let a fault befall a read."""
    refusal = refusal_for(fault)
    if refusal is not None:
        raise refusal
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)


def check_key(headers: dict[str, str]) -> None:
    """Refuse a request without a secret test key; a live key must never come here."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        value = base64.b64decode(value).decode("utf-8", "replace").partition(":")[0]
    if not value:
        message = "You did not provide an API key. Send it as a bearer token in the Authorization header."
        raise ApiError(message, status=401, is_stored=False)
    if not value.startswith(("sk_", "rk_")) or value[2:].startswith("_live"):
        hidden = f"{value[:8]}{'*' * max(0, len(value) - 12)}{value[-4:]}"
        raise ApiError(f"Invalid API Key provided: {hidden}", status=401, is_stored=False)
