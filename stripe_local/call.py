"""One request on its way through a handler."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from stripe_local.clock import Clock
from stripe_local.errors import ApiError, missing_parameter, no_such, unsupported
from stripe_local.settings import Settings
from stripe_local.store import Document, Store


@dataclass(slots=True)
class World:
    """What all requests share."""

    settings: Settings
    store: Store
    clock: Clock
    last_cleaned: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Call:
    """Who asks for what. `account` is the connected account of the Stripe-Account header, "" for the platform."""

    world: World
    account: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    request_id: str | None = None
    idempotency_key: str | None = None

    @property
    def store(self) -> Store:
        """Where objects are kept."""
        return self.world.store

    @property
    def settings(self) -> Settings:
        """How the server was started."""
        return self.world.settings

    @property
    def now(self) -> int:
        """The server's own time."""
        return self.world.clock.now()

    def load(self, kind: str, object_id: str, *, param: str = "id") -> Document:
        """The object of that id in this account, or Stripe's "No such ..."."""
        document = self.store.get(kind, object_id, account=self.account)
        if document is None:
            raise no_such(kind, object_id, param=param, status=404 if param == "id" else 400)
        return document

    def need(self, name: str) -> Any:
        """A parameter without which the request makes no sense."""
        if self.params.get(name) in (None, ""):
            raise missing_parameter(name)
        return self.params[name]

    def refuse(self, *names: str) -> None:
        """Refuse parameters that this server would otherwise silently ignore."""
        for name in names:
            if name in self.params:
                raise unsupported(name)

    def platform_only(self) -> None:
        """Refuse a request made for a connected account."""
        if self.account:
            raise ApiError("This local server offers this only to the platform, without Stripe-Account.")
