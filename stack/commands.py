"""The command lines of Souk's processes."""

import sys
from pathlib import Path

from stack.ports import LOOPBACK

GUNICORN_SETTINGS = Path(__file__).resolve().parents[1] / "deploy" / "gunicorn.conf.py"
LOCAL_WEBHOOK_SECRET = "whsec_local_development"
LOCAL_STRIPE_KEY = "sk_test_souk_local"


def web_command(*, port: int, processes: int, threads: int) -> list[str]:
    """gunicorn, listening on the loopback address only."""
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi:application",
        "--config",
        str(GUNICORN_SETTINGS),
    ]
    return [*command, "--bind", f"{LOOPBACK}:{port}", "--workers", str(processes), "--threads", str(threads)]


def worker_command() -> list[str]:
    """The worker of the job queue, with the scheduler of recurring jobs inside."""
    return [sys.executable, "manage.py", "worker", "--with-scheduler"]


def stripe_command(
    *, port: int, state: Path, webhook_port: int, host: str, funds_after_seconds: int | None = None
) -> list[str]:
    """Local Stripe, which sends its events to the web server on `webhook_port` with `host` as Host header."""
    options = {
        "--port": str(port),
        "--state": str(state),
        "--webhook-url": f"http://{LOOPBACK}:{webhook_port}/webhooks/stripe",
        "--webhook-host": host,
        "--webhook-secret": LOCAL_WEBHOOK_SECRET,
        "--public-url": f"http://{LOOPBACK}:{port}",
    }
    if funds_after_seconds is not None:
        options["--funds-after-seconds"] = str(funds_after_seconds)
    return [sys.executable, "-m", "stripe_local", *(part for option in options.items() for part in option)]
