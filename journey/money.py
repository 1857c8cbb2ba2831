"""Steps that prove the figures: payouts, statements, audit, reconcile."""

import json
from typing import Any

from journey.paying import follow, promised, until_shows
from journey.world import World, new_key
from stack.problems import StackProblem


def pay_out(world: World) -> str:
    """The run pays both sellers, once, what the preview says; each statement is summed by hand; the bank gets it."""
    promises = promised(world, *world.sellers)
    made = _run_again_and_again(world)
    requested = {payout["tenant_id"]: payout["amount_minor"] for payout in made}
    by_hand = {seller.tenant_id: seller.owed for seller in world.sellers}
    assert promises == requested == by_hand, f"{promises} promised, {requested} requested, {by_hand} by hand"
    for payout in made:
        (seller,) = [seller for seller in world.sellers if seller.tenant_id == payout["tenant_id"]]
        seller.ids["payout_id"] = payout["id"]
        follow(world, seller, payout["id"], seller.due)
        until_shows(seller, pending=0, available=0, paid=seller.owed)
    parts = ", ".join(f"{seller.slug} {seller.owed}" for seller in world.sellers)
    return (
        f"previewed, paid out once: {parts}; statements summed at 3 levels, as CSV and PDF; "
        "2 transfers at Stripe, at the bank"
    )


def _run_again_and_again(world: World) -> list[dict[str, Any]]:
    """By the operator, replayed, asked again, and by the command: one payout each."""
    key = new_key()
    made: list[dict[str, Any]] = world.operator.post("operator/payout-runs", {}, key=key).expect(201)[
        "payouts"
    ]
    assert world.operator.post("operator/payout-runs", {}, key=key).expect(201)["payouts"] == made
    assert world.operator.post("operator/payout-runs", {}, key=new_key()).expect(201)["payouts"] == []
    assert _report(world, "payout_run")["payouts"] == []
    assert sorted(payout["tenant_id"] for payout in made) == sorted(s.tenant_id for s in world.sellers)
    return made


def audit(world: World) -> str:
    """What must always hold, asked of the database."""
    report = _report(world, "audit")
    world.results["audit_violations"] = len(report["violations"])
    assert not report["violations"], report["violations"][:3]
    checked = report["checked"]
    assert checked["tenants"] == len(world.everybody)
    return f"{checked['checks']} checks over {checked['tenants']} storefronts: 0 violations"


def reconcile(world: World) -> str:
    """Our books against Stripe's balance transactions."""
    report = _report(world, "reconcile")
    world.results["reconcile_differences"] = len(report["differences"])
    world.results["ledger_sum"] = sum(abs(amount) for amount in report["ledger_sum"].values())
    assert not report["differences"], report["differences"][:3]
    assert report["ledger_sum"] == {"EUR": 0}, report["ledger_sum"]
    compared, expected = report["compared"], _expected_transactions(world)
    assert compared["balance_transactions"] == expected, f"{compared}, by hand {expected}"
    return (
        f"{compared['balance_transactions']} balance transactions, {compared['bookings']} bookings: "
        "0 differences; ledger sums to 0"
    )


def _expected_transactions(world: World) -> int:
    """One for each charge, refund, move of a dispute and transfer the journey made."""
    sales = [sale for seller in world.everybody for sale in seller.sales]
    return sum(sale.moves for sale in sales) + sum(len(seller.paid) for seller in world.everybody)


def _report(world: World, command: str) -> dict[str, Any]:
    try:
        printed = world.stack.manage(command, "--json")
    except StackProblem as problem:
        raise AssertionError(f"manage.py {command}: {problem}") from problem
    lines = [line for line in printed.splitlines() if line.startswith("{") and '"event"' not in line[:200]]
    report: dict[str, Any] = json.loads(lines[-1])
    return report
