"""`make journey`: a fresh stack, the steps, one line each, and the verdict."""

import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from journey import buying, capturing, disputing, fulfilling, money, owing, selling, telling, walls, worked
from journey.figures import WORKED_PRICES, Export, exports
from journey.http import Face
from journey.world import Seller, World
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
    ("late webhooks", telling.tell_late_and_backwards),
    ("webhooks again", telling.repeat_webhooks),
    ("last units", buying.last_units),
    ("shipping", fulfilling.ship_and_deliver),
    ("refund", fulfilling.refund_part),
    ("payouts", money.pay_out),
    ("disputes", disputing.win_and_lose),
    ("debt", owing.carry_a_debt),
    ("reserve", owing.hold_a_reserve),
    ("failures", owing.fail_and_return),
    ("capture later", capturing.capture_and_void),
    ("worked example", worked.walk),
    ("webhooks again", telling.repeat_webhooks),
    ("walls", walls.stay_apart),
    ("audit", money.audit),
    ("reconcile", money.reconcile),
]
SELLERS = (("Northern Thread", "northern-thread"), ("Harbour Gold", "harbour-gold"))
WORKED_SHOP = ("Worked Example", "worked-example")
RESULTS = ("ledger_sum", "reconcile_differences", "audit_violations", "cross_tenant_leaks")
LOG_LINES = 25


class Failed(Exception):
    """A step did not hold; says which and why."""


def walk(world: World) -> int:
    """All steps, in order. Returns how many. Raises Failed, whatever went wrong."""
    for number, (name, step) in enumerate(STEPS, start=1):
        started = time.monotonic()
        try:
            line = step(world)
            world.stack.check()
        except Exception as problem:
            reason = str(problem) or "what must hold did not"
            kind = "" if isinstance(problem, AssertionError) else f"{type(problem).__name__}: "
            raise Failed(f"step {number}, {name}: {kind}{reason}") from problem
        print(f"{number:>2} {name:<15} {line} [{time.monotonic() - started:.1f} s]", flush=True)
    return len(STEPS)


def run(stack: Stack, found: list[Export]) -> World:
    """Start the stack and walk. Raises Failed."""
    try:
        stack.start()
        stack.wait_ready(90)
    except Exception as problem:
        raise Failed(f"step 0, start: {problem}") from problem
    sellers = [
        Seller(name, slug, f"owner@{slug}.example", export)
        for (name, slug), export in zip(SELLERS, found, strict=True)
    ]
    name, slug = WORKED_SHOP
    third = Seller(name, slug, f"owner@{slug}.example", Export(Path("-"), prices=WORKED_PRICES), shipping=0)
    world = World(stack, Face(stack.url, stack.host), sellers, third)
    walk(world)
    return world


def main() -> int:
    """Exit status 0 only if every step held."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    found = exports(ROOT)
    print(f"journey: {', '.join(export.path.name for export in found)}; starting a fresh stack", flush=True)
    with Stack.fresh(funds_after_seconds=0, pool_size=3, extra_env={"LOG_LEVEL": "INFO"}) as stack:
        try:
            results = run(stack, found).results
        except Failed as failure:
            traceback.print_exception(failure.__cause__)
            _show_logs(stack)
            print(f"journey: FAILED at {str(failure).splitlines()[0]}", flush=True)
            return 1
        except KeyboardInterrupt:
            print("journey: FAILED at the wish of whoever interrupted it", flush=True)
            return 1
    if any(results[name] for name in RESULTS):
        print(f"journey: FAILED at the sums: {results}", flush=True)
        return 1
    figures = " ".join(f"{name}={results[name]}" for name in RESULTS)
    print(f"journey: ok steps={len(STEPS)} seconds={time.monotonic() - started:.0f} {figures}", flush=True)
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show_logs(stack: Stack) -> None:
    for name in ("web", "worker", "stripe", "manage"):
        path = stack.log(name)
        if path.is_file():
            lines = [
                line
                for line in path.read_text(errors="replace").splitlines()
                if '"event": "request"' not in line
            ]
            print(f"--- the end of {path.name}", *lines[-LOG_LINES:], sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
