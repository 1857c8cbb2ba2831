"""Steps that prove the figures: payouts, statements, walls between sellers, audit, reconcile."""

import json
import re
from typing import Any

import requests

from journey.buying import snapshot
from journey.world import Seller, World, eventually, new_key
from stack.problems import StackProblem

METHODS = ("get", "post", "put", "patch", "delete")
ELSEWHERE = "00000000-0000-7000-8000-000000000000"


def pay_out(world: World) -> str:
    """The run pays both sellers, once; each statement is summed by hand."""
    assert world.operator is not None
    key = new_key()
    made = world.operator.post("operator/payout-runs", {}, key=key).expect(201)["payouts"]
    assert world.operator.post("operator/payout-runs", {}, key=key).expect(201)["payouts"] == made
    assert world.operator.post("operator/payout-runs", {}, key=new_key()).expect(201)["payouts"] == []
    assert {payout["tenant_id"] for payout in made} == {seller.tenant_id for seller in world.sellers}
    parts = []
    for seller in world.sellers:
        payout = eventually("the transfer is made", lambda s=seller: _sent(s))
        seller.ids["payout_id"] = payout["id"]
        assert payout["amount_minor"] == seller.owed, f"paid {payout['amount_minor']}, by hand {seller.owed}"
        _check_statement(seller, payout["statement"])
        parts.append(f"{seller.slug} {seller.owed}")
    transfers = requests.get(
        f"{world.stripe}/v1/transfers", headers={"Authorization": "Bearer sk_test_souk_local"}, timeout=60
    ).json()["data"]
    assert sorted(transfer["amount"] for transfer in transfers) == sorted(
        seller.owed for seller in world.sellers
    )
    return f"paid out once: {', '.join(parts)}; statements summed by hand; 2 transfers at Stripe"


def _sent(seller: Seller) -> dict[str, Any] | None:
    payouts = seller.staff.get("seller/payouts").expect(200)["results"]
    if not payouts or payouts[0]["status"] != "sent":
        return None
    assert len(payouts) == 1
    return seller.staff.get(f"seller/payouts/{payouts[0]['id']}").expect(200)


def _check_statement(seller: Seller, statement: dict[str, Any]) -> None:
    sales = seller.sales
    by_hand = {
        "sale": sum(sale.total for sale in sales),
        "commission": -sum(sale.commission for sale in sales),
        "fee": -sum(sale.fee for sale in sales),
        "refund": -sum(sale.refunded for sale in sales),
        "commission_returned": sum(sale.commission_returned for sale in sales),
    }
    totals: dict[str, int] = {}
    for line in statement["lines"]:
        totals[line["kind"]] = totals.get(line["kind"], 0) + line["amount_minor"]
    assert totals == {kind: amount for kind, amount in by_hand.items() if amount}, (
        f"{totals} by hand {by_hand}"
    )
    assert totals == statement["totals"]
    assert statement["opening_balance_minor"] - statement["closing_balance_minor"] == seller.owed
    gross = sum(
        line["subtotal_minor"] + line["discount_minor"] + line["shipping_minor"]
        for line in statement["orders"]
    )
    assert gross == by_hand["sale"], "the order lines behind it add up, too"


def stay_apart(world: World) -> str:
    """Seller A's tokens and ids on every route of seller B and of the marketplace: nothing."""
    alice, bob = world.sellers
    world.canaries |= {alice.email, alice.ids["order_id"], alice.ids["payout_id"], alice.tenant_id}
    before, tried, leaks = snapshot(world), 0, []
    faces = [("storefront", bob.shop), ("marketplace", world.marketplace)]
    for document, face in faces:
        for path, operations in _document(world, document)["paths"].items():
            target = _fill(path, alice)
            for method in METHODS:
                if method not in operations:
                    continue
                for asker in (face.signed_in(alice.access), face.signed_in(alice.refresh), face):
                    answer = asker.ask(
                        method.upper(), target, _body(path, alice) if method != "get" else None, key=new_key()
                    )
                    tried += 1
                    shown = [canary for canary in world.canaries if canary in answer.text]
                    acted = (
                        answer.status < 300 and (asker.token or target != path) and not path.endswith(PUBLIC)
                    )
                    if shown or acted or answer.status >= 500:
                        leaks.append(f"{method.upper()} {path} -> {answer.status} {shown}")
    assert snapshot(world) == before, "something of a seller has changed"
    world.results["cross_tenant_leaks"] = len(leaks)
    assert not leaks, "; ".join(leaks[:5])
    return (
        f"{tried} requests with another seller's tokens and ids: 0 answered, 0 canaries seen, nothing changed"
    )


# Asking for a mail is answered alike for everybody, and says nothing.
PUBLIC = ("/auth/join", "/auth/password/reset")


def _document(world: World, face: str) -> dict[str, Any]:
    return world.marketplace.ask("GET", f"/api/schema/{face}?format=json").expect(200)


def _fill(path: str, seller: Seller) -> str:
    known = {
        **seller.ids,
        "variant_id": seller.ids["variant0"],
        "slug": next(iter(seller.export.prices)),
        "tenant_id": seller.tenant_id,
    }
    return re.sub(r"\{(\w+)\}", lambda match: known.get(match.group(1), ELSEWHERE), path)


def _body(path: str, seller: Seller) -> dict[str, Any]:
    """Bodies that name the other seller's things where a route takes names."""
    if path.endswith("/auth/refresh"):
        return {"refresh": seller.refresh}
    if path.endswith("/checkout"):
        return {
            "cart": seller.ids["token"],
            "email": "x@example.com",
            "shipping_address": {
                "name": "x",
                "line1": "x 1",
                "city": "Berlin",
                "postal_code": "10117",
                "country": "DE",
            },
        }
    if path.endswith("/lines"):
        return {"variant_id": seller.ids["variant0"], "quantity": 1}
    if path.endswith("/carts"):
        return {"lines": [{"variant_id": seller.ids["variant0"], "quantity": 1}]}
    return {"reason": "x"}


def audit(world: World) -> str:
    """What must always hold, asked of the database."""
    report = _report(world, "audit")
    world.results["audit_violations"] = len(report["violations"])
    assert not report["violations"], report["violations"][:3]
    return (
        f"{report['checked']['checks']} checks over {report['checked']['tenants']} storefronts: 0 violations"
    )


def reconcile(world: World) -> str:
    """Our books against Stripe's balance transactions."""
    report = _report(world, "reconcile")
    world.results["reconcile_differences"] = len(report["differences"])
    world.results["ledger_sum"] = sum(abs(amount) for amount in report["ledger_sum"].values())
    assert not report["differences"], report["differences"][:3]
    assert not world.results["ledger_sum"]
    compared = report["compared"]
    return f"{compared['balance_transactions']} balance transactions, {compared['bookings']} bookings: 0 differences; ledger sums to 0"


def _report(world: World, command: str) -> dict[str, Any]:
    try:
        printed = world.stack.manage(command, "--json")
    except StackProblem as problem:
        raise AssertionError(f"manage.py {command}: {problem}") from problem
    return json.loads(next(line for line in reversed(printed.strip().splitlines()) if line.startswith("{")))
