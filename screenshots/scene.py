"""Where the pages are: a running stack, one storefront of it, and the people who have accounts there."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from journey.http import Face
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
        return self.stack.address if host is Host.MARKETPLACE else f"http://{self.slug}.{self.stack.host}"

    def shop(self) -> Face:
        """The storefront's API, asked by nobody in particular."""
        return Face(self.stack.url, f"{self.slug}.{self.stack.host}")

    def staff(self) -> Face:
        """The storefront's API, asked by its owner."""
        owner = self.logins[Who.OWNER]
        body = {"email": owner.email, "password": owner.password}
        return self.shop().signed_in(self.shop().post("auth/token", body).expect(200)["access"])
