"""Measuring in one process with Django, beside a fresh stack of which only PostgreSQL and the local Stripe are left."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from stack.processes import ROOT, Stack

Report = list[dict[str, Any]]


def measured(
    name: str,
    what: str,
    *,
    pool_size: int = 1,
    prepare: Callable[[Stack], str] = lambda stack: "measure",
) -> Report:
    """What `python -m benchmarks.NAME <argument>` prints as its last line; kept in .souk/bench/NAME.json.

    `prepare` has the whole stack, and says the argument.
    """
    with Stack.fresh(pool_size=pool_size, own_postgres=True) as stack:
        print(f"starting a fresh stack, {what}", flush=True)
        stack.start()
        stack.wait_ready(180)
        argument = prepare(stack)
        for process in ("worker", "web"):
            stack.kill(process)
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", argument],
            cwd=ROOT, env={**stack.env, "LOG_LEVEL": "CRITICAL"}, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    report: Report = json.loads(done.stdout.strip().splitlines()[-1])
    folder = ROOT / ".souk" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n")
    return report
