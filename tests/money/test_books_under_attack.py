"""The books against whoever has the application's own connection, and against a hundred requests at once."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Sum

from core.clock import now
from core.ids import new_id
from payouts.models import AccountKind, Charge, EntryPart, LedgerAccount, LedgerEntry, LedgerTransaction
from services.ledger_services import Leg, ledger_account, post_transaction, seller_balances
from services.order_history import SYSTEM
from services.refund_services import request_refund, send_refund, sync_refunds
from shop.models import OrderLine, Payment, Refund, ShippingRate
from tenants.context import tenant_scope
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant, pay
from tests.factories.tenants import make_tenant, owner_of
from tests.factories.threads import at_once, failures
from tests.money.support import faults
from tests.tenancy.support import ask, tokens

pytestmark = pytest.mark.usefixtures("committed")

MERGE = (
    "MERGE INTO payouts_ledgerentry e USING payouts_ledgertransaction t ON e.transaction_id = t.id"
    " WHEN MATCHED THEN"
)
INSERT_AGAIN = (
    "INSERT INTO payouts_ledgertransaction (key, kind, facts, occurred_at, posted_at)"
    " SELECT key, 'refund', facts, occurred_at, posted_at FROM payouts_ledgertransaction"
)
TRANSACTION = (
    "INSERT INTO payouts_ledgertransaction (key, kind, tenant_id, facts, occurred_at, posted_at)"
    " VALUES (%s, 'adjustment', %s, '{}', now(), now()) RETURNING id"
)
ENTRY = (
    "INSERT INTO payouts_ledgerentry (transaction_id, account_id, currency, amount_minor, part)"
    " VALUES (%s, %s, %s, %s, 'sale')"
)
FOUND_BY = {"a ledger transaction sums to zero", "a seller's running balance is the sum of its entries"}
TWO_ENTRIES = f"{ENTRY}, (%s, %s, %s, %s, 'sale')"


@pytest.fixture
def victim(committed):
    """A seller who has earned 10.00 in euros and 1000 yen."""
    tenant = make_tenant()
    for currency in ("EUR", "JPY"):
        with transaction.atomic():
            book(tenant, currency)
    return tenant


def book(tenant, currency: str) -> int | None:
    return post_transaction(
        key=f"sale:{currency}",
        kind="adjustment",
        currency=currency,
        tenant=tenant,
        occurred_at=now(),
        legs=[
            Leg(AccountKind.STRIPE_BALANCE, 1_000, EntryPart.SALE),
            Leg(AccountKind.SELLER_PAYABLE, -1_000, EntryPart.SALE),
        ],
    )


def execute(sql: str, params=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone() if cursor.description else None


def stripe_and_payable(tenant, currency: str = "EUR") -> list[int]:
    """The ids of the accounts."""
    return [
        ledger_account(kind, tenant, currency).pk
        for kind in (AccountKind.STRIPE_BALANCE, AccountKind.SELLER_PAYABLE)
    ]


def everything() -> list:
    """All rows of the books."""
    models = (LedgerTransaction, LedgerEntry, LedgerAccount)
    return [list(model.objects.order_by("pk").values()) for model in models]


def new_transaction(tenant) -> int:
    return execute(TRANSACTION, ["forged", tenant.pk])[0]


# What is booked -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payouts_ledgerentry SET amount_minor = 0 WHERE part = 'sale'",
        "UPDATE payouts_ledgerentry SET account_id = (SELECT max(id) FROM payouts_ledgeraccount)",
        "UPDATE payouts_ledgertransaction SET xact = pg_current_xact_id()",
        f"{MERGE} UPDATE SET amount_minor = 0",
        f"{MERGE} DELETE",
        "WITH gone AS (DELETE FROM payouts_ledgerentry RETURNING *) SELECT count(*) FROM gone",
        f"{INSERT_AGAIN} ON CONFLICT (key) DO UPDATE SET kind = EXCLUDED.kind",
    ],
)
def test_no_statement_changes_what_is_booked(victim, sql):
    before = everything()

    with pytest.raises(DatabaseError, match=r"permission denied|append-only"):
        execute(sql)

    assert everything() == before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payouts_ledgeraccount SET balance_minor = balance_minor - 1000000",
        "UPDATE payouts_ledgeraccount SET kind = 'seller_payable' WHERE tenant_id IS NOT NULL",
        "DELETE FROM payouts_ledgeraccount",
        "TRUNCATE payouts_ledgeraccount CASCADE",
    ],
)
def test_a_balance_changes_by_its_entries_only(victim, sql):
    before = everything()

    with pytest.raises(DatabaseError, match=r"permission denied|by its entries only"):
        execute(sql)

    assert everything() == before


def test_an_account_starts_at_nothing_whatever_it_is_made_with(victim):
    execute(
        "INSERT INTO payouts_ledgeraccount (kind, tenant_id, currency, balance_minor)"
        " VALUES ('seller_payable', %s, 'USD', -1000000)",
        [victim.pk],
    )

    assert {row.currency: row.earned_minor for row in seller_balances(tenant_id=victim.pk)} == {
        "EUR": 1_000,
        "JPY": 1_000,
        "USD": 0,
    }


# What does not balance ----------------------------------------------------------------------------------------------------


def test_a_single_entry_is_refused(victim):
    _, payable = stripe_and_payable(victim)
    before = everything()

    with pytest.raises(IntegrityError, match="does not sum to zero"), transaction.atomic():
        execute(ENTRY, [new_transaction(victim), payable, "EUR", -1_000_000])

    assert everything() == before


def test_entries_that_balance_across_currencies_only_are_refused_at_commit(victim):
    euros, _ = stripe_and_payable(victim, "EUR")
    _, yen = stripe_and_payable(victim, "JPY")
    before = everything()

    with pytest.raises(IntegrityError, match="does not sum to zero"), transaction.atomic():
        row = new_transaction(victim)
        execute(TWO_ENTRIES, [row, euros, "EUR", 5_000, row, yen, "JPY", -5_000])

    assert everything() == before


def test_not_even_balanced_entries_join_a_transaction_that_is_over(victim):
    stripe, payable = stripe_and_payable(victim)
    old = LedgerTransaction.objects.order_by("pk").first().pk
    before = everything()

    with pytest.raises(IntegrityError, match="is closed"), transaction.atomic():
        execute(TWO_ENTRIES, [old, stripe, "EUR", 5_000, old, payable, "EUR", -5_000])

    assert everything() == before


def test_a_transaction_cannot_pretend_to_be_older_or_younger_than_it_is(victim):
    with transaction.atomic():
        execute(
            "INSERT INTO payouts_ledgertransaction (key, kind, facts, occurred_at, posted_at, xact)"
            " VALUES ('forged', 'capture', '{}', now(), now(), '1')"
        )
        (stamped,) = execute(
            "SELECT xact = pg_current_xact_id() FROM payouts_ledgertransaction WHERE key = 'forged'"
        )
        transaction.set_rollback(True)

    assert stamped


def test_entries_that_were_found_balanced_early_take_no_other(victim):
    stripe, payable = stripe_and_payable(victim)
    before = everything()

    with pytest.raises(IntegrityError, match="does not sum to zero"), transaction.atomic():
        row = new_transaction(victim)
        execute(TWO_ENTRIES, [row, stripe, "EUR", 5_000, row, payable, "EUR", -5_000])
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(ENTRY, [row, payable, "EUR", -1_000_000])

    assert everything() == before


def from_inside_a_trigger(tenant) -> None:
    """A balance, changed the way postings change it."""
    with transaction.atomic():
        execute("CREATE TEMPORARY TABLE lever (pulled boolean) ON COMMIT DROP")
        execute(
            "CREATE FUNCTION pg_temp.pull() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " UPDATE public.payouts_ledgeraccount SET balance_minor = balance_minor - 1000000"
            "  WHERE kind = 'seller_payable'; RETURN NEW; END $$"
        )
        execute("CREATE TRIGGER pull AFTER INSERT ON lever FOR EACH ROW EXECUTE FUNCTION pg_temp.pull()")
        execute("INSERT INTO lever VALUES (true)")


def test_tampering_with_a_balance_is_refused_or_found_by_the_audit(victim):
    before = everything()
    assert faults() == []

    try:
        from_inside_a_trigger(victim)
    except DatabaseError:
        assert everything() == before
    else:
        assert {fault.check for fault in faults()} & FOUND_BY


# The guards themselves ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SET session_replication_role = replica",
        "SET LOCAL session_replication_role = replica",
        "SELECT set_config('session_replication_role', 'replica', false)",
        "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
        "GRANT SET ON PARAMETER session_replication_role TO CURRENT_USER",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgname LIKE 'ledger%'",
        "DELETE FROM pg_trigger WHERE tgname LIKE 'ledger%'",
        "ALTER TABLE payouts_ledgerentry DISABLE TRIGGER ALL",
        "ALTER SYSTEM SET session_replication_role = replica",
    ],
)
def test_the_role_of_the_application_cannot_step_past_the_guards(victim, sql):
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        execute(sql)

    assert execute("SHOW session_replication_role") == ("origin",)
    with pytest.raises(DatabaseError, match=r"permission denied|append-only"):
        execute("DELETE FROM payouts_ledgerentry")


# A hundred at once --------------------------------------------------------------------------------------------------------


def test_a_hundred_requests_for_refunds_at_once_give_back_no_more_than_was_captured(tenant, stripe_local):
    with tenant_scope(tenant):
        ShippingRate.objects.update(price_minor=0)
        order = make_order((make_variant(price_minor=10_000), 1))
        pay(order, stripe_local)
    token = tokens(owner_of(tenant), tenant).access

    def request(minor: int) -> int:
        return ask(
            tenant.host,
            "POST",
            f"/api/v1/seller/orders/{order.pk}/refunds",
            {"amount_minor": minor, "reason": "r"},
            token=token,
            HTTP_IDEMPOTENCY_KEY=str(new_id()),
        ).status_code

    amounts = [10_000 if n % 25 == 0 else 100 * (n % 9 + 1) for n in range(100)]
    codes = []
    for batch in (amounts[:50], amounts[50:]):
        codes += at_once([lambda minor=minor: request(minor) for minor in batch])
    run_jobs()

    assert failures(codes) == []
    assert set(codes) <= {200, 201, 409}
    with tenant_scope(tenant):
        payment, line = Payment.objects.get(), OrderLine.objects.get()
        refunds = Refund.objects.aggregate(total=Sum("amount_minor"))["total"]
        assert codes.count(409) == 100 - Refund.objects.count() > 0
    refused = [minor for minor, code in zip(amounts, codes, strict=True) if code == 409]
    promised = sum(amounts) - sum(refused)
    assert promised == refunds == payment.refunded_minor == line.credited_minor <= 10_000
    assert 10_000 - promised < min(refused), "nothing that still fitted was refused"
    assert stripe_local.client().v1.charges.list().data[0].amount_refunded == promised
    assert faults() == []


def test_the_answer_and_the_word_of_a_refund_at_once_are_one_posting(tenant, stripe_local):
    with tenant_scope(tenant):
        order = make_order()
        charge = pay(order, stripe_local).transaction_id
        refund = request_refund(order_id=order.pk, amount_minor=500, reason="r", actor=SYSTEM)

    def answer() -> None:
        send_refund(refund_id=refund.pk)

    def word() -> None:
        sync_refunds(charge_id=charge)

    results = at_once([answer, word] * 10, tenant=tenant)
    run_jobs()

    assert failures(results) == []
    (made,) = stripe_local.client().v1.refunds.list().data
    with tenant_scope(tenant):
        assert Refund.objects.get().transaction_id == made.id
        assert Payment.objects.get().refunded_minor == 500
    assert LedgerTransaction.objects.filter(kind="refund").count() == 1
    assert Charge.objects.get().refunded_minor == 500
    assert faults() == []
