"""`make journey`: a fresh stack, the steps, one line each, and the verdict."""

import sys
import time
import traceback
from collections.abc import Callable

from journey import buying, money, selling
from journey.figures import exports
from journey.http import Face
from journey.world import Seller, World
from stack.problems import StackProblem
from stack.processes import ROOT, Stack

Step = Callable[[World], str]
STEPS: list[tuple[str, Step]] = [
    ("sign up", selling.sign_up),
    ("operator", selling.set_terms),
    ("onboarding", selling.onboard),
    ("import", selling.import_exports),
    ("shops", selling.prepare_shops),
    ("guest buys", buying.guest_buys),
    ("account buys", buying.account_buys),
    ("second shop", buying.other_shop_sells),
    ("webhooks again", buying.repeat_webhooks),
    ("last units", buying.last_units),
    ("shipping", buying.ship_and_deliver),
    ("refund", buying.refund_part),
    ("payouts", money.pay_out),
    ("webhooks again", buying.repeat_webhooks),
    ("walls", money.stay_apart),
    ("audit", money.audit),
    ("reconcile", money.reconcile),
]
SELLERS = (("Northern Thread", "northern-thread"), ("Harbour Gold", "harbour-gold"))


def walk(world: World) -> int:
    """All steps, in order. Returns how many; raises AssertionError with the step's name in front."""
    for number, (name, step) in enumerate(STEPS, start=1):
        started = time.monotonic()
        try:
            line = step(world)
        except AssertionError as failure:
            raise AssertionError(f"step {number}, {name}: {failure}") from failure
        print(f"{number:>2} {name:<15} {line} [{time.monotonic() - started:.1f} s]", flush=True)
    return len(STEPS)


def main() -> int:
    """Exit status 0 only if every step held."""
    started = time.monotonic()
    found = exports(ROOT)
    print(f"journey: {', '.join(export.path.name for export in found)}; starting a fresh stack", flush=True)
    with Stack.fresh(funds_after_seconds=0, pool_size=2, extra_env={"LOG_LEVEL": "INFO"}) as stack:
        try:
            stack.start()
            stack.wait_ready(90)
            sellers = [
                Seller(name, slug, f"owner@{slug}.example", export)
                for (name, slug), export in zip(SELLERS, found, strict=True)
            ]
            world = World(stack, Face(stack.url, stack.host), sellers)
            steps = walk(world)
        except (AssertionError, StackProblem, KeyError) as failure:
            traceback.print_exc()
            _show_logs(stack)
            print(f"journey: FAILED at {failure}", flush=True)
            return 1
    results = " ".join(
        f"{name}={world.results[name]}"
        for name in ("ledger_sum", "reconcile_differences", "audit_violations", "cross_tenant_leaks")
    )
    print(f"journey: ok steps={steps} seconds={time.monotonic() - started:.0f} {results}", flush=True)
    return 0


def _show_logs(stack: Stack) -> None:
    for name in ("web", "worker", "stripe"):
        path = stack.log(name)
        if path.is_file():
            lines = [
                line
                for line in path.read_text(errors="replace").splitlines()
                if '"event": "request"' not in line
            ]
            print(f"--- the end of {path.name}", *lines[-25:], sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
