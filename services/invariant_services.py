"""What must always hold, asked of the database: every storefront, every book. `manage.py audit` prints what does not.

Each check is one query that returns the rows which break it: (subject, detail). None of them writes.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import ProgrammingError, connection, transaction

from core.db import as_marketplace, tenant_connection
from tenants.context import tenant_scope
from tenants.models import Tenant


@dataclass(frozen=True)
class Violation:
    """Something that must not be."""

    check: str
    tenant: str
    subject: str
    detail: str


@dataclass
class AuditReport:
    """What was found, and how much was looked at."""

    violations: list[Violation] = field(default_factory=list)
    tenants: int = 0
    checks: int = 0

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "violations": [asdict(violation) for violation in self.violations],
            "checked": {"tenants": self.tenants, "checks": self.checks},
        }


TENANT_CHECKS: dict[str, str] = {
    "stock is the sum of its movements": """
        SELECT i.variant_id, format('current %s, movements %s; reserved %s, movements %s', i.current_stock,
               coalesce(sum(m.current_delta), 0), i.reserved_stock, coalesce(sum(m.reserved_delta), 0))
          FROM shop_inventoryitem i LEFT JOIN shop_inventorymovement m ON m.item_id = i.variant_id
         GROUP BY i.variant_id
        HAVING coalesce(sum(m.current_delta), 0) <> i.current_stock
            OR coalesce(sum(m.reserved_delta), 0) <> i.reserved_stock""",
    "reserved stock is what pending orders hold": """
        SELECT i.variant_id, format('reserved %s, pending orders %s', i.reserved_stock, coalesce(sum(l.quantity), 0))
          FROM shop_inventoryitem i
          LEFT JOIN (shop_orderline l JOIN shop_order o ON o.id = l.order_id AND o.status = 'pending') ON l.variant_id = i.variant_id
         WHERE i.is_tracked GROUP BY i.variant_id HAVING coalesce(sum(l.quantity), 0) <> i.reserved_stock""",
    "a product's rating is its published reviews": """
        SELECT p.id, format('counted %s and %s, reviews %s and %s', p.rating_count, p.rating_sum, count(r.id), coalesce(sum(r.rating), 0))
          FROM shop_product p LEFT JOIN shop_review r ON r.product_id = p.id AND r.status = 'published' GROUP BY p.id
        HAVING count(r.id) <> p.rating_count OR coalesce(sum(r.rating), 0) <> p.rating_sum""",
    "an order is the sum of its lines": """
        SELECT o.id, format('order %s', o.number) FROM shop_order o LEFT JOIN shop_orderline l ON l.order_id = o.id GROUP BY o.id
        HAVING o.subtotal_minor <> coalesce(sum(l.subtotal_minor), 0) OR o.discount_minor <> coalesce(sum(l.discount_minor), 0)
            OR o.shipping_minor <> coalesce(sum(l.shipping_minor), 0) OR o.tax_minor <> coalesce(sum(l.tax_minor), 0)
            OR o.commission_minor <> coalesce(sum(l.commission_minor), 0)
            OR o.commission_tax_minor <> coalesce(sum(l.commission_tax_minor), 0)
            OR o.funded_minor <> coalesce(sum(l.funded_minor), 0)""",
    "a line's credits are counted": """
        SELECT l.id, format('%s: credited %s, credit lines %s', l.sku, l.credited_goods_minor + l.credited_shipping_minor
               + l.credited_tax_minor, coalesce(sum(c.goods_minor + c.shipping_minor + c.tax_minor), 0))
          FROM shop_orderline l LEFT JOIN shop_creditline c ON c.order_line_id = l.id AND c.taken_back_at IS NULL GROUP BY l.id
        HAVING (l.credited_goods_minor, l.credited_shipping_minor, l.credited_tax_minor, l.credited_commission_minor,
                l.credited_commission_tax_minor, l.credited_funded_minor, l.credited_quantity)
            IS DISTINCT FROM (coalesce(sum(c.goods_minor), 0), coalesce(sum(c.shipping_minor), 0), coalesce(sum(c.tax_minor), 0),
                coalesce(sum(c.commission_minor), 0), coalesce(sum(c.commission_tax_minor), 0), coalesce(sum(c.funded_minor), 0),
                coalesce(sum(c.quantity), 0))""",
    "a refund is what it took of the lines": """
        SELECT r.id, format('refund %s, lines %s', r.amount_minor, coalesce(sum(c.goods_minor + c.shipping_minor + c.tax_minor), 0))
          FROM shop_refund r LEFT JOIN shop_creditline c ON c.refund_id = r.id GROUP BY r.id
        HAVING r.amount_minor <> coalesce(sum(c.goods_minor + c.shipping_minor + c.tax_minor), 0)""",
    "what is left to refund is left on the lines": """
        SELECT o.id, format('order %s: payment %s, lines %s', o.number, p.captured_minor - p.refunded_minor - coalesce(d.total, 0),
               sum(l.subtotal_minor - l.discount_minor + l.shipping_minor + l.tax_minor - l.credited_goods_minor
                   - l.credited_shipping_minor - l.credited_tax_minor))
          FROM shop_order o JOIN shop_payment p ON p.order_id = o.id AND p.status = 'captured' JOIN shop_orderline l ON l.order_id = o.id
          LEFT JOIN (SELECT k.order_id, sum(c.goods_minor + c.shipping_minor + c.tax_minor) AS total FROM shop_creditline c
                       JOIN shop_orderline k ON k.id = c.order_line_id WHERE c.kind = 'dispute' GROUP BY 1) d ON d.order_id = o.id
         GROUP BY o.id, p.id, d.total HAVING p.captured_minor - p.refunded_minor - coalesce(d.total, 0) <>
               sum(l.subtotal_minor - l.discount_minor + l.shipping_minor + l.tax_minor - l.credited_goods_minor
                   - l.credited_shipping_minor - l.credited_tax_minor)""",
    "a confirmed order is paid in full": """
        SELECT o.id, format('order %s is %s', o.number, o.status) FROM shop_order o
         WHERE o.status IN ('confirmed', 'shipped', 'delivered') AND o.total_minor > 0 AND NOT EXISTS (
           SELECT 1 FROM shop_payment p WHERE p.order_id = o.id AND p.currency = o.currency AND (
             p.status = 'captured' AND p.captured_minor + o.uncaptured_minor = o.total_minor
             OR p.status = 'authorised' AND p.amount_minor = o.total_minor))""",
    "a paid order is confirmed, or refunded": """
        SELECT o.id, format('order %s is %s', o.number, o.status) FROM shop_order o JOIN shop_payment p ON p.order_id = o.id
         WHERE p.status = 'captured' AND (o.status = 'pending' OR (o.status = 'cancelled' AND p.refunded_minor < p.captured_minor
           AND NOT EXISTS (SELECT 1 FROM shop_refund r WHERE r.order_id = o.id AND r.status = 'failed')))""",
    "a payment's refunds are counted": """
        SELECT p.id, format('refunded %s, refunds %s', p.refunded_minor, coalesce(sum(r.amount_minor), 0)) FROM shop_payment p
          LEFT JOIN shop_refund r ON r.payment_id = p.id AND r.status <> 'failed'
         GROUP BY p.id HAVING coalesce(sum(r.amount_minor), 0) <> p.refunded_minor""",
    "an order's refunds are counted": """
        SELECT o.id, format('refunded %s, refunds %s', o.refunded_minor, coalesce(sum(r.amount_minor), 0)) FROM shop_order o
          LEFT JOIN shop_refund r ON r.order_id = o.id AND r.status = 'succeeded'
         GROUP BY o.id HAVING coalesce(sum(r.amount_minor), 0) <> o.refunded_minor""",
    "a promotion's uses are counted": """
        SELECT p.id, format('%s: counted %s, redemptions %s', p.code, p.times_redeemed, count(r.id)) FROM shop_promotion p
          LEFT JOIN shop_promotionredemption r ON r.promotion_id = p.id AND r.released_at IS NULL
         GROUP BY p.id HAVING count(r.id) <> p.times_redeemed""",
    "an order's history ends where the order is": """
        SELECT o.id, format('order %s is %s, its history says %s', o.number, o.status, e.to_status) FROM shop_order o
          LEFT JOIN LATERAL (SELECT to_status FROM shop_orderevent WHERE order_id = o.id ORDER BY id DESC LIMIT 1) e ON true
         WHERE e.to_status IS DISTINCT FROM o.status""",
    "shipped units are in parcels": """
        SELECT l.id, format('%s: shipped %s, in parcels %s', l.sku, l.shipped_quantity, coalesce(sum(s.quantity), 0))
          FROM shop_orderline l LEFT JOIN shop_shipmentline s ON s.order_line_id = l.id
         GROUP BY l.id HAVING coalesce(sum(s.quantity), 0) <> l.shipped_quantity""",
}
# The storefront against the books; not of staging copies, whose money is in nobody's.
BOOKED_CHECKS: dict[str, str] = {
    "a captured payment is booked": """
        WITH p AS MATERIALIZED (SELECT id, transaction_id, captured_minor FROM shop_payment WHERE status = 'captured')
        SELECT p.id, format('charge %s', p.transaction_id) FROM p WHERE NOT EXISTS (
           SELECT 1 FROM public.payouts_ledgertransaction t JOIN public.payouts_ledgerentry e ON e.transaction_id = t.id
             JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'stripe_balance'
            WHERE t.key = 'charge:' || p.transaction_id AND t.tenant_id = %(tenant)s AND e.amount_minor = p.captured_minor)""",
    "a made refund is booked": """
        WITH r AS MATERIALIZED (SELECT id, transaction_id, amount_minor FROM shop_refund WHERE status = 'succeeded')
        SELECT r.id, format('refund %s', r.transaction_id) FROM r WHERE NOT EXISTS (
           SELECT 1 FROM public.payouts_ledgertransaction t JOIN public.payouts_ledgerentry e ON e.transaction_id = t.id
             JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'stripe_balance'
            WHERE t.key = 'refund:' || r.transaction_id AND t.tenant_id = %(tenant)s AND e.amount_minor = -r.amount_minor)""",
    "what is booked for an order was paid": """
        WITH p AS MATERIALIZED (SELECT 'charge:' || transaction_id AS key FROM shop_payment WHERE status = 'captured')
        SELECT t.id, t.key FROM public.payouts_ledgertransaction t
         WHERE t.tenant_id = %(tenant)s AND t.kind = 'capture' AND NOT EXISTS (SELECT 1 FROM p WHERE p.key = t.key)""",
}

PUBLIC_CHECKS: dict[str, str] = {
    "a ledger transaction sums to zero": """
        SELECT transaction_id, format('%s %s', sum(amount_minor), currency) FROM payouts_ledgerentry
         GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0""",
    "a ledger transaction has entries": """
        SELECT t.id, t.key FROM payouts_ledgertransaction t
         WHERE NOT EXISTS (SELECT 1 FROM payouts_ledgerentry e WHERE e.transaction_id = t.id)""",
    "a seller's money is booked for that seller": """
        SELECT e.id, t.key FROM payouts_ledgerentry e JOIN payouts_ledgeraccount a ON a.id = e.account_id
          JOIN payouts_ledgertransaction t ON t.id = e.transaction_id WHERE a.tenant_id IS NOT NULL AND a.tenant_id <> t.tenant_id""",
    "a seller's running balance is the sum of its entries": """
        SELECT a.id, format('%s of %s: kept %s, entries %s', a.kind, a.tenant_id, a.balance_minor, coalesce(sum(e.amount_minor), 0))
          FROM payouts_ledgeraccount a LEFT JOIN payouts_ledgerentry e ON e.account_id = a.id
         WHERE a.tenant_id IS NOT NULL GROUP BY a.id HAVING coalesce(sum(e.amount_minor), 0) <> a.balance_minor""",
    "an entry is unpaid, or claimed by one payout": """
        SELECT e.id, format('unpaid %s, claims %s', count(u.entry_id), count(c.id)) FROM payouts_ledgerentry e
          JOIN payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'seller_payable'
          LEFT JOIN payouts_unpaidentry u ON u.entry_id = e.id AND u.amount_minor = e.amount_minor AND u.account_id = e.account_id
           AND u.charge_id IS NOT DISTINCT FROM e.charge_id
          LEFT JOIN payouts_payoutentry c ON c.entry_id = e.id AND c.released_at IS NULL
         WHERE e.part <> 'transfer' GROUP BY e.id HAVING count(u.entry_id) + count(c.id) <> 1""",
    "a transfer is never gathered": """
        SELECT e.id, e.part FROM payouts_ledgerentry e JOIN payouts_unpaidentry u ON u.entry_id = e.id WHERE e.part = 'transfer'""",
    "a reserve is held until it is released": """
        SELECT r.id, format('%s of %s, booked %s', r.amount_minor, r.charge_id, coalesce(-sum(e.amount_minor), 0)) FROM payouts_reserve r
          LEFT JOIN (payouts_ledgerentry e JOIN payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'seller_reserve')
            ON e.charge_id = r.charge_id
         GROUP BY r.id HAVING coalesce(-sum(e.amount_minor), 0) <> CASE WHEN r.released_at IS NULL THEN r.amount_minor ELSE 0 END""",
    "a dispute holds what it withdrew until it is over": """
        SELECT d.dispute_id, format('%s, held %s', d.status, coalesce(sum(e.amount_minor), 0)) FROM payouts_dispute d
          LEFT JOIN (payouts_ledgertransaction t JOIN payouts_ledgerentry e ON e.transaction_id = t.id JOIN payouts_ledgeraccount a
            ON a.id = e.account_id AND a.kind = 'dispute_hold') ON t.key LIKE 'dispute:' || d.dispute_id || ':%'
         GROUP BY d.dispute_id HAVING coalesce(sum(e.amount_minor), 0) <>
           CASE WHEN d.is_withdrawn AND d.closed_at IS NULL THEN d.amount_minor ELSE 0 END""",
    "a charge with an open dispute waits": """
        SELECT c.charge_id, d.dispute_id FROM payouts_charge c JOIN payouts_dispute d ON d.charge_id = c.charge_id
         WHERE d.closed_at IS NULL AND NOT c.is_frozen""",
    "a charge's refunds and lost disputes are counted": """
        SELECT c.charge_id, format('refunded %s, booked %s; disputed %s, booked %s', c.refunded_minor, coalesce(r.total, 0),
               c.disputed_minor, coalesce(d.total, 0)) FROM payouts_charge c
          LEFT JOIN (SELECT charge_id, sum(amount_minor) AS total FROM payouts_ledgerentry WHERE part = 'refund' AND charge_id IS NOT NULL
                      GROUP BY 1) r ON r.charge_id = c.charge_id
          LEFT JOIN (SELECT e.charge_id, sum(e.amount_minor) AS total FROM payouts_ledgerentry e JOIN payouts_ledgeraccount a
                       ON a.id = e.account_id AND a.kind = 'seller_payable' WHERE e.part = 'dispute' GROUP BY 1) d ON d.charge_id = c.charge_id
         WHERE c.refunded_minor <> coalesce(r.total, 0) OR c.disputed_minor <> coalesce(d.total, 0)""",
    "a reversal is booked once": """
        SELECT r.id, r.reversal_id FROM payouts_transferreversal r WHERE r.status = 'made' AND 1 <> (
          SELECT count(*) FROM payouts_ledgertransaction t JOIN payouts_ledgerentry e ON e.transaction_id = t.id
             AND e.amount_minor = r.amount_minor WHERE t.key = 'transfer_reversal:' || r.reversal_id)""",
    "a payout's reversals are counted": """
        SELECT p.id, format('reversed %s, reversals %s', p.reversed_minor, coalesce(sum(r.amount_minor), 0)) FROM payouts_payout p
          LEFT JOIN payouts_transferreversal r ON r.payout_id = p.id AND r.status = 'made'
         GROUP BY p.id HAVING coalesce(sum(r.amount_minor), 0) <> p.reversed_minor""",
    "a write-off is booked": """
        SELECT w.id, w.reason FROM payouts_writeoff w WHERE NOT EXISTS (
          SELECT 1 FROM payouts_ledgertransaction t WHERE t.key = 'write_off:' || w.id)""",
    "invoice numbers have no gap": """
        SELECT s.name, format('last %s, invoices %s', s.last, count(i.id)) FROM payouts_invoiceseries s
          LEFT JOIN payouts_commissioninvoice i ON i.series_id = s.name GROUP BY s.name HAVING count(i.id) <> s.last
            OR coalesce(max(i.sequence), 0) <> s.last""",
    "a payout is the sum of what it claims": """
        SELECT p.id, format('amount %s, claimed %s', p.amount_minor, coalesce(-sum(e.amount_minor), 0)) FROM payouts_payout p
          LEFT JOIN payouts_payoutentry c ON c.payout_id = p.id AND c.released_at IS NULL LEFT JOIN payouts_ledgerentry e ON e.id = c.entry_id
         WHERE p.status <> 'failed' GROUP BY p.id HAVING coalesce(-sum(e.amount_minor), 0) <> p.amount_minor""",
    "a payout claims its own seller's entries": """
        SELECT c.id, p.id::text FROM payouts_payoutentry c JOIN payouts_payout p ON p.id = c.payout_id JOIN payouts_ledgerentry e ON e.id = c.entry_id
          JOIN payouts_ledgeraccount a ON a.id = e.account_id WHERE a.tenant_id <> p.tenant_id OR a.currency <> p.currency OR a.kind <> 'seller_payable'""",
    "a sent payout is booked once": """
        SELECT p.id, format('transfer %s', p.transfer_id) FROM payouts_payout p
         WHERE p.transfer_id IS NOT NULL AND 1 <> (
           SELECT count(*) FROM payouts_ledgertransaction t JOIN payouts_ledgerentry e ON e.transaction_id = t.id AND e.amount_minor = p.amount_minor
            WHERE t.key = 'transfer:' || p.transfer_id AND t.tenant_id = p.tenant_id)""",
    "a statement adds up to its payout": """
        SELECT p.id, format('payout %s of %s', p.number, p.tenant_id) FROM payouts_payout p
         WHERE p.transfer_id IS NOT NULL AND (p.amount_minor <> (
           SELECT coalesce(sum((line->>'amount_minor')::bigint), 0) FROM jsonb_array_elements(p.statement->'lines') line)
           OR p.amount_minor <> (
           SELECT coalesce(sum((line->>'amount_minor')::bigint), 0) FROM jsonb_array_elements(p.statement->'orders') line) + (
           SELECT coalesce(sum((line->>'amount_minor')::bigint), 0) FROM jsonb_array_elements(p.statement->'lines') line
            WHERE line->>'order_id' IS NULL))""",
    "a charge's fee is booked": """
        SELECT c.charge_id, format('fee %s', c.fee_minor) FROM payouts_charge c
         WHERE c.fee_minor > 0 AND NOT EXISTS (SELECT 1 FROM payouts_ledgertransaction t WHERE t.key = 'fee:' || c.balance_transaction_id)""",
    "a storefront has its schema": """
        SELECT t.id, t.schema_name FROM tenants_tenant t
         WHERE t.status NOT IN ('closed', 'erased') AND NOT EXISTS (SELECT 1 FROM pg_namespace n WHERE n.nspname = t.schema_name)""",
    "an open storefront has a host and an owner": """
        SELECT t.id, t.slug FROM tenants_tenant t WHERE t.status = 'active' AND (
          NOT EXISTS (SELECT 1 FROM tenants_domain d WHERE d.tenant_id = t.id)
          OR NOT EXISTS (SELECT 1 FROM tenants_membership m WHERE m.tenant_id = t.id AND m.role = 'owner'))""",
}


def audit(*, slug: str = "", on_progress: Callable[[str], None] = lambda name: None) -> AuditReport:
    """Run every check over the shared tables and over each storefront (or the one named)."""
    tenant_connection.set_schema_to_public()
    report = AuditReport()
    _run(report, PUBLIC_CHECKS, tenant="", params={})
    tenants = Tenant.objects.filter(slug=slug) if slug else Tenant.objects.order_by("created_at")
    for tenant in list(tenants):
        if not _has_schema(tenant):
            continue
        try:
            with tenant_scope(tenant), as_marketplace(), transaction.atomic():
                checks = TENANT_CHECKS | (BOOKED_CHECKS if tenant.keeps_books else {})
                _run(report, checks, tenant=tenant.slug, params={"tenant": tenant.pk})
        except ProgrammingError as error:
            # It lacks a table or a column; the others are looked at all the same.
            detail = str(error).split("\n")[0]
            report.violations.append(
                Violation("a storefront has its tables", tenant.slug, tenant.schema_name, detail)
            )
        report.tenants += 1
        on_progress(tenant.slug)
    return report


def _has_schema(tenant: Tenant) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [tenant.schema_name])
        return cursor.fetchone() is not None


def _run(report: AuditReport, checks: dict[str, str], *, tenant: str, params: dict[str, Any]) -> None:
    for name, sql in checks.items():
        report.checks += 1
        report.violations += [Violation(name, tenant, str(row[0]), str(row[1])) for row in _rows(sql, params)]


def _rows(sql: str, params: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        # Without parameters psycopg2 leaves per cent signs alone; with them format()'s are doubled.
        cursor.execute(sql.replace("%s", "%%s") if params else sql, params or None)
        yield from cursor.fetchall()
