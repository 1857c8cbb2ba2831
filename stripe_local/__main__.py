"""`python -m stripe_local`: the server from the command line."""

import argparse

from stripe_local.server import serve
from stripe_local.settings import Settings


def parser() -> argparse.ArgumentParser:
    """The command line."""
    default = Settings()
    options = argparse.ArgumentParser(prog="python -m stripe_local", description="A stand-in for Stripe.")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=12111)
    options.add_argument(
        "--state", default=default.state, help="SQLite file that keeps everything (default: memory)"
    )
    options.add_argument("--public-url", help="address of this server as browsers reach it")
    options.add_argument("--webhook-url", help="where events are sent; nowhere when not given")
    options.add_argument("--webhook-host", help="Host header of the webhooks")
    options.add_argument("--webhook-secret", default=default.webhook_secret)
    options.add_argument(
        "--connect-webhook-url", help="where connected accounts' events go (default: --webhook-url)"
    )
    options.add_argument("--connect-webhook-secret", help="signs them (default: --webhook-secret)")
    options.add_argument(
        "--webhook-backoff", type=float, default=default.webhook_backoff, help="seconds, then doubled"
    )
    options.add_argument("--webhook-concurrency", type=int, default=default.webhook_concurrency)
    options.add_argument("--webhook-timeout", type=float, default=default.webhook_timeout)
    options.add_argument("--funds-after-seconds", type=int, default=default.funds_after_seconds)
    options.add_argument(
        "--fee-bps", type=int, default=default.fee_bps, help="processing fee in 1/100 of a percent"
    )
    options.add_argument(
        "--fee-fixed", type=int, default=default.fee_fixed, help="plus this many minor units"
    )
    return options


def main() -> None:
    """Read the command line and serve."""
    given = vars(parser().parse_args())
    host, port = given.pop("host"), given.pop("port")
    given["public_url"] = (given["public_url"] or f"http://{host}:{port}").rstrip("/")
    serve(Settings(**given), host=host, port=port)


if __name__ == "__main__":
    main()
