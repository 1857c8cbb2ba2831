"""The journal: the books as the accountant takes them along, proved by beancount itself."""

import csv
import io
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from beancount.core import data
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.money import to_major
from payouts.models import AccountKind, EntryPart, LedgerAccount, LedgerEntry
from services.journal_services import (
    MARKETPLACE,
    SELLERS,
    Period,
    account_name,
    journal_beancount,
    journal_csv,
)
from services.ledger_services import Leg, post_transaction
from tenants.models import Tenant
from tests.factories.tenants import make_tenant

BEAN_CHECK = Path(sys.executable).with_name("bean-check")


def post(tenant, key, minor, currency="EUR", *, at=None, kind=AccountKind.SELLER_PAYABLE):
    post_transaction(
        key=key,
        kind="capture",
        currency=currency,
        tenant=tenant,
        occurred_at=at or datetime(2026, 11, 2, tzinfo=UTC),
        legs=[
            Leg(AccountKind.STRIPE_BALANCE, minor, EntryPart.SALE),
            Leg(kind, -minor + 7, EntryPart.SALE),
            Leg(AccountKind.COMMISSION_INCOME, -7, EntryPart.COMMISSION),
        ],
    )


@pytest.fixture
def books(db):
    """Two sellers, one of them hostile, three currencies, three months."""
    one, other = make_tenant(), make_tenant(slug="1st-shop")
    Tenant.objects.filter(pk=other.pk).update(name='A "quoted" \\ name\n2026-01-01 open Assets:Mine')
    for month in (9, 10, 11):
        at = datetime(2026, month, 3, 23, 59, tzinfo=UTC)
        post(one, f"charge:a{month}", 10_000 + month, at=at)
        post(one, f"charge:y{month}", 5_000, "JPY", at=at)
        post(other, f"charge:b{month}", 1_234_560, "KWD", at=at)
        post(other, f"charge:=c{month}", 99, at=at, kind=AccountKind.SELLER_RESERVE)
    return one, other


def bean_check(path):
    return subprocess.run([BEAN_CHECK, path], capture_output=True, text=True, check=False)


def written(tmp_path, period=Period()):  # noqa: B008 - frozen
    path = tmp_path / "books.beancount"
    with path.open("w") as out:
        journal_beancount(out, period)
    return path


def balances_of(path):
    """What beancount itself makes of the postings."""
    entries, errors, _ = loader.load_file(str(path))
    assert not errors, errors
    found = Counter()
    for entry in entries:
        if isinstance(entry, data.Transaction):
            for posting in entry.postings:
                found[posting.account, posting.units.currency] += posting.units.number
    return {key: amount for key, amount in found.items() if amount}


def balances_here():
    found = Counter()
    for entry in LedgerEntry.objects.select_related("account__tenant"):
        account = entry.account
        name = account_name(account.kind, account.tenant.slug if account.tenant else None)
        found[name, entry.currency] += to_major(entry.amount_minor, entry.currency)
    return {key: amount for key, amount in found.items() if amount}


def test_bean_check_accepts_the_books_and_its_balances_are_ours(books, tmp_path):
    path = written(tmp_path)

    checked = bean_check(path)

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert balances_of(path) == balances_here()


def test_bean_check_would_see_a_changed_figure(books, tmp_path):
    """The control: without it the check above could not fail."""
    path = written(tmp_path)
    path.write_text(path.read_text().replace("100.09 EUR", "100.10 EUR", 1))

    assert bean_check(path).returncode != 0


def test_a_period_begins_with_what_came_before_and_ends_like_the_whole(books, tmp_path):
    whole = balances_of(written(tmp_path))
    path = written(tmp_path, Period(since=date(2026, 10, 4)))

    assert bean_check(path).returncode == 0
    period = balances_of(path)
    assert {key: value for key, value in period.items() if key[0] != "Equity:Opening-Balances"} == whole
    assert "Balances brought forward" in path.read_text()


def test_until_leaves_out_what_came_later(books, tmp_path):
    path = written(tmp_path, Period(until=date(2026, 10, 31)))

    assert bean_check(path).returncode == 0
    assert "charge:a10" in path.read_text()
    assert "charge:a11" not in path.read_text()


def test_one_storefronts_books_are_its_own(books, tmp_path):
    path = written(tmp_path, Period(tenant_id=books[0].pk))

    assert bean_check(path).returncode == 0
    assert "1st-shop" not in path.read_text()


def test_a_name_cannot_write_into_the_books(books, tmp_path):
    entries, errors, _ = loader.load_file(str(written(tmp_path)))

    assert not errors
    assert {entry.payee for entry in entries if isinstance(entry, data.Transaction)} >= {
        'A "quoted" \\ name 2026-01-01 open Assets:Mine'
    }
    assert "Assets:Mine" not in {entry.account for entry in entries if isinstance(entry, data.Open)}


def test_every_kind_of_account_has_a_name_of_its_own(db):
    names = {account_name(kind, None if kind in MARKETPLACE else "a") for kind in AccountKind}

    assert set(AccountKind) == set(MARKETPLACE) | set(SELLERS)
    assert len(names) == len(AccountKind)


def test_the_csv_sums_to_zero_per_transaction_and_currency_and_is_safe_to_open(books):
    out = io.StringIO()
    rows = journal_csv(out, Period())
    read = list(csv.DictReader(io.StringIO(out.getvalue())))

    assert rows == len(read) == LedgerEntry.objects.count()
    sums = Counter()
    for row in read:
        sums[row["transaction"], row["currency"]] += Decimal(row["amount"])
    assert not any(sums.values())
    assert {row["amount"] for row in read if row["currency"] == "KWD"} >= {"1234.560", "-0.007"}
    assert {row["amount"] for row in read if row["currency"] == "JPY"} >= {"5000", "-7"}
    accounts = {row["account"] for row in read}
    assert "seller_reserve:1st-shop" in accounts


def test_the_number_of_statements_does_not_grow_with_the_books(books):
    def statements():
        with CaptureQueriesContext(connection) as sent:
            journal_csv(io.StringIO(), Period())
        return len(sent.captured_queries)

    before = statements()
    for number in range(30):
        post(books[0], f"charge:more{number}", 500 + number)
    assert statements() == before


def test_the_command_writes_a_file_and_refuses_what_it_does_not_know(books, tmp_path):
    path = tmp_path / "out.beancount"
    call_command("journal", format="beancount", output=str(path))

    assert bean_check(path).returncode == 0
    for options in ({"since": "yesterday"}, {"until": "2026-02-30"}, {"tenant": "nobody"}):
        with pytest.raises(CommandError):
            call_command("journal", **options)
    with pytest.raises(CommandError, match="before"):
        call_command("journal", since="2026-02-02", until="2026-02-01")


def test_empty_books_are_a_valid_file(db, tmp_path):
    assert not LedgerAccount.objects.exists()
    path = written(tmp_path)

    assert bean_check(path).returncode == 0
