"""Steps that prove the figures: payouts, statements, audit, reconcile."""

import json
from functools import partial
from typing import Any

from journey.http import control, stripe_list
from journey.world import Seller, World, eventually, new_key
from stack.problems import StackProblem


def pay_out(world: World) -> str:
    """The run pays both sellers, once; each statement is summed by hand; the bank gets it."""
    _run_again_and_again(world)
    parts = []
    for seller in world.sellers:
        payout = eventually("the transfer is made", partial(_payout, seller, "sent"))
        seller.ids["payout_id"] = payout["id"]
        assert payout["amount_minor"] == seller.owed, f"paid {payout['amount_minor']}, by hand {seller.owed}"
        _check_statement(seller, payout["statement"])
        _reach_the_bank(world, seller)
        parts.append(f"{seller.slug} {seller.owed}")
    return f"paid out once: {', '.join(parts)}; statements summed by hand; 2 transfers at Stripe, at the bank"


def _run_again_and_again(world: World) -> None:
    """By the operator, replayed, asked again, and by the command: one payout each."""
    key = new_key()
    made = world.operator.post("operator/payout-runs", {}, key=key).expect(201)["payouts"]
    assert world.operator.post("operator/payout-runs", {}, key=key).expect(201)["payouts"] == made
    assert world.operator.post("operator/payout-runs", {}, key=new_key()).expect(201)["payouts"] == []
    assert _report(world, "payout_run")["payouts"] == []
    assert sorted(payout["tenant_id"] for payout in made) == sorted(s.tenant_id for s in world.sellers)


def _payout(seller: Seller, status: str) -> dict[str, Any] | None:
    payouts = seller.staff.get("seller/payouts").expect(200)["results"]
    if not payouts or payouts[0]["status"] != status:
        return None
    assert len(payouts) == 1
    found: dict[str, Any] = seller.staff.get(f"seller/payouts/{payouts[0]['id']}").expect(200)
    return found


def _check_statement(seller: Seller, statement: dict[str, Any]) -> None:
    """Its lines, added up here, are the journey's own figures; so are its balances and the order lines behind it."""
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
        f"summed {totals}, by hand {by_hand}"
    )
    assert totals == statement["totals"]
    assert sum(totals.values()) == seller.owed
    assert statement["opening_balance_minor"] == seller.owed, "nothing was paid before"
    assert statement["closing_balance_minor"] == 0, "nothing is left"
    orders = statement["orders"]
    gross = sum(row["subtotal_minor"] + row["discount_minor"] + row["shipping_minor"] for row in orders)
    assert gross == by_hand["sale"], f"order lines {gross}, by hand {by_hand['sale']}"
    assert (
        sum(row["commission_minor"] for row in orders)
        == by_hand["commission"] + by_hand["commission_returned"]
    )
    assert sum(row["amount_minor"] for row in orders) == seller.owed, (
        "the order lines do not add up to the payout"
    )


def _reach_the_bank(world: World, seller: Seller) -> None:
    """The transfer at Stripe is what we owe, once; Stripe pays it to the bank and tells us."""
    transfers = [
        transfer
        for transfer in stripe_list(world.stripe, "transfers")
        if transfer["metadata"]["tenant"] == seller.tenant_id
    ]
    assert [transfer["amount"] for transfer in transfers] == [seller.owed]
    account = transfers[0]["destination"]
    paid = control(world.stripe, "payouts", {"account": account, "currency": "eur"})
    assert paid["amount"] == seller.owed
    control(world.stripe, f"payouts/{paid['id']}/paid", {})
    eventually("the payout is known to be paid", lambda: _payout(seller, "paid"))
    (balance,) = seller.staff.get("seller/balance").expect(200)
    shown = (balance["pending_minor"], balance["available_minor"], balance["paid_minor"])
    assert shown == (0, 0, seller.owed), f"balance {shown}"


def audit(world: World) -> str:
    """What must always hold, asked of the database."""
    report = _report(world, "audit")
    world.results["audit_violations"] = len(report["violations"])
    assert not report["violations"], report["violations"][:3]
    checked = report["checked"]
    assert checked["tenants"] == len(world.sellers)
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
    """One for each charge, refund and transfer the journey made."""
    sales = [sale for seller in world.sellers for sale in seller.sales]
    return len(sales) + sum(1 for sale in sales if sale.refunded) + len(world.sellers)


def _report(world: World, command: str) -> dict[str, Any]:
    try:
        printed = world.stack.manage(command, "--json")
    except StackProblem as problem:
        raise AssertionError(f"manage.py {command}: {problem}") from problem
    lines = [line for line in printed.splitlines() if line.startswith("{") and '"event"' not in line[:200]]
    report: dict[str, Any] = json.loads(lines[-1])
    return report
