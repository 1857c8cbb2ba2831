"""The seller's money: verified at Stripe, paid out once, and asked by a buyer's bank to give some of it back."""

from datetime import UTC, datetime
from typing import Any

from journey.http import Face, control, post_form, stripe_list
from journey.world import eventually, new_key
from screenshots.scene import Scene

BANK_FEE = 1_500


def open_bank(scene: Scene) -> None:
    """Verified, and what is earned from now on is available at once. Payouts are made tomorrow, or when asked."""
    staff = scene.staff()
    if not _may_receive(staff):
        link = eventually("the account at Stripe is open", lambda: _link(staff))
        post_form(link, {})
        eventually("Stripe has verified the seller", lambda: _may_receive(staff))
    tenant = staff.get("seller/storefront").expect(200)["id"]
    scene.operator().ask("PATCH", f"/api/v1/operator/tenants/{tenant}/terms", {"hold_days": 0}).expect(200)
    tomorrow = datetime.now(UTC).isoweekday() % 7 + 1
    terms = {"schedule": "weekly", "schedule_day": tomorrow}
    staff.ask("PATCH", "/api/v1/seller/account", terms).expect(200)


def pay_out(scene: Scene, disputed: dict[str, Any]) -> None:
    """A payout, then a dispute about this order. Fills in `scene.orders` with the pages of both."""
    staff = scene.staff()
    asked = eventually("there is something to pay out", lambda: _ask(staff))
    path = f"seller/payouts/{asked['id']}"
    eventually("the payout is sent", lambda: staff.get(path).expect(200)["status"] == "sent")
    dispute = _dispute(scene, disputed)
    eventually("the dispute is known", lambda: staff.get(f"seller/disputes/{dispute}").status == 200)
    scene.orders["payout"] = f"/dashboard/payouts/{asked['id']}"
    scene.orders["dispute"] = f"/dashboard/disputes/{dispute}"


def _may_receive(staff: Face) -> bool:
    account = staff.get("seller/account").expect(200)
    return bool(account["transfers_active"] and account["payouts_enabled"])


def _link(staff: Face) -> str | None:
    answer = staff.post("seller/account/onboarding", {})
    return answer.json["url"] if answer.status == 200 else None


def _ask(staff: Face) -> dict[str, Any] | None:
    answer = staff.post("seller/payouts", key=new_key())
    return dict(answer.json[0]) if answer.status == 201 else None


def _dispute(scene: Scene, order: dict[str, Any]) -> str:
    stripe = scene.stack.stripe_url
    assert stripe is not None
    intents = stripe_list(stripe, "payment_intents")
    (intent,) = [each["id"] for each in intents if each["metadata"].get("order") == order["id"]]
    facts = {"payment_intent": intent, "fee": BANK_FEE, "reason": "product_not_received"}
    return str(control(stripe, "disputes", facts)["id"])
