"""`make demo`: the whole of Souk on one machine, with three storefronts in it, until Ctrl-C."""

import sys

OLDEST_PYTHON = (3, 11)

if sys.version_info < OLDEST_PYTHON:
    sys.exit(
        "Souk needs Python 3.11 or newer and this is {}.{}: install python3.11 and run `make demo` again.".format(
            *sys.version_info[:2]
        )
    )

import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from types import FrameType  # noqa: E402
from typing import Any  # noqa: E402

DEFAULT_PORT = 8000
DEFAULT_STRIPE_PORT = 12111
READY_SECONDS = 90.0
CHECK_SECONDS = 1.0
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal to end arrived."""


def run() -> None:
    """Start, seed, show the addresses, and stay. Ends with Ended, or with StackProblem."""
    from stack import ports
    from stack.problems import StackProblem
    from stack.processes import ROOT, Stack

    started, parent = time.monotonic(), os.getppid()
    data_dir = Path(os.environ.get("SOUK_DATA_DIR") or ROOT / ".souk")
    port = _port()
    if not ports.is_free(port):
        raise StackProblem(
            f"Port {port} is taken: stop the program that listens there, or choose another port, for example "
            f"`SOUK_PORT={port + 1} make demo`."
        )
    stripe_port = DEFAULT_STRIPE_PORT if ports.is_free(DEFAULT_STRIPE_PORT) else None
    with Stack(data_dir=data_dir, port=port, stripe_port=stripe_port, root=_root(ROOT)) as stack:
        stack.start(_say)
        _say("Waiting until Souk is healthy")
        stack.wait_ready(READY_SECONDS)
        _say("Opening the demo storefronts")
        places = seeded(stack.manage("seed_demo", on_line=_say_progress))
        print(addresses(places, stripe_url=stack.stripe_url, logs=stack.log("web").parent), flush=True)
        _say(
            f"Souk is up after {time.monotonic() - started:.1f} s. Ctrl-C stops all of it; the data is kept."
        )
        while not _is_orphaned(parent):
            time.sleep(CHECK_SECONDS)
            stack.check()


def seeded(printed: str) -> dict[str, Any]:
    """The addresses and logins on the last line of what seed_demo printed."""
    from stack.problems import StackProblem

    lines = printed.strip().splitlines()
    try:
        places: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise StackProblem(
            "seed_demo printed no addresses: look into log/manage.log of the data folder."
        ) from error
    return places


def addresses(places: dict[str, Any], *, stripe_url: str | None, logs: Path) -> str:
    """The block of addresses and logins people see."""
    rows = [("Operator", places["operator"])]
    rows += [(f"Storefront {shop['name']}", shop) for shop in places["storefronts"]]
    rows.append(("Buyer", places["buyer"]))
    width = max(len(name) for name, _ in rows)
    lines = ["", "=" * 100]
    for name, login in rows:
        lines.append(f"  {name:<{width}}  {login.get('url', '')}")
        lines.append(f"  {'':<{width}}  {login['email']}  password: {login['password']}")
    if stripe_url:
        lines.append(f"  {'Local Stripe':<{width}}  {stripe_url}")
    lines += [f"  {'Logs':<{width}}  {logs}", "=" * 100, ""]
    return "\n".join(lines)


def main() -> int:
    """Exit status: 0 after Ctrl-C or SIGTERM, 1 after a problem, told in one sentence."""
    for number in ENDING_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup stays nohup
            signal.signal(number, _end)
    try:
        from stack.problems import StackProblem
        from stack.processes import Stack  # noqa: F401
    except ModuleNotFoundError as error:
        print(
            f"The Python package {error.name} is missing: run `make demo`, which installs it.",
            file=sys.stderr,
        )
        return 1
    try:
        run()
    except Ended:
        _say("Stopped.")
        return 0
    except StackProblem as problem:
        print(f"\nSouk does not start. {problem}", file=sys.stderr)
    except OSError as error:
        print(
            f"\nSouk does not start. {error.strerror or error} ({error.filename or 'no file'}).",
            file=sys.stderr,
        )
    return 1


def _end(number: int, frame: FrameType | None) -> None:
    for again in ENDING_SIGNALS:  # once is enough: let the stopping finish
        signal.signal(again, signal.SIG_IGN)
    print("\nStopping", flush=True)
    raise Ended


def _is_orphaned(parent: int) -> bool:
    """Whether make, which started us, was killed and nobody can press Ctrl-C any more."""
    return "MAKELEVEL" in os.environ and os.getppid() != parent


def _port() -> int:
    from stack.problems import StackProblem

    text = os.environ.get("SOUK_PORT") or str(DEFAULT_PORT)
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise StackProblem(f"SOUK_PORT is {text!r}: set it to a number from 1 to 65535, or unset it.")
    return int(text)


def _root(default: Path) -> Path:
    return Path(os.environ.get("SOUK_ROOT") or default)


def _say_progress(line: str) -> None:
    if not line.startswith("{"):  # the addresses, shown in a readable way afterwards
        _say(f"  {line}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
