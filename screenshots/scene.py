"""Where the pages are: a running stack, one storefront of it, and the people who have accounts there."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from journey.http import Face
from journey.world import new_key
from stack.processes import Stack


class Who(StrEnum):
    """Whom a page is for."""

    GUEST = "guest"
    BUYER = "buyer"
    OWNER = "owner"
    OPERATOR = "operator"


class Host(StrEnum):
    """Whose host a page is on."""

    STOREFRONT = "storefront"
    MARKETPLACE = "marketplace"
    SUSPENDED = "suspended"


CLOSED = "closed-for-now"


@dataclass(frozen=True)
class Login:
    """An account."""

    email: str
    password: str


@dataclass
class Scene:
    """A storefront that sells shop/sample/products.csv. `orders` are the paths of its orders' pages, by their state."""

    stack: Stack
    slug: str
    logins: dict[Who, Login]
    orders: dict[str, str] = field(default_factory=dict)
    sessions: dict[Who, Any] = field(default_factory=dict)  # the cookies of those who have signed in

    def address(self, host: Host) -> str:
        """The host's address for a browser, without a slash at the end."""
        if host is Host.MARKETPLACE:
            return self.stack.address
        return f"http://{CLOSED if host is Host.SUSPENDED else self.slug}.{self.stack.host}"

    def shop(self) -> Face:
        """The storefront's API, asked by nobody in particular."""
        return Face(self.stack.url, f"{self.slug}.{self.stack.host}")

    def staff(self) -> Face:
        """The storefront's API, asked by its owner."""
        owner = self.logins[Who.OWNER]
        body = {"email": owner.email, "password": owner.password}
        return self.shop().signed_in(self.shop().post("auth/token", body).expect(200)["access"])

    def operator(self) -> Face:
        """The marketplace's API, asked by the operator."""
        front, login = Face(self.stack.url, self.stack.host), self.logins[Who.OPERATOR]
        body = {"email": login.email, "password": login.password}
        return front.signed_in(front.post("auth/token", body).expect(200)["access"])

    def suspend_one(self) -> None:
        """A second storefront, which the operator has closed."""
        body = {
            "email": "owner@closed.example",
            "password": "a-quiet-harbour-46",
            "name": "Closed & Co",
            "slug": CLOSED,
        }
        made = Face(self.stack.url, self.stack.host).post("signup", body, key=new_key()).expect(201)
        path = f"operator/tenants/{made['storefront']['id']}/suspend"
        self.operator().post(path, {"reason": "a picture of it"}).expect(200)
