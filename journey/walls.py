"""Seller A's tokens and ids, tried on every route of seller B's storefront and of the marketplace."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from journey.bodies import body_for, crossings, picture
from journey.http import Answer, Face
from journey.telling import snapshot, until_quiet
from journey.world import PASSWORD, Seller, World, new_key

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
ELSEWHERE = "00000000-0000-7000-8000-000000000000"
# Names that are numbers, not uuids; nothing has this one.
NUMBERED = {"difference_id": "999999999"}
# Asking for a mail is answered alike for everybody, and says nothing.
UNIFORM = ("/auth/join", "/auth/password/reset")

# A month is invoiced when it is over.
NOT_YET = ("/seller/invoices/{invoice_id}.pdf",)


@dataclass(frozen=True)
class Attempt:
    """One request that must get nowhere, or, where it carries nothing of A's, must show nothing of A's."""

    asker: str
    face: Face
    method: str
    path: str
    body: Any = None
    carries_something: bool = True
    must_be: tuple[int, ...] = ()
    files: Any = None

    def verdict(self, answer: Answer, canaries: set[str]) -> str:
        """What is wrong with the answer; "" if nothing is."""
        shown = [canary for canary in canaries if canary in f"{answer.text} {answer.headers}"]
        if shown:
            return f"shows {shown[:3]}"
        if answer.status >= 500:
            return "fails"
        if self.must_be and answer.status not in self.must_be:
            return f"is not what refuses here ({self.must_be})"
        is_done = answer.status < 400 and self.method != "OPTIONS"
        return "succeeds" if is_done and self.carries_something else ""

    def __str__(self) -> str:
        return f"{self.asker}: {self.method} {self.path}"


@dataclass
class Tally:
    """What came of the attempts."""

    tried: int = 0
    leaks: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def add(self, attempt: Attempt, canaries: set[str]) -> None:
        """Make one attempt."""
        answer = attempt.face.ask(
            attempt.method, attempt.path, attempt.body, key=new_key(), files=attempt.files
        )
        self.tried += 1
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if wrong := attempt.verdict(answer, canaries):
            self.leaks.append(f"{attempt} -> {answer.status} {wrong}")


def stay_apart(world: World) -> str:
    """Nothing of A's opens anything at B's or at the marketplace, whoever brings it; at home all of it works."""
    alice, bob = world.sellers
    _complete_names(world, alice)
    bob.ids["token"] = bob.shop.post("carts", {"lines": [_line(bob)]}).expect(201)["token"]
    opened = _works_at_home(world, alice)
    until_quiet(world)
    before, tally, canaries = snapshot(world), Tally(), _canaries(world, alice)
    for attempt in _attempts(world, alice, bob):
        tally.add(attempt, canaries)
    world.results["cross_tenant_leaks"] = len(tally.leaks)
    assert not tally.leaks, f"{len(tally.leaks)} leaks: " + "; ".join(tally.leaks[:5])
    until_quiet(world)
    after = snapshot(world)
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert not changed, f"something of a seller has changed: {str(changed)[:400]}"
    _still_signed_in(alice)
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(tally.statuses.items()))
    return f"{opened} routes open at home; {tally.tried} attempts elsewhere: 0 leaks ({answers}); nothing changed"


def _line(seller: Seller) -> dict[str, Any]:
    return {"variant_id": seller.ids["variant0"], "quantity": 1}


def _complete_names(world: World, alice: Seller) -> None:
    """Something of A's own for every name a route takes."""
    staff, slug = alice.staff, next(iter(alice.export.prices))
    found = staff.get(f"seller/products?q={slug}&limit=100").expect(200)["results"]
    product = staff.get(f"seller/products/{next(row['id'] for row in found if row['slug'] == slug)}").expect(
        200
    )
    image = product["images"][0]["id"] if product["images"] else ELSEWHERE
    member = staff.get("seller/members").expect(200)[0]
    category = staff.post("seller/categories", {"name": "Canary category"}).expect(201)
    staff.post("seller/pages", {"slug": slug, "title": "Canary page"}).expect(201)
    domain = staff.post("seller/domains", {"domain": f"{slug}.canary.example"}).expect(201)
    alice.ids |= {
        "slug": slug,
        "product_id": product["id"],
        "image_id": image,
        "category_id": category["id"],
        "membership_id": member["id"],
        "domain": domain["domain"],
        "variant_id": alice.ids["variant0"],
        "tenant_id": alice.tenant_id,
        "token": alice.shop.post("carts", {"lines": [_line(alice)]}).expect(201)["token"],
    }
    world.canaries |= {
        product["title"],
        category["name"],
        member["email"],
        "Canary page",
        domain["proof"]["value"],
    }


def _canaries(world: World, alice: Seller) -> set[str]:
    return world.canaries | set(alice.ids.values()) - {ELSEWHERE} | {alice.email, alice.access, alice.refresh}


def _works_at_home(world: World, alice: Seller) -> int:
    """The control: every GET with these very names and tokens is answered on A's own host."""
    opened = 0
    for path, operations in _document(world, "storefront").items():
        if "get" in operations and "{" in path and not path.endswith(NOT_YET):
            home = alice.staff if "/seller/" in path else alice.shop
            home = alice.shop.signed_in(world.buyer_access) if "/me/" in path else home
            answer = home.ask("GET", fill(path, alice))
            assert answer.status == 200, f"at home, {path}: {answer.status} {answer.text[:200]}"
            opened += 1
    assert opened >= 8, f"only {opened} routes with names were found"
    return opened


def _document(world: World, face: str) -> dict[str, set[str]]:
    """The documented methods of every route of a face."""
    if face not in world.routes:
        document = world.marketplace.ask("GET", f"/api/schema/{face}?format=json").expect(200)
        world.routes[face] = {path: set(operations) for path, operations in document["paths"].items()}
    return world.routes[face]


def fill(path: str, seller: Seller) -> str:
    """A route with the seller's own names in it."""
    names = NUMBERED | seller.ids | ({"order_id": seller.ids["buyer_order_id"]} if "/me/" in path else {})
    return re.sub(r"\{(\w+)\}", lambda match: names.get(match.group(1), ELSEWHERE), path)


def _attempts(world: World, alice: Seller, bob: Seller) -> Iterator[Attempt]:
    faces = (("storefront", bob.shop), ("marketplace", world.marketplace))
    visitors = {face.host: _sign_in(face, alice.email) for _, face in faces}
    for document, face in faces:
        for path, operations in _document(world, document).items():
            yield from _by_strangers(world, alice, face, path, operations)
            for method in METHODS:
                if method.lower() not in operations:
                    continue
                yield from _by_insider(alice, bob, face, method, path)
                yield from _by_visitor(alice, visitors[face.host], method, path)
    yield from _crossed(alice, bob)
    yield from _pages(alice, bob)


def _sign_in(face: Face, email: str) -> Face:
    """A person may have an account anywhere; the role is at home only."""
    pair = face.post("auth/token", {"email": email, "password": PASSWORD}).expect(200)
    return face.signed_in(pair["access"])


def _by_strangers(
    world: World, alice: Seller, face: Face, path: str, operations: set[str]
) -> Iterator[Attempt]:
    """A's owner and nobody on each method, documented or not; everything else of A's as the bearer."""
    people = {"A's owner": alice.access}
    others = {
        "A's buyer": world.buyer_access,
        "A's refresh token": alice.refresh,
        "A's cart": alice.ids["token"],
        "A's order": alice.ids["secret"],
    }
    target = fill(path, alice)
    for method in METHODS:
        body = None if method in ("GET", "HEAD", "OPTIONS") else body_for(method, path, alice)
        for asker, key in (people | others if method.lower() in operations else people).items():
            yield Attempt(asker, face.signed_in(key), method, target, body)
        names = target != path or any(value in str(body) for value in alice.ids.values())
        is_telling = (names or alice.refresh in str(body)) and not path.endswith(UNIFORM)
        yield Attempt("nobody", face, method, target, body, is_telling)


def _by_insider(alice: Seller, bob: Seller, face: Face, method: str, path: str) -> Iterator[Attempt]:
    """B's owner, signed in at home, names A's things."""
    target = fill(path, alice)
    if target != path:
        body = body_for(method, path, alice)
        files = picture() if path.endswith("/images") and method == "POST" else None
        # B's token is good on B's host, so that only the wall is left to refuse.
        must_be = (404,) if face.host == bob.shop.host else (401,)
        asker = face.signed_in(bob.access)
        yield Attempt("B's owner", asker, method, target, None if files else body, True, must_be, files)


def _by_visitor(alice: Seller, visitor: Face, method: str, path: str) -> Iterator[Attempt]:
    """A's owner with an account here has no role here."""
    if "/seller/" in path or "/operator/" in path:
        body = body_for(method, path, alice)
        yield Attempt("A's owner, signed in here", visitor, method, fill(path, alice), body, must_be=(403,))


def _crossed(alice: Seller, bob: Seller) -> Iterator[Attempt]:
    """B's own paths with A's things in the body."""
    for asker, method, path, body in crossings(alice.ids, bob.ids, alice.refresh):
        face = bob.staff if asker == "B's owner" else bob.shop
        yield Attempt(asker, face, method, f"/api/v1/{path}", body)


def _pages(alice: Seller, bob: Seller) -> Iterator[Attempt]:
    """The pages and files beside the API."""
    pages = [f"/products/{alice.ids['slug']}", f"/orders/{alice.ids['secret']}"]
    pictures = [card["image"]["url"] for card in alice.shop.get("products").json["results"] if card["image"]]
    for path in [*pages, *pictures[:3]]:
        assert alice.shop.ask("GET", path).status == 200, f"at home, {path}"
        yield Attempt("nobody", bob.shop, "GET", path)
        yield Attempt("A's owner", bob.shop.signed_in(alice.access), "GET", path)


def _still_signed_in(alice: Seller) -> None:
    """B's host has not used up A's refresh token: at home it works, and exactly once."""
    alice.staff.get("seller/orders").expect(200)
    pair = alice.shop.post("auth/refresh", {"refresh": alice.refresh}).expect(200)
    alice.shop.post("auth/refresh", {"refresh": alice.refresh}).expect(401)
    alice.access, alice.refresh = pair["access"], pair["refresh"]
