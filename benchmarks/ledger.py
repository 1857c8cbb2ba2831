"""`make bench-ledger`: captured payments a second into the books, and a seller whose books hold a million entries.

Starts a fresh stack. Two processes, each with sellers of its own, post captured payments with the facts that a capture
posts: many to a call, one to a commit, and beside that the same rows by hand into bare tables without any guard. Then one
real order is paid and copied until its seller has a million entries, nearly all paid out: balances, what a payout run
would gather, and the audit.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from benchmarks.machine import cpu_ms
from stack.processes import ROOT, Stack

PROCESSES, SELLERS = 2, 4
PAYMENTS = int(os.environ.get("SOUK_BENCH_PAYMENTS", "30000"))
ENTRIES = int(os.environ.get("SOUK_BENCH_ENTRIES", "1000000"))
BATCH, SINGLY, UNPAID_ENTRIES, CHARGES_A_PAYOUT, CHUNK = 250, 500, 10_000, 1_000, 2_000
AMOUNT, COMMISSION, COMMISSION_TAX, FEE = 4_990, 529, 101, 162
TARGET_A_SECOND, TARGET_MS, CALLS = 1_000, 50, 50
MODES = {"batches": (PAYMENTS, BATCH), "by_hand": (PAYMENTS, BATCH), "singly": (SINGLY, 1)}
Report = dict[str, Any]


def main() -> int:
    """Prints the figures, writes .souk/bench/ledger.json; exit status 1 where the books do not hold afterwards."""
    with Stack.fresh(pool_size=1, own_postgres=True) as stack:
        print(f"starting a fresh stack, {PAYMENTS:,} payments, {ENTRIES:,} entries", flush=True)
        stack.start()
        stack.wait_ready(180)
        stack.kill("worker")
        stack.kill("web")
        report: Report = {"replay": replay(stack)}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.ledger", "million"],
            cwd=ROOT,
            env=stack.env,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        report["seller"] = json.loads(done.stdout.strip().splitlines()[-1])
    folder = ROOT / ".souk" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ledger.json").write_text(json.dumps(report, indent=2) + "\n")
    print_report(report)
    is_right = report["seller"]["violations"] == [] and all(
        run["is_right"] for run in report["replay"].values()
    )
    return 0 if is_right else 1


# Payments a second ---------------------------------------------------------------------------------------------------


def replay(stack: Stack) -> Report:
    """Each way of posting, by all processes at once."""
    posters = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ledger", "poster", str(number)],
            cwd=ROOT,
            env=stack.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    found = {}
    try:
        for poster in posters:
            hear(poster)
        for mode, (payments, batch) in MODES.items():
            server = cpu_ms(stack.pids()["postgres"])
            for poster in posters:
                assert poster.stdin is not None
                poster.stdin.write(mode + "\n")
                poster.stdin.flush()
            told = [json.loads(hear(poster)) for poster in posters]
            seconds = max(each["ended"] for each in told) - min(each["started"] for each in told)
            found[mode] = {
                "payments": payments,
                "payments_a_call": batch,
                "seconds": round(seconds, 2),
                "a_second": round(payments / seconds),
                "python_ms": round(sum(each["cpu"] for each in told) * 1000 / payments, 3),
                "postgres_ms": round((cpu_ms(stack.pids()["postgres"]) - server) / payments, 3),
                "is_right": all(each["is_right"] for each in told),
            }
    finally:
        for poster in posters:
            poster.communicate(timeout=60)
    return found


def hear(process: "subprocess.Popen[str]") -> str:
    """The next line that a poster says."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a poster ended with {process.wait()}")
    return line


def poster(number: int) -> None:
    """One process with sellers of its own: posts its share of the payments in the way each line of its input names."""
    setup()
    from django.db import connection

    sellers = [closed_seller(f"bench-{number}-{seller}") for seller in range(SELLERS)]
    bare_tables()
    print("ready", flush=True)
    for line in sys.stdin:
        mode = line.strip()
        payments, batch = MODES[mode]
        share = payments // PROCESSES
        before = counted(sellers)
        write = by_hand if mode == "by_hand" else by_services
        started, cpu = time.monotonic(), time.process_time()
        for first in range(0, share, batch):
            numbers = range(first, min(first + batch, share))
            write([charge_of(f"{mode}_{number}_{n}", sellers[n % SELLERS]) for n in numbers])
        ended, cpu = time.monotonic(), time.process_time() - cpu
        net = AMOUNT - COMMISSION - COMMISSION_TAX - FEE
        grown = [after - before for after, before in zip(counted(sellers), before, strict=True)]
        is_right = mode == "by_hand" or grown == [share * 8, share * net]
        print(json.dumps({"started": started, "ended": ended, "cpu": cpu, "is_right": is_right}), flush=True)
    connection.close()


def closed_seller(slug: str) -> Any:
    """A seller who has books and no storefront any more, so that no schema must be made."""
    from core.clock import now
    from tenants.models import Tenant

    schema = f"t_{slug.replace('-', ''):0<20}"
    tenant = Tenant(
        slug=slug, slug_skeleton=slug, name=slug, currency="EUR", schema_name=schema, status="closed"
    )
    tenant.activated_at = now()
    return Tenant.objects.bulk_create([tenant])[0].pk


def charge_of(name: str, seller: Any) -> Any:
    """A captured charge of a month ago, as Stripe told it."""
    from core.ids import new_id
    from payouts.models import Charge

    at = datetime.now(UTC) - timedelta(days=30)
    return Charge(
        charge_id=f"ch_{name}",
        tenant_id=seller,
        order_id=new_id(),
        order_number=1,
        payment_id=new_id(),
        currency="EUR",
        amount_minor=AMOUNT,
        captured_at=at,
        hold_until=at + timedelta(days=7),
        balance_transaction_id=f"txn_{name}",
        fee_minor=FEE,
        funds_available_on=at + timedelta(days=2),
        available_at=at + timedelta(days=7),
    )


def facts_of(charges: Sequence[Any]) -> list[Any]:
    """What capturing them posts."""
    from services import ledger_facts
    from services.credit_services import Returned

    taken = Returned(commission_minor=COMMISSION, commission_tax_minor=COMMISSION_TAX)
    captures = [ledger_facts.capture(charge, taken) for charge in charges]
    return captures + [ledger_facts.fee(charge, bearer="seller") for charge in charges]


def by_services(charges: Sequence[Any]) -> None:
    """The charges and their facts, in one transaction."""
    from django.db import transaction

    from payouts.models import Charge
    from services.ledger_services import post

    with transaction.atomic():
        Charge.objects.bulk_create(charges)
        booked = post(*facts_of(charges))
    assert len(booked) == 2 * len(charges)


def bare_tables() -> None:
    """The tables of the books, with their columns and indexes, and nothing that looks at what is written."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(1)")
        for name in ("charge", "ledgertransaction", "ledgerentry"):
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS public.bare_{name} (LIKE public.payouts_{name} INCLUDING INDEXES"
                " INCLUDING DEFAULTS INCLUDING IDENTITY)"
            )


def by_hand(charges: Sequence[Any]) -> None:
    """The same rows by three INSERTs into the bare tables, in one transaction. Nothing is checked, no balance is kept."""
    from django.db import connection, transaction

    facts = facts_of(charges)
    legs = [(number, leg) for number, fact in enumerate(facts) for leg in fact.legs if leg.amount_minor]
    fields = [field.column for field in charges[0]._meta.concrete_fields]
    row = "(" + ", ".join(["%s"] * len(fields)) + ")"
    names = [field.attname for field in charges[0]._meta.concrete_fields]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO public.bare_charge ({', '.join(fields)}) VALUES {', '.join([row] * len(charges))}",
            [getattr(charge, name) for charge in charges for name in names],
        )
        cursor.execute(
            "INSERT INTO public.bare_ledgertransaction (key, kind, tenant_id, order_id, facts, occurred_at, posted_at)"
            " SELECT *, '{}', now(), now() FROM unnest(%s::text[], %s::text[], %s::uuid[], %s::uuid[]) RETURNING id",
            [
                [fact.key for fact in facts],
                [fact.kind for fact in facts],
                [fact.tenant_id for fact in facts],
                [fact.order_id for fact in facts],
            ],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(
            "INSERT INTO public.bare_ledgerentry (transaction_id, account_id, currency, amount_minor, part, charge_id)"
            " SELECT t, 1, 'EUR', a, p, c FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) AS l(t, a, p, c)",
            [
                [ids[number] for number, _ in legs],
                [leg.amount_minor for _, leg in legs],
                [leg.part.value for _, leg in legs],
                [facts[number].charge_id for number, _ in legs],
            ],
        )


def counted(sellers: Sequence[Any]) -> list[int]:
    """Entries of these sellers' transactions, and what is owed to them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM public.payouts_ledgerentry e JOIN public.payouts_ledgertransaction t"
            " ON t.id = e.transaction_id WHERE t.tenant_id = ANY(%s::uuid[])",
            [list(sellers)],
        )
        (entries,) = cursor.fetchone()
        cursor.execute(
            "SELECT coalesce(-sum(balance_minor), 0) FROM public.payouts_ledgeraccount WHERE tenant_id = ANY(%s::uuid[])",
            [list(sellers)],
        )
        return [entries, int(cursor.fetchone()[0])]


# A million entries ---------------------------------------------------------------------------------------------------

# Copies of one charge's transactions with their entries, through the same guards as every posting.
COPY_FACTS = """
WITH booked AS (
  INSERT INTO public.payouts_ledgertransaction (key, kind, tenant_id, order_id, facts, occurred_at, posted_at)
  SELECT CASE t.kind WHEN 'fee' THEN 'fee:txn_old_' ELSE 'charge:ch_old_' END || lpad(n::text, 7, '0'),
         t.kind, t.tenant_id, md5('order' || n)::uuid, t.facts, t.occurred_at - interval '30 days', now()
    FROM generate_series(%(first)s, %(last)s) n, public.payouts_ledgertransaction t WHERE t.id = ANY(%(model)s)
  RETURNING id, kind, right(key, 7) AS number
)
INSERT INTO public.payouts_ledgerentry (transaction_id, account_id, currency, amount_minor, part, charge_id)
SELECT b.id, e.account_id, e.currency, e.amount_minor, e.part, CASE WHEN e.charge_id IS NOT NULL THEN 'ch_old_' || b.number END
  FROM booked b JOIN public.payouts_ledgertransaction t ON t.kind = b.kind AND t.id = ANY(%(model)s)
  JOIN public.payouts_ledgerentry e ON e.transaction_id = t.id
"""
# Payouts that are long at the bank claim the oldest charges, a thousand each.
PAY_OUT = """
CREATE TEMPORARY TABLE paid AS
SELECT u.entry_id, u.account_id, u.amount_minor, (right(u.charge_id, 7)::int - 1) / %(many)s + 1 AS payout
  FROM public.payouts_unpaidentry u WHERE u.charge_id LIKE 'ch_old_%%' AND right(u.charge_id, 7)::int <= %(paid)s;
INSERT INTO public.payouts_payout (id, number, tenant_id, currency, amount_minor, reversed_minor, status, destination, transfer_id,
       bank_payout_id, failure_code, failure_message, statement, requested_at, sent_at, settled_at)
SELECT md5('payout' || payout)::uuid, payout, %(tenant)s, 'EUR', total, 0, 'paid', %(destination)s, 'tr_old_' || payout, '', '', '',
       jsonb_build_object('orders', '[]'::jsonb, 'lines', jsonb_build_array(jsonb_build_object('amount_minor', total))),
       now() - interval '9 days', now() - interval '9 days', now() - interval '7 days'
  FROM (SELECT payout, -sum(amount_minor) AS total FROM paid GROUP BY payout) p;
INSERT INTO public.payouts_payoutentry (payout_id, entry_id) SELECT md5('payout' || payout)::uuid, entry_id FROM paid;
DELETE FROM public.payouts_unpaidentry u USING paid p WHERE u.entry_id = p.entry_id;
WITH booked AS (
  INSERT INTO public.payouts_ledgertransaction (key, kind, tenant_id, facts, occurred_at, posted_at)
  SELECT 'transfer:' || transfer_id, 'transfer', tenant_id, '{}', sent_at, now() FROM public.payouts_payout
   WHERE transfer_id LIKE 'tr_old_%%' RETURNING id, key
)
INSERT INTO public.payouts_ledgerentry (transaction_id, account_id, currency, amount_minor, part)
SELECT b.id, a.id, 'EUR', CASE a.kind WHEN 'seller_payable' THEN p.amount_minor ELSE -p.amount_minor END, 'transfer'
  FROM booked b JOIN public.payouts_payout p ON b.key = 'transfer:' || p.transfer_id
  JOIN public.payouts_ledgeraccount a ON a.currency = 'EUR'
   AND (a.kind = 'stripe_balance' OR a.kind = 'seller_payable' AND a.tenant_id = p.tenant_id)
"""


def million() -> None:
    """The seller with the long history, and how long the questions take. Prints JSON. Run by `main`."""
    setup()
    from django.db import connection

    from core.clock import now
    from payouts.models import LedgerEntry, SellerAccount, UnpaidEntry
    from services.invariant_services import audit
    from services.ledger_services import BALANCES, seller_balances
    from services.payout_services import free_entries, preview_payouts

    order = one_real_order()
    tenant = order.tenant_id
    account = SellerAccount.objects.get(tenant_id=tenant)
    started = time.perf_counter()
    load(order, account)
    seconds = round(time.perf_counter() - started)
    mine = LedgerEntry.objects.filter(account__tenant_id=tenant).count()
    unpaid = UnpaidEntry.objects.filter(account__tenant_id=tenant).count()
    print(f"{mine:,} entries of one seller loaded in {seconds} s, {unpaid:,} not paid out", file=sys.stderr)
    found: Report = {"entries": mine, "entries_in_all": LedgerEntry.objects.count(), "unpaid_entries": unpaid}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {BALANCES}", {"tenant": tenant, "at": now()})
        plan = cursor.fetchone()[0]
        found["plan"] = nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    found["seller_balances"] = times(CALLS, lambda: seller_balances(tenant_id=tenant))
    found["free_entries"] = times(CALLS // 5, lambda: free_entries(tenant_id=tenant, at=now()))
    found["preview"] = times(CALLS // 5, lambda: preview_payouts(tenant_ids=[tenant]))
    (planned,) = preview_payouts(tenant_ids=[tenant])
    free = free_entries(tenant_id=tenant, at=now())
    found["preview_entries"], found["preview_reason"] = sum(map(len, free.values())), planned.reason
    started = time.perf_counter()
    held = audit(slug="bench-shop")
    found["audit_seconds"], found["audit_checks"] = round(time.perf_counter() - started, 1), held.checks
    found["violations"] = [str(violation) for violation in held.violations[:20]]
    print(json.dumps(found))


def one_real_order() -> Any:
    """An onboarded seller, and an order paid at local Stripe. Returns the order."""
    from django.conf import settings
    from django.db import connection

    from benchmarks.client import ADDRESS
    from services.account_services import open_account, sync_account
    from services.cart_services import open_cart
    from services.catalogue_services import ProductInput, VariantInput, create_product
    from services.inventory_services import StockLine, receive_stock
    from services.order_services import place_order
    from services.payment_services import start_payment, sync_payment
    from services.tenant_services import sign_up_seller
    from tenants.context import tenant_scope

    tenant = sign_up_seller(
        email="bench@souk.example", password="a-quiet-harbour-42", name="Bench", slug="bench-shop"
    ).tenant
    account = open_account(tenant_id=tenant.pk)
    at_stripe(f"/connect/onboarding/{account.stripe_account_id}", b"")
    sync_account(stripe_account_id=account.stripe_account_id or "")
    at_stripe("/_control/funds", json.dumps({"amount": 10**10, "currency": "eur"}).encode())
    with tenant_scope(tenant):
        product = create_product(
            ProductInput(title="Bowl", is_published=True, variants=[VariantInput(price_minor=AMOUNT)])
        )
        variant = product.variants.get()
        receive_stock(variant_id=variant.pk, quantity=1)
        cart = open_cart(lines=[StockLine(variant.pk, 1)])
        order = place_order(cart_token=cart.token, email="buyer@souk.example", shipping_address=ADDRESS)
        payment = start_payment(order_id=order.pk)
        page = payment.checkout_url.removeprefix(settings.STRIPE_API_BASE)
        at_stripe(page, b"card_number=4000000000000077")
        payment = sync_payment(payment_id=payment.pk)
        assert payment.status == "captured"
        order.tenant_id, order.charge_id = tenant.pk, payment.transaction_id
    with connection.cursor() as cursor:
        cursor.execute(f'SET search_path TO "{tenant.schema_name}", public')
    return order


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing."""

    def redirect_request(self, *_: Any) -> None:
        return None


def at_stripe(path: str, body: bytes) -> None:
    """POST to a page or a control route of local Stripe; a page answers with a redirect."""
    from django.conf import settings

    try:
        urllib.request.build_opener(Stay).open(settings.STRIPE_API_BASE + path, body, timeout=60).close()
    except urllib.error.HTTPError as answer:
        if answer.code != 303:
            raise


def load(order: Any, account: Any) -> None:
    """Copies of the order, of its payment and of its facts, until the seller has so many entries; then payouts of most."""
    from django.db import connection, transaction

    charge, tenant = order.charge_id, order.tenant_id
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(DISTINCT transaction_id), count(*) FROM public.payouts_ledgerentry WHERE charge_id = %s",
            [charge],
        )
        model, entries = cursor.fetchone()
        charges, left = -(-ENTRIES // entries), -(-UNPAID_ENTRIES // entries)
        number = "lpad(n::text, 7, '0')"
        theirs = {"order_id": "md5('order' || n)::uuid", "payment_id": "md5('payment' || n)::uuid"}
        for first in range(1, charges + 1, CHUNK):
            span = {
                "first": first,
                "last": min(first + CHUNK - 1, charges),
                "order": order.pk,
                "charge": charge,
            }
            with transaction.atomic():
                copy(
                    cursor,
                    "shop_order",
                    "t.id = %(order)s",
                    span,
                    id=theirs["order_id"],
                    number="n + 1001",
                    secret="md5(n::text)",
                    request_key="NULL",
                )
                for table in ("shop_orderline", "shop_orderevent"):
                    copy(cursor, table, "t.order_id = %(order)s", span, order_id=theirs["order_id"])
                copy(
                    cursor,
                    "shop_payment",
                    "t.order_id = %(order)s",
                    span,
                    id=theirs["payment_id"],
                    order_id=theirs["order_id"],
                    transaction_id=f"'ch_old_' || {number}",
                    intent_id=f"'pi_old_' || {number}",
                    session_id="NULL",
                )
                copy(
                    cursor,
                    "public.payouts_charge",
                    "t.charge_id = %(charge)s",
                    span,
                    **theirs,
                    order_number="n + 1001",
                    charge_id=f"'ch_old_' || {number}",
                    balance_transaction_id=f"'txn_old_' || {number}",
                    captured_at="now() - interval '30 days'",
                    hold_until="now() - interval '23 days'",
                    available_at="now() - interval '23 days'",
                )
                cursor.execute(COPY_FACTS, {**span, "model": model})
        with transaction.atomic():
            cursor.execute(
                PAY_OUT,
                {
                    "many": CHARGES_A_PAYOUT,
                    "paid": charges - left,
                    "tenant": tenant,
                    "destination": account.stripe_account_id,
                },
            )
        cursor.execute("ANALYZE")


def copy(cursor: Any, table: str, where: str, span: Report, **changes: str) -> None:
    """One row for each number of `span` like each row of `where`, but for the columns that are given as SQL."""
    cursor.execute(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum), string_agg('r.' || quote_ident(attname), ', ' ORDER BY attnum)"
        " FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = ''",
        [table],
    )
    columns, values = cursor.fetchone()
    changed = ", ".join(f"'{name}', {sql}" for name, sql in changes.items())
    cursor.execute(
        f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} t, generate_series(%(first)s, %(last)s) n,"
        f" LATERAL jsonb_populate_record(t, jsonb_build_object({changed})) r WHERE {where} ORDER BY n, t.ctid",
        span,
    )


def nodes(plan: Report) -> list[str]:
    """What a plan does, outermost first, with the index or table it reads."""
    what = plan.get("Index Name") or plan.get("Relation Name")
    rest = [each for child in plan.get("Plans", []) for each in nodes(child)]
    return [plan["Node Type"] + (f" ({what})" if what else ""), *rest]


def times(calls: int, call: Callable[[], object]) -> Report:
    """Median and 95th percentile of so many calls, milliseconds."""
    taken = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    return {"median_ms": round(median(taken), 2), "p95_ms": round(taken[int(len(taken) * 0.95) - 1], 2)}


def setup() -> None:
    """Django, for a process of its own."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    django.setup()


# The table -----------------------------------------------------------------------------------------------------------


def print_report(report: Report) -> None:
    """The table."""
    print(
        f"\n{PROCESSES} processes, {SELLERS} sellers each; a payment is a charge, 2 facts and 8 entries; ms are CPU"
    )
    print(
        f"{'':10}{'a call':>8}{'payments':>10}{'a second':>10}{'Python ms':>11}{'PostgreSQL ms':>15}  right"
    )
    for name, run in report["replay"].items():
        print(
            f"{name:10}{run['payments_a_call']:>8}{run['payments']:>10,}{run['a_second']:>10,}{run['python_ms']:>11}"
            f"{run['postgres_ms']:>15}{round(2_000 / (run['python_ms'] + run['postgres_ms'])):>17,}  {'yes' if run['is_right'] else 'NO'}"
        )
    batches, bare = report["replay"]["batches"]["a_second"], report["replay"]["by_hand"]["a_second"]
    reached = "reached" if batches >= TARGET_A_SECOND else "NOT REACHED"
    print(f"target: {TARGET_A_SECOND:,} a second in batches, {reached}; {batches / bare:.2f} of by hand")
    seller = report["seller"]
    print(
        f"\na seller with {seller['entries']:,} entries of {seller['entries_in_all']:,}, {seller['unpaid_entries']:,} not paid out"
    )
    print(f"{'':18}{'median ms':>10}{'p95 ms':>9}")
    for name in ("seller_balances", "free_entries", "preview"):
        print(f"{name:18}{seller[name]['median_ms']:>10}{seller[name]['p95_ms']:>9}")
    reached = "reached" if seller["seller_balances"]["p95_ms"] < TARGET_MS else "NOT REACHED"
    print(f"target: balances below {TARGET_MS} ms, {reached}")
    print(f"plan of the balances: {', '.join(seller['plan'])}")
    print(f"preview: {seller['preview_entries']:,} entries {seller['preview_reason']}")
    print(
        f"audit: {seller['audit_checks']} checks in {seller['audit_seconds']} s, {len(seller['violations'])} violations"
    )
    for violation in seller["violations"]:
        print(f"  {violation}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["poster", number]:
            sys.exit(poster(int(number)))
        case ["million"]:
            sys.exit(million())
        case _:
            sys.exit(main())
