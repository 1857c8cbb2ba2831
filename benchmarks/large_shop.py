"""A storefront with a long history: 10,000 products in 15,000 variants, 100,000 orders of 40,000 customers, most of them paid
out. One real product and one real order are made by the services and copied in PostgreSQL, past the same constraints."""

import os
from typing import Any

from benchmarks import ledger
from benchmarks.ledger import COPY_FACTS, PAY_OUT, copy

PRODUCTS = int(os.environ.get("SOUK_BENCH_PRODUCTS", "10000"))
ORDERS = int(os.environ.get("SOUK_BENCH_ORDERS", "100000"))
CUSTOMERS, TO_SHIP, UNPAID_ORDERS, DAYS, CHUNK = 40_000, 400, 3_000, 400, 5_000
LOOKED_AT = 7  # the payout whose page is measured; it has 1,000 orders
NUMBER = "lpad(n::text, 7, '0')"
ORDER, PAYMENT, SHIPMENT = (
    "md5('order' || n)::uuid",
    "md5('payment' || n)::uuid",
    "md5('shipment' || n)::uuid",
)
# Evenly over the days, the newest last.
PLACED = f"now() - interval '1 minute' * (({ORDERS} - n) * {DAYS * 1440 / ORDERS})"
IS_NEW = f"n > {ORDERS - TO_SHIP}"
CUSTOMER = f"mod(n * 7919, {CUSTOMERS})"
FIRST_NAMES = "(ARRAY['Ada','Grace','Alan','Edsger','Barbara','Donald','Frances','Ken','Radia','Niklaus'])"


def make_large_shop() -> Any:
    """The storefront. Its order is paid, sent and has arrived; so are its copies, but for the newest, which wait."""
    from django.db import connection, transaction

    from payouts.models import SellerAccount
    from tenants.context import tenant_scope
    from tenants.models import Tenant

    order = ledger.one_real_order()
    tenant = Tenant.objects.get(pk=order.tenant_id)
    with tenant_scope(tenant):
        _deliver(order)
    with connection.cursor() as cursor:
        cursor.execute(f'SET search_path TO "{tenant.schema_name}", public')
        with transaction.atomic():
            _products(cursor)
        cursor.execute(
            "SELECT array_agg(DISTINCT transaction_id) FROM public.payouts_ledgerentry WHERE charge_id = %s",
            [order.charge_id],
        )
        (model,) = cursor.fetchone()
        for first in range(1, ORDERS + 1, CHUNK):
            with transaction.atomic():
                span = {
                    "first": first,
                    "last": min(first + CHUNK - 1, ORDERS),
                    "order": order.pk,
                    "charge": order.charge_id,
                }
                _orders(cursor, span)
                cursor.execute(COPY_FACTS, {**span, "model": model})
        account = SellerAccount.objects.get(tenant=tenant)
        with transaction.atomic():
            cursor.execute(
                PAY_OUT,
                {
                    "many": ledger.CHARGES_A_PAYOUT,
                    "paid": ORDERS - UNPAID_ORDERS,
                    "tenant": tenant.pk,
                    "destination": account.stripe_account_id,
                },
            )
        cursor.execute(f"SELECT setval('shop_order_number', {ORDERS} + 2000)")
        cursor.execute("VACUUM (ANALYZE)")
    connection.set_schema_to_public()
    _freeze(tenant, number=LOOKED_AT)
    return tenant


def _freeze(tenant: Any, *, number: int) -> None:
    """One of the payouts has the statement that it would have got when it was sent."""
    from payouts.models import Payout
    from services.statement_services import freeze_statement
    from tenants.context import tenant_scope

    payout = Payout.objects.get(tenant=tenant, number=number)
    with tenant_scope(tenant):
        statement = freeze_statement(payout, issued_at=payout.sent_at)
    Payout.objects.filter(pk=payout.pk).update(statement=statement)


def _deliver(order: Any) -> None:
    from services.order_history import SYSTEM
    from services.order_services import deliver_order
    from services.shipping_services import ship_order

    ship_order(order_id=order.pk, carrier="DHL", tracking_number="1", actor=SYSTEM)
    deliver_order(order_id=order.pk, actor=SYSTEM)


def _products(cursor: Any) -> None:
    """Copies of the bowl, every other one with a second variant."""
    product, variant, second = (
        "md5('product' || n)::uuid",
        "md5('variant' || n)::uuid",
        "md5('second' || n)::uuid",
    )
    span = {"first": 1, "last": PRODUCTS}
    copy(
        cursor, "shop_product", "true", span,
        id=product, slug="'product-' || n", title="'Product number ' || n",
        created_at=f"now() - interval '1 minute' * ({PRODUCTS} - n)",
        option_names="'{}'::text[]",
    )  # fmt: skip
    copy(
        cursor, "shop_variant", "t.sku LIKE 'BOWL%%'", span,
        id=variant, product_id=product, sku="'SKU-' || n", option_values="'{}'::text[]", price_minor="1000 + n",
    )  # fmt: skip
    cursor.execute(
        "INSERT INTO shop_variant (id, product_id, sku, barcode, option_values, price_minor, currency, weight_grams, position, is_active, updated_at)"
        f" SELECT {second}, {product}, 'SKU-' || n || '-L', '', '{{L}}', 1500 + n, 'EUR', 0, 1, true, now() FROM generate_series(2, {PRODUCTS}, 2) n"
    )
    cursor.execute(
        "INSERT INTO shop_inventoryitem (variant_id, product_id, is_tracked, current_stock, reserved_stock, low_stock_threshold, low_stock_since)"
        " SELECT v.id, v.product_id, true, s.units, 0, 5, CASE WHEN s.units <= 5 THEN now() END"
        " FROM shop_variant v CROSS JOIN LATERAL (SELECT mod(abs(hashtext(v.sku)), 60) AS units) s"
        " WHERE NOT EXISTS (SELECT FROM shop_inventoryitem i WHERE i.variant_id = v.id)"
    )
    cursor.execute(
        "INSERT INTO shop_inventorymovement (item_id, kind, current_delta, reserved_delta, current_after, reserved_after, reason, created_at)"
        " SELECT i.variant_id, 'receive', i.current_stock, 0, i.current_stock, 0, '', now() FROM shop_inventoryitem i WHERE i.current_stock > 0"
        " AND NOT EXISTS (SELECT FROM shop_inventorymovement m WHERE m.item_id = i.variant_id)"
    )


def _orders(cursor: Any, span: dict[str, Any]) -> None:
    """Copies of the order with what belongs to it, each on its own day and of its own customer."""
    theirs = "t.order_id = %(order)s"
    copy(
        cursor, "shop_order", "t.id = %(order)s", span,
        id=ORDER, number="n + 1001", secret="md5(n::text)", request_key="NULL",
        email=f"'customer' || {CUSTOMER} || '@example.com'",
        status=f"CASE WHEN {IS_NEW} THEN 'confirmed' ELSE 'delivered' END",
        placed_at=PLACED, confirmed_at=PLACED, deadline_at=PLACED,
        shipped_at=f"CASE WHEN {IS_NEW} THEN NULL ELSE {PLACED} END",
        delivered_at=f"CASE WHEN {IS_NEW} THEN NULL ELSE {PLACED} END",
        shipping_address=f"jsonb_set(t.shipping_address, '{{name}}', to_jsonb(({FIRST_NAMES})[1 + mod(n, 10)] || ' Buyer' || {CUSTOMER}))",
    )  # fmt: skip
    copy(
        cursor, "shop_orderline", theirs, span,
        order_id=ORDER, variant_id=f"md5('variant' || (1 + mod(n, {PRODUCTS})))::uuid", sku=f"'SKU-' || (1 + mod(n, {PRODUCTS}))",
        shipped_quantity=f"CASE WHEN {IS_NEW} THEN 0 ELSE 1 END",
    )  # fmt: skip
    copy(cursor, "shop_orderevent", theirs, span, order_id=ORDER, at=PLACED)
    copy(
        cursor, "shop_payment", theirs, span,
        id=PAYMENT, order_id=ORDER, transaction_id=f"'ch_old_' || {NUMBER}", intent_id=f"'pi_old_' || {NUMBER}", session_id="NULL",
    )  # fmt: skip
    copy(
        cursor,
        "shop_shipment",
        f"{theirs} AND NOT {IS_NEW}",
        span,
        id=SHIPMENT,
        order_id=ORDER,
        shipped_at=PLACED,
    )
    copy(
        cursor, "shop_notification", theirs, span,
        id="md5('notification' || t.id || n)::uuid", order_id=ORDER, dedupe_key="t.dedupe_key || ':' || n",
        is_read=f"NOT ({IS_NEW})", created_at=PLACED,
    )  # fmt: skip
    copy(
        cursor, "public.payouts_charge", "t.charge_id = %(charge)s", span,
        order_id=ORDER, payment_id=PAYMENT, order_number="n + 1001",
        charge_id=f"'ch_old_' || {NUMBER}", balance_transaction_id=f"'txn_old_' || {NUMBER}",
        captured_at=PLACED, hold_until=f"{PLACED} + interval '7 days'", available_at=f"{PLACED} + interval '7 days'",
    )  # fmt: skip
