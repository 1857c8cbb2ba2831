"""`make bench-reconcile`: the books against 100,000 balance transactions: seconds, memory, and what was planted is found.

Starts a fresh stack, sows the charges at local Stripe and books them, all but a handful, then runs `manage.py reconcile`
in processes of their own: with nothing there, with everything to read, with nothing new, and with everything read again.
Memory is the peak of each process beside that of the first.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any

from stack.processes import ROOT, Stack

CHARGES = int(os.environ.get("SOUK_BENCH_CHARGES", "100000"))
AMOUNT, FEE, DAYS, COMMISSION, BATCH = 1_000, 59, 30, 130, 1_000
UNBOOKED, WITHOUT_FEE, WRONG, TOPUP = CHARGES // 10, CHARGES // 3, CHARGES // 2, 12_345
Report = dict[str, Any]


def main() -> int:
    """Prints the figures, writes .souk/bench/reconcile.json; exit status 1 where other differences are found than planted."""
    with Stack.fresh(pool_size=1, own_postgres=True) as stack:
        print(f"starting a fresh stack, {CHARGES:,} charges", flush=True)
        stack.start()
        stack.wait_ready(120)
        stack.kill("worker")
        _, empty = reconcile(stack)
        expected = plant(stack)
        stack.kill("web")
        runs = {}
        for name, options in (("first", []), ("again", []), ("full", ["--full"])):
            found, runs[name] = reconcile(stack, *options)
            growth = runs[name]["peak_mb"] - empty["peak_mb"]
            read = runs[name] | {"growth_mb": round(growth, 1), "is_exact": is_exact(found, expected)}
            runs[name] = read
    report = {"balance_transactions": found["compared"]["balance_transactions"], "empty": empty} | runs
    folder = ROOT / ".souk" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reconcile.json").write_text(json.dumps(report, indent=2) + "\n")
    print_report(report, found)
    return 0 if all(run["is_exact"] for run in runs.values()) else 1


def plant(stack: Stack) -> set[tuple[str, str]]:
    """Charges on both sides, but for a handful. Returns (kind, subject) of what must be found."""
    control(stack, "seed", charges=CHARGES, currency="eur", amount=AMOUNT, fee=FEE, days=DAYS)
    topup = control(stack, "funds", amount=TOPUP, currency="eur")
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "benchmarks.reconcile", "books"], cwd=ROOT, env=stack.env, check=True
    )
    print(f"booked in {time.perf_counter() - started:.0f} s", flush=True)
    return {
        ("only_at_stripe", f"charge:ch_seed_{UNBOOKED:07}"),
        ("only_at_stripe", f"fee:txn_seed_{WITHOUT_FEE:07}"),
        ("amount_differs", f"charge:ch_seed_{WRONG:07}"),
        ("only_in_our_books", "charge:ch_nowhere"),
        ("not_booked_by_souk", topup["id"]),
        ("balance_differs", "stripe_balance"),
    }


def control(stack: Stack, path: str, **facts: Any) -> Any:
    """A control route of local Stripe."""
    request = urllib.request.Request(
        f"{stack.stripe_url}/_control/{path}",
        json.dumps(facts).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def reconcile(stack: Stack, *options: str) -> tuple[Report, Report]:
    """One run in a process of its own: its report, and what it took."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "reconcile", "--json", *options],
        cwd=ROOT,
        env=stack.env,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"manage.py reconcile ended with {process.returncode}")
    cost = {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
    }
    return json.loads(printed), cost


def is_exact(found: Report, expected: set[tuple[str, str]]) -> bool:
    """Whether what is open is what was planted, no more and no less, and the days' totals say the same."""
    listed = [(row["kind"], row["subject"]) for row in found["differences"]]
    gap = sum(day["theirs_minor"] - day["ours_minor"] for day in found["days"])
    planted = AMOUNT - FEE + 1 - AMOUNT + TOPUP
    return sorted(listed) == sorted(expected) and found["open"] == len(expected) and gap == planted


def print_report(report: Report, found: Report) -> None:
    """The table."""
    count, empty = report["balance_transactions"], report["empty"]
    print(f"\n{count:,} balance transactions, {found['compared']['bookings']:,} bookings, {DAYS} days")
    print(f"{'':8}{'seconds':>9}{'CPU s':>8}{'a second':>10}{'peak MB':>9}{'growth':>8}  found exactly")
    print(f"{'empty':8}{empty['seconds']:>9}{empty['cpu_seconds']:>8}{'':>10}{empty['peak_mb']:>9}")
    for name in ("first", "again", "full"):
        run = report[name]
        rate = round(count / run["seconds"])
        print(
            f"{name:8}{run['seconds']:>9}{run['cpu_seconds']:>8}{rate:>10,}{run['peak_mb']:>9}{run['growth_mb']:>8}"
            f"  {'yes' if run['is_exact'] else 'NO'}"
        )
    for row in found["differences"]:
        print(f"  {row['kind']}: {row['subject']}: ours {row['ours_minor']}, Stripe's {row['theirs_minor']}")


def book() -> None:
    """The charges' bookings of one seller, a batch at a time, but for the planted handful. Run by `plant`."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    django.setup()
    from datetime import timedelta

    from django.db import connection

    from core.clock import now
    from payouts.models import AccountKind, EntryPart
    from services.ledger_facts import Fact, Leg
    from services.ledger_services import post
    from services.tenant_services import sign_up_seller

    seller = sign_up_seller(
        email="bench@souk.example", password="a-quiet-harbour-42", name="Bench", slug="bench-shop"
    ).tenant.pk
    payable, stripe = AccountKind.SELLER_PAYABLE, AccountKind.STRIPE_BALANCE
    start = now() - timedelta(days=DAYS)

    def capture(key: str, number: int) -> Fact:
        amount = AMOUNT - 1 if number == WRONG else AMOUNT
        legs = [
            Leg(stripe, amount, EntryPart.SALE),
            Leg(payable, -amount, EntryPart.SALE),
            Leg(payable, COMMISSION, EntryPart.COMMISSION),
            Leg(AccountKind.COMMISSION_INCOME, -COMMISSION, EntryPart.COMMISSION),
        ]
        return Fact(key, "capture", "EUR", legs, seller, start + timedelta(days=DAYS) * number / CHARGES)

    def fee(number: int) -> Fact:
        legs = [Leg(payable, FEE, EntryPart.FEE), Leg(stripe, -FEE, EntryPart.FEE)]
        at = start + timedelta(days=DAYS) * number / CHARGES
        return Fact(f"fee:txn_seed_{number:07}", "fee", "EUR", legs, seller, at)

    for first in range(1, CHARGES + 1, BATCH):
        numbers = range(first, min(first + BATCH, CHARGES + 1))
        post(
            *(capture(f"charge:ch_seed_{n:07}", n) for n in numbers if n != UNBOOKED),
            *(fee(n) for n in numbers if n != WITHOUT_FEE),
        )
    post(capture("charge:ch_nowhere", 1))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    sys.exit(book() if sys.argv[1:] == ["books"] else main())
