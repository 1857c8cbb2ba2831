"""Orders and customers as CSV files that open in a spreadsheet, made by a worker a chunk at a time."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, Q

from core.clock import now
from core.money import to_major
from services.documents.statement_csv import BYTE_ORDER_MARK, safe_cell
from services.operation_services import Outcome, Say, runner
from shop.models import Order, OrderLine, Payment
from shop.selectors.customers import all_customers
from shop.selectors.order_lists import OrderFilter, filtered_orders, state_of_payment
from tenants.context import current_tenant

ORDERS_EXPORT, CUSTOMERS_EXPORT = "orders.export", "customers.export"
CHUNK = 500
CSV = "text/csv; charset=utf-8"
ADDRESS = ("name", "company", "line1", "line2", "postal_code", "city", "region", "country", "phone")
ORDER_COLUMNS = (
    *("order", "placed_at", "status", "payment", "email", *ADDRESS, "sku", "product", "variant", "quantity"),
    *("unit_price", "subtotal", "discount", "shipping", "tax", "total", "taken_back", "currency"),
    *("shipped_quantity", "refunded_quantity", "promotion_code", "shipping_method"),
)
CUSTOMER_COLUMNS = (
    *(
        "email",
        "name",
        "country",
        "orders",
        "spent",
        "refunded",
        "currency",
        "first_order_at",
        "last_order_at",
    ),
    "last_order",
)


class Table:
    """A CSV file in the making: UTF-8 with a byte order mark, every text harmless."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._bytes = io.BytesIO()
        self._file = io.TextIOWrapper(self._bytes, encoding="utf-8", newline="", write_through=True)
        self._file.write(BYTE_ORDER_MARK)
        self._writer = csv.writer(self._file)
        self._writer.writerow(columns)

    def add(self, *cells: str | int | None) -> None:
        """A row."""
        self._writer.writerow([safe_cell(cell) for cell in cells])

    def finish(self) -> bytes:
        """The file."""
        self._file.flush()
        return self._bytes.getvalue()


@runner(ORDERS_EXPORT)
def export_orders(operation: Any, say: Say) -> Outcome:
    """The orders that `params` narrow (see OrderFilter), newest first, a row for each of their lines.

    A row carries its line's own shares of discount, shipping and tax, so each column of amounts may be summed; `taken_back`
    is what was refunded, lost in a dispute or never captured. Orders that are placed meanwhile are left out.
    """
    orders = filtered_orders(OrderFilter.from_params(operation.params)).filter(
        placed_at__lte=operation.created_at
    )
    total, done, lines = orders.count(), 0, 0
    table, after = Table(ORDER_COLUMNS), None
    while chunk := _chunk(orders, after):
        for order in chunk:
            lines += _add_order(table, order)
        done, after = done + len(chunk), chunk[-1]
        say(done, max(total, done))
    return Outcome(
        report={"orders": done, "lines": lines},
        output=table.finish(),
        output_type=CSV,
        file_name=f"orders-{now():%Y-%m-%d}.csv",
    )


def _chunk(orders: Any, after: Order | None) -> list[Order]:
    """The next orders, with what a row needs of each."""
    if after is not None:
        orders = orders.filter(
            Q(placed_at__lt=after.placed_at) | Q(placed_at=after.placed_at, pk__lt=after.pk),
            placed_at__lte=after.placed_at,
        )
    return list(
        orders.defer("search", "commission_rule").prefetch_related(
            Prefetch("lines", OrderLine.objects.order_by("position")),
            Prefetch("payments", Payment.objects.defer("gateway_response").order_by("created_at")),
        )[:CHUNK]
    )


def _add_order(table: Table, order: Order) -> int:
    payments = list(order.payments.all())
    state = state_of_payment(order, payments[-1] if payments else None)
    address = order.shipping_address

    def amount(minor: int) -> str:
        return _amount(minor, order.currency)

    rows = order.lines.all()
    for line in rows:
        table.add(
            order.number,
            _time(order.placed_at),
            order.status,
            state,
            order.email,
            *(str(address.get(name) or "") for name in ADDRESS),
            line.sku,
            line.product_title,
            line.variant_title,
            line.quantity,
            amount(line.unit_price_minor),
            amount(line.subtotal_minor),
            amount(line.discount_minor),
            amount(line.shipping_minor),
            amount(line.tax_minor),
            amount(line.paid_minor),
            amount(line.credited_minor),
            order.currency,
            line.shipped_quantity,
            line.credited_quantity,
            order.promotion_code,
            order.shipping_method,
        )
    return len(rows)


@runner(CUSTOMERS_EXPORT)
def export_customers(operation: Any, say: Say) -> Outcome:
    """Everybody who has ordered, by mail address: a row each, with what they bought in the storefront's currency."""
    currency, done = current_tenant().currency, 0
    table = Table(CUSTOMER_COLUMNS)
    for chunk in all_customers(currency=currency):
        for email, name, country, number, totals in chunk:
            table.add(
                email,
                name,
                country,
                totals.orders,
                _amount(totals.spent_minor, currency),
                _amount(totals.refunded_minor, currency),
                currency,
                _time(totals.first_at),
                _time(totals.last_at),
                number,
            )
        done += len(chunk)
        say(done)
    say(done, done)
    return Outcome(
        report={"customers": done},
        output=table.finish(),
        output_type=CSV,
        file_name=f"customers-{now():%Y-%m-%d}.csv",
    )


def _amount(minor: int, currency: str) -> str:
    """1999 EUR -> "19.99", never "1E+3"."""
    return f"{to_major(minor, currency):f}"


def _time(moment: datetime | None) -> str:
    """Seconds, in UTC: what spreadsheets take for a time."""
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
