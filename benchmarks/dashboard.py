"""`make bench-dashboard`: what the seller's pages and the operator's desk cost in a storefront with a long history.

A fresh stack and the storefront of benchmarks.large_shop: 10,000 products, 100,000 orders. The pages are asked of the
application in one process, without a network, each a few times: the median. Every page has to ask at most 12 questions of the
database and to take at most 300 ms of the server.
"""

import hashlib
import json
import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from benchmarks.large_shop import CUSTOMERS, LOOKED_AT, ORDERS, PRODUCTS, make_large_shop
from benchmarks.quiet import Report, measured

TIMES = 9
MOST_QUERIES, MOST_MS = 12, 300


def main() -> int:
    """Prints the table, writes .souk/bench/dashboard.json; exit status 1 where a page asks or takes too much."""
    report = measured("dashboard", f"{PRODUCTS:,} products, {ORDERS:,} orders, {CUSTOMERS:,} customers")
    print(f"{'page':<44}{'ms':>8}{'slowest':>9}{'queries':>9}{'KB':>8}")
    for row in report:
        over = "" if is_within(row) else "  TOO MUCH"
        print(
            f"{row['page']:<44}{row['ms']:>8.1f}{row['slowest']:>9.1f}{row['queries']:>9}{row['bytes'] / 1000:>8.1f}{over}"
        )
    return int(not all(is_within(row) for row in report))


def is_within(row: dict[str, Any]) -> bool:
    """What a page may cost."""
    return bool(row["queries"] <= MOST_QUERIES and row["ms"] <= MOST_MS and row["status"] == 200)


def measure() -> Report:
    """Each page, asked in this process."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from services.auth_services import make_operator

    settings.ALLOWED_HOSTS = ["*"]
    started = time.perf_counter()
    tenant = make_large_shop()
    print(f"made in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    make_operator(email="operator@souk.example", password="a-quiet-harbour-43")
    seller, operator = Client(HTTP_HOST=tenant.host), Client(HTTP_HOST=settings.MARKETPLACE_HOST)
    seller.raise_request_exception = operator.raise_request_exception = False
    seller.post("/dashboard/sign-in", {"email": "bench@souk.example", "password": "a-quiet-harbour-42"})
    operator.post("/admin/login/", {"username": "operator@souk.example", "password": "a-quiet-harbour-43"})
    report: Report = []
    for client, pages in ((seller, seller_pages(tenant)), (operator, desk_pages(tenant))):
        for name, path in pages.items():
            client.get(path)
            with CaptureQueriesContext(connection) as sent:
                answer = client.get(path)
            queries = len(sent) + 1  # the lookup of the host is sent below Django's counting
            taken = []
            for _ in range(TIMES):
                before = time.perf_counter()
                client.get(path)
                taken.append(1000 * (time.perf_counter() - before))
            report.append(
                {
                    "page": name,
                    "status": answer.status_code,
                    "ms": round(statistics.median(taken), 1),
                    "slowest": round(max(taken), 1),
                    "queries": queries,
                    "bytes": len(answer.content),
                }
            )
    return report


def seller_pages(tenant: Any) -> dict[str, str]:
    """What a seller looks at, by name."""
    old, new = f"{ORDERS // 2}", f"{ORDERS - 7}"
    return {
        "Today": "/dashboard?days=7",
        "Today: a year": "/dashboard?days=364",
        "orders": "/dashboard/orders",
        "orders: to ship": "/dashboard/orders?status=confirmed",
        "orders: refunded": "/dashboard/orders?refunded=on",
        "orders: a name": "/dashboard/orders?q=ada",
        "orders: a mail address": "/dashboard/orders?q=customer777",
        "orders: a total": "/dashboard/orders?total_min=40",
        "orders: a month": f"/dashboard/orders?placed_from={days_ago(230)}&placed_to={days_ago(200)}",
        "an order": f"/dashboard/orders/{uuid_of('order', new)}",
        "an order that is paid out": f"/dashboard/orders/{uuid_of('order', old)}",
        "products": "/dashboard/products",
        "products: search": "/dashboard/products?q=number+77",
        "products: sold out": "/dashboard/products?stock=out",
        "products: by title": "/dashboard/products?sort=title",
        "a product": f"/dashboard/products/{uuid_of('product', '4242')}",
        "stock": "/dashboard/inventory",
        "stock: running low": "/dashboard/inventory?show=low",
        "stock: search": "/dashboard/inventory?q=SKU-77",
        "an item": f"/dashboard/inventory/{uuid_of('variant', '4242')}",
        "customers": "/dashboard/customers",
        "customers: search": "/dashboard/customers?q=grace",
        "a customer": f"/dashboard/customers/{uuid_of('order', new)}",
        "promotions": "/dashboard/promotions",
        "reviews": "/dashboard/reviews",
        "notifications": "/dashboard/notifications",
        "search": "/dashboard/search?q=ada",
        "money": "/dashboard/money",
        "money: why not yet": "/dashboard/money/unpaid",
        "payouts": "/dashboard/payouts",
        "a payout": f"/dashboard/payouts/{uuid_of('payout', str(LOOKED_AT))}",
        "disputes": "/dashboard/disputes",
        "fee invoices": "/dashboard/invoices",
        "team": "/dashboard/team",
        "settings": "/dashboard/settings",
        "imports and exports": "/dashboard/operations",
    }


def desk_pages(tenant: Any) -> dict[str, str]:
    """What an operator looks at, by name."""
    return {
        "desk: overview": "/desk",
        "desk: storefronts": "/desk/storefronts",
        "desk: a storefront": f"/desk/storefronts/{tenant.slug}",
        "desk: people": "/desk/people",
        "desk: audit log": "/desk/audit",
        "desk: fleet": "/desk/fleet",
        "desk: long work": "/desk/operations",
        "desk: payouts": "/desk/payouts",
        "desk: what a payout run would do": "/desk/payouts/run",
        "desk: a payout": f"/desk/payouts/{uuid_of('payout', str(LOOKED_AT))}",
        "desk: reconciliation": "/desk/reconciliation",
        "desk: debts": "/desk/debts",
        "desk: a seller's money": f"/desk/sellers/{tenant.pk}",
        "desk: commission rules": "/desk/commission",
        "desk: events": "/desk/events",
        "desk: jobs": "/desk/jobs",
    }


def uuid_of(kind: str, number: str) -> UUID:
    """The id that benchmarks.large_shop gave a copy."""
    return UUID(hashlib.md5(f"{kind}{number}".encode()).hexdigest())


def days_ago(days: int) -> str:
    """A day as pages take it."""
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


if __name__ == "__main__":
    if sys.argv[1:] != ["measure"]:
        sys.exit(main())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    import django

    django.setup()
    print(json.dumps(measure()))
