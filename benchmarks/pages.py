"""`make bench-pages`: what each page costs the server, and how much it sends.

A fresh stack and the storefront of the other benchmarks; the pages are asked of the application in one process, without
a network, each a few dozen times. Milliseconds belong to this machine and to what else it does; queries and bytes do not.
"""

import gzip
import json
import os
import statistics
import sys
import time

from benchmarks.hot_paths import seed
from benchmarks.quiet import Report, measured
from stack.processes import ROOT, Stack

TIMES = 40
MOST_QUERIES, MOST_BYTES = 12, 100_000


def main() -> int:
    """Prints the table, writes .souk/bench/pages.json; exit status 1 where a page asks too much or a product sends too much."""
    report = measured("pages", "1,000 products, 1,500 SKUs", prepare=_seeded)
    print(f"{'page':<28}{'ms':>8}{'queries':>9}{'KB':>8}{'KB gzip':>9}{'304':>5}")
    for row in report:
        kept = "yes" if row["is_kept"] else ""
        print(
            f"{row['page']:<28}{row['ms']:>8.1f}{row['queries']:>9}{row['bytes'] / 1000:>8.1f}{row['gzip'] / 1000:>9.1f}{kept:>5}"
        )
    files = {name: (ROOT / "static" / name).stat().st_size for name in ("storefront.css", "storefront.js")}
    whole = max(row["bytes"] for row in report if row["page"].startswith("product")) + sum(files.values())
    print(
        f"{', '.join(f'{name} {size / 1000:.1f} KB' for name, size in files.items())}; a product page with both {whole / 1000:.1f} KB"
    )
    return int(whole >= MOST_BYTES or any(row["queries"] > MOST_QUERIES for row in report))


def _seeded(stack: Stack) -> str:
    shop = seed(stack)
    return json.dumps({"host": shop["host"], "slug": shop["slugs"][7]})


def measure(shop: dict[str, str]) -> Report:
    """Each page, asked in this process."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from services.order_history import SYSTEM
    from services.order_services import deliver_order
    from services.payment_services import start_payment, sync_payment
    from services.review_services import save_review
    from services.shipping_services import ship_order
    from shop.models import Order, Product
    from tenants.context import tenant_scope
    from tenants.models import Tenant

    settings.ALLOWED_HOSTS = ["*"]
    tenant = Tenant.objects.get(slug=shop["host"].partition(".")[0])
    guest, person, front = (
        Client(HTTP_HOST=shop["host"]),
        Client(HTTP_HOST=shop["host"]),
        Client(HTTP_HOST=settings.MARKETPLACE_HOST),
    )
    login = {"email": "bench@souk.example", "password": "a-quiet-harbour-42"}
    person.post("/account/sign-in", login)
    product = f"/products/{shop['slug']}"
    for client in (guest, person):
        with tenant_scope(tenant):
            variant = str(Product.objects.get(slug=shop["slug"]).variants.first().pk)
        client.post(product, {"variant_id": variant, "quantity": 1})
    form = {
        "email": "ada@example.com",
        "name": "Ada",
        "line1": "Road 1",
        "postal_code": "10117",
        "city": "Berlin",
        "country": "DE",
    }
    page = person.get("/checkout").content.decode()
    for name in ("key", "expected_total"):
        form[name] = page.split(f'name="{name}" value="')[1].split('"')[0]
    person.post("/checkout", form)
    with tenant_scope(tenant):
        order = Order.objects.latest("placed_at")
        payment = start_payment(order_id=order.pk)
    pay(payment.checkout_url)
    with tenant_scope(tenant):
        sync_payment(payment_id=payment.pk)
        ship_order(order_id=order.pk, carrier="DHL", tracking_number="1", actor=SYSTEM)
        deliver_order(order_id=order.pk, actor=SYSTEM)
        save_review(
            product_id=Product.objects.get(slug=shop["slug"]).pk, rating=5, text="Good. " * 20, order=order
        )
    asked = [
        ("front page", guest, "/"),
        ("all products", guest, "/?all=1"),
        ("search", guest, "/?q=product+77"),
        ("filtered and sorted", guest, "/?category=c3&sort=price&in_stock=1&max_price=20"),
        ("suggestions", guest, "/search/suggest?q=prod"),
        ("product", guest, product),
        ("product, a first visit", Client(HTTP_HOST=shop["host"]), product),
        ("cart", guest, "/cart"),
        ("checkout", guest, "/checkout"),
        ("order", guest, f"/orders/{order.secret}"),
        ("not found", guest, "/nowhere"),
        ("account", person, "/account"),
        ("account: orders", person, "/account/orders"),
        ("account: addresses", person, "/account/addresses"),
        ("dashboard: first steps", person, "/dashboard"),
        ("dashboard: brand", person, "/dashboard/brand"),
        ("dashboard: reviews", person, "/dashboard/reviews"),
        ("marketplace", front, "/"),
        ("marketplace: shops", front, "/shops"),
        ("marketplace: search", front, "/search?q=product"),
    ]
    from services.directory_services import rebuild_directory

    rebuild_directory()
    report: Report = []
    for name, client, path in asked:
        for _ in range(5):
            answer = client.get(path)
        with CaptureQueriesContext(connection) as sent:
            client.get(path)
        queries = len(sent) + 1  # the lookup of the host is sent below Django's counting
        taken = []
        for _ in range(TIMES):
            started = time.perf_counter()
            answer = client.get(path)
            taken.append(1000 * (time.perf_counter() - started))
        body = answer.content
        report.append(
            {
                "page": name,
                "ms": round(statistics.median(taken), 2),
                "queries": queries,
                "bytes": len(body),
                "gzip": len(gzip.compress(body, 6)),
                "is_kept": bool(answer.headers.get("ETag")),
            }
        )
    return report


def pay(url: str) -> None:
    """As a buyer does on the local Stripe's page."""
    import requests

    requests.post(
        url, data={"card_number": "4242424242424242"}, timeout=20, allow_redirects=False
    ).raise_for_status()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    import django

    django.setup()
    print(json.dumps(measure(json.loads(sys.argv[1]))))
