"""The ASGI application: the API on a short path of its own, pages and control routes by Starlette."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as PageRequest
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from stripe_local import control
from stripe_local.api import Answer, Api, Request
from stripe_local.call import World
from stripe_local.clock import Clock
from stripe_local.pages import onboarding, pay
from stripe_local.pages.layout import notice
from stripe_local.settings import Settings
from stripe_local.store import Store
from stripe_local.webhooks import Sender

Scope = dict[str, Any]


class Application:
    """One server's application; `close` when done."""

    def __init__(self, settings: Settings) -> None:
        store = Store(settings.state)
        clock = Clock(offset=float(store.fact("clock_offset") or 0))
        self.world = World(settings, store, clock)
        self.api = Api(self.world)
        self.sender = Sender(self.world)
        self.site = self.make_site()

    def make_site(self) -> Starlette:
        """Everything but the API."""
        site = Starlette(
            routes=[
                Route("/", home),
                Route("/healthz", healthy),
                Route("/pay/{session_id}", pay.show, methods=["GET"]),
                Route("/pay/{session_id}", pay.pay, methods=["POST"]),
                Route("/pay/{session_id}/3ds", pay.ask, methods=["GET"]),
                Route("/pay/{session_id}/3ds", pay.answer, methods=["POST"]),
                Route("/3ds/{intent_id}", pay.ask_intent, methods=["GET"]),
                Route("/3ds/{intent_id}", pay.answer_intent, methods=["POST"]),
                Route("/connect/onboarding/{account_id}", onboarding.show, methods=["GET"]),
                Route("/connect/onboarding/{account_id}", onboarding.complete, methods=["POST"]),
                *control.routes(control.Desk(self.world, self.api, self.sender)),
            ],
            lifespan=self.lifespan,
        )
        site.state.world = self.world
        return site

    @contextlib.asynccontextmanager
    async def lifespan(self, site: Starlette) -> AsyncIterator[None]:
        """The webhook sender runs as long as the server does."""
        has_endpoint = self.world.settings.endpoint(connect=True) is not None
        sender = asyncio.create_task(self.sender.run()) if has_endpoint else None
        try:
            yield
        finally:
            if sender is not None:
                sender.cancel()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one ASGI request."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.site(scope, receive, send)
            return
        answer = await self.api.answer(await read_request(scope, receive))
        if answer.is_dropped:
            await hang_up(send)
            return
        await write_answer(answer, send)

    def close(self) -> None:
        """Finish with the state file."""
        self.world.store.close()


async def read_request(scope: Scope, receive: Any) -> Request:
    """The whole request."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    text = body.decode("utf-8", "replace")
    return Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, text)


async def write_answer(answer: Answer, send: Any) -> None:
    """Send an answer."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer.body)).encode())]
    headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def hang_up(send: Any) -> None:
    """Close the connection without an answer, by the server's own request cycle that `send` belongs to."""
    cycle = send.__self__
    cycle.transport.abort()
    while not cycle.disconnected:
        await asyncio.sleep(0)


async def home(request: PageRequest) -> Response:
    """GET /"""
    return HTMLResponse(notice("Local payments", "This server stands in for Stripe on this machine."))


async def healthy(request: PageRequest) -> Response:
    """GET /healthz"""
    return PlainTextResponse("ok")
