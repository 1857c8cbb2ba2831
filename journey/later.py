"""What the schedules do on a later day. Souk's clock cannot be moved from outside, so its commands are told the day."""

import json
from typing import Any

from journey.paying import follow
from journey.world import Seller, World

RELEASE = """
import json
from datetime import timedelta
from core.clock import now
from services.charge_services import release_reserves
print(json.dumps({{"released": release_reserves(at=now() + timedelta(days={days}))}}))
"""
PAY = """
import json
from datetime import timedelta
from core.clock import now
from services.payout_services import preview_payouts, run_payouts
at, tenants = now() + timedelta(days={days}), ["{tenant}"]
promised = [plan.amount_minor for plan in preview_payouts(tenant_ids=tenants, at=at)]
made = [[str(payout.pk), payout.amount_minor] for payout in run_payouts(tenant_ids=tenants, at=at)]
print(json.dumps({{"promised": promised, "made": made}}))
"""


def release_reserves(world: World, days: int) -> int:
    """The hourly release, as of so many days from now. Returns how many were given back."""
    return int(_told(world, RELEASE.format(days=days))["released"])


def pay(world: World, seller: Seller, days: int, amount: int) -> None:
    """A run as of so many days from now pays one seller what its preview says and what is due, to the bank."""
    told = _told(world, PAY.format(days=days, tenant=seller.tenant_id))
    ((payout_id, requested),) = told["made"]
    assert told["promised"] == [requested] == [amount], f"{told}, by hand {amount}"
    follow(world, seller, payout_id, seller.due)


def _told(world: World, code: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(world.stack.manage("shell", "-c", code).splitlines()[-1])
    return told
