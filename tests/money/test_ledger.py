"""The books: PostgreSQL keeps them append-only and balanced, whatever the application does."""

import psycopg2
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from core.clock import now
from payouts.models import AccountKind, EntryPart, LedgerEntry, LedgerTransaction
from services.ledger_services import Leg, Unbalanced, ledger_account, post_transaction
from tests.factories.tenants import make_tenant, owner_session

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def booked(committed):
    tenant = make_tenant()
    with transaction.atomic():
        row = post(tenant, key="charge:ch_1")
    return tenant, row


def post(tenant, *, key, currency="EUR", minor=1_000):
    return post_transaction(
        key=key,
        kind="capture",
        currency=currency,
        tenant=tenant,
        occurred_at=now(),
        legs=[
            Leg(AccountKind.STRIPE_BALANCE, minor, EntryPart.SALE),
            Leg(AccountKind.SELLER_PAYABLE, -minor, EntryPart.SALE),
        ],
    )


def execute(sql, params=None):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def insert_entry(transaction_id, account, minor, currency="EUR"):
    execute(
        "INSERT INTO payouts_ledgerentry (transaction_id, account_id, currency, amount_minor, part) VALUES (%s, %s, %s, %s, 'sale')",
        [transaction_id, account.pk, currency, minor],
    )


def test_a_fact_is_booked_once(booked):
    tenant, _ = booked
    with transaction.atomic():
        assert post(tenant, key="charge:ch_1") is None

    assert LedgerTransaction.objects.count() == 1
    assert LedgerEntry.objects.count() == 2


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payouts_ledgerentry SET amount_minor = amount_minor + 1",
        "UPDATE payouts_ledgertransaction SET kind = 'refund'",
        "DELETE FROM payouts_ledgerentry",
        "DELETE FROM payouts_ledgertransaction",
        "TRUNCATE payouts_ledgerentry CASCADE",
        "TRUNCATE payouts_ledgertransaction CASCADE",
    ],
)
def test_what_is_booked_cannot_be_changed_by_raw_sql(booked, sql):
    before = list(LedgerEntry.objects.order_by("pk").values())

    with pytest.raises(DatabaseError, match="permission denied"):
        execute(sql)

    with (
        owner_session() as owner,
        pytest.raises(psycopg2.Error, match="append-only"),
        owner.cursor() as cursor,
    ):
        cursor.execute(sql)  # nor by the tables' owner
    assert list(LedgerEntry.objects.order_by("pk").values()) == before


def test_an_unbalanced_transaction_is_refused_at_commit(booked):
    tenant, _ = booked
    account = ledger_account(AccountKind.STRIPE_BALANCE, tenant, "EUR")
    payable = ledger_account(AccountKind.SELLER_PAYABLE, tenant, "EUR")

    with pytest.raises(IntegrityError, match="does not sum to zero"), transaction.atomic():
        row = LedgerTransaction.objects.create(key="x", kind="capture", tenant=tenant, occurred_at=now())
        for to, minor in ((account, 100), (payable, -99)):
            LedgerEntry.objects.create(
                transaction=row, account=to, currency="EUR", amount_minor=minor, part="sale"
            )

    assert LedgerTransaction.objects.count() == 1


def test_two_currencies_do_not_balance_each_other(booked):
    tenant, _ = booked
    euros = ledger_account(AccountKind.STRIPE_BALANCE, tenant, "EUR")
    yen = ledger_account(AccountKind.SELLER_PAYABLE, tenant, "JPY")

    with pytest.raises(IntegrityError, match="does not sum to zero"), transaction.atomic():
        row = LedgerTransaction.objects.create(key="x", kind="capture", tenant=tenant, occurred_at=now())
        LedgerEntry.objects.create(
            transaction=row, account=euros, currency="EUR", amount_minor=5, part="sale"
        )
        LedgerEntry.objects.create(transaction=row, account=yen, currency="JPY", amount_minor=-5, part="sale")


def test_a_transaction_without_entries_is_refused_at_commit(booked):
    with pytest.raises(IntegrityError, match="takes two"), transaction.atomic():
        LedgerTransaction.objects.create(key="empty", kind="capture", occurred_at=now())


def test_entries_cannot_join_a_transaction_that_is_over(booked):
    tenant, row = booked
    account = ledger_account(AccountKind.STRIPE_BALANCE, tenant, "EUR")

    with pytest.raises(IntegrityError, match="is closed"):
        insert_entry(row, account, 10)


def test_an_entry_has_the_currency_of_its_account(booked):
    tenant, _ = booked
    yen = ledger_account(AccountKind.SELLER_PAYABLE, tenant, "JPY")

    with pytest.raises(IntegrityError, match="another currency"), transaction.atomic():
        row = LedgerTransaction.objects.create(key="x", kind="capture", tenant=tenant, occurred_at=now())
        LedgerEntry.objects.create(transaction=row, account=yen, currency="EUR", amount_minor=5, part="sale")


def test_a_sellers_account_needs_a_seller_and_the_marketplaces_has_none(committed):
    with pytest.raises(IntegrityError):
        execute(
            "INSERT INTO payouts_ledgeraccount (kind, tenant_id, currency) VALUES ('seller_payable', NULL, 'EUR')"
        )
    with pytest.raises(IntegrityError):
        execute(
            "INSERT INTO payouts_ledgeraccount (kind, tenant_id, currency) VALUES ('stripe_balance', %s, 'EUR')",
            [make_tenant().pk],
        )


def test_the_service_refuses_what_does_not_balance_before_postgresql_does(committed):
    tenant = make_tenant()
    with pytest.raises(Unbalanced), transaction.atomic():
        post_transaction(
            key="k",
            kind="capture",
            currency="EUR",
            tenant=tenant,
            occurred_at=now(),
            legs=[
                Leg(AccountKind.STRIPE_BALANCE, 5, EntryPart.SALE),
                Leg(AccountKind.SELLER_PAYABLE, -4, EntryPart.SALE),
            ],
        )
