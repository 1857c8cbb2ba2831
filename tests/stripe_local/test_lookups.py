import pytest

from stripe_local.store import Store
from stripe_local.testing import LocalStripe
from tests.stripe_local.conftest import buy, seller


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "charge"},
        {"currency": "eur"},
        {"type": "refund", "currency": "eur"},
        {"type": "charge", "currency": "jpy"},
        {"type": "topup", "currency": "jpy"},
        {"source": "ch_seed_0000007"},
        {"source": "ch_seed_0000007", "type": "refund"},
    ],
)
def test_filters_agree_with_what_is_there(local, client, wanted):
    local.control("seed", charges=40, days=2)
    local.control("funds", amount=500, currency="eur")
    for number in range(3):
        buy(client, 2_000, "jpy")
        client.v1.refunds.create({"charge": f"ch_seed_{number + 1:07}", "amount": 10})
    every = list(client.v1.balance_transactions.list({"limit": 100}).auto_paging_iter())
    middle = every[len(every) // 2].created
    for bounds in ({}, {"created": {"gte": middle}}, {"created": {"lt": middle}}):
        low, high = (
            (bounds.get("created") or {}).get("gte", 0),
            (bounds.get("created") or {}).get("lt", 2**40),
        )
        expected = [
            each.id
            for each in every
            if low <= each.created < high
            and all(getattr(each, name) == value for name, value in wanted.items())
        ]
        params = {**wanted, **bounds, "limit": 7}
        assert [
            each.id for each in client.v1.balance_transactions.list(params).auto_paging_iter()
        ] == expected
        if expected:
            last = client.v1.balance_transactions.list({**params, "ending_before": expected[-1]})
            assert [each.id for each in last] == expected[:-1][-7:]


def test_accounts_are_kept_apart(local, client):
    account_id = seller(local, client)
    local.control("seed", charges=5)
    local.control("funds", amount=5_000, currency="eur")
    client.v1.transfers.create({"amount": 700, "currency": "eur", "destination": account_id})
    there = {"stripe_account": account_id}
    own = client.v1.balance_transactions.list({"currency": "eur"}, there).data
    assert [each.type for each in own] == ["payment"]
    assert client.v1.balance_transactions.list({"type": "payment"}).data == []
    payout = local.control("payouts", account="", currency="eur")
    listed = client.v1.balance_transactions.list({"payout": payout["id"], "type": "payout"}).data
    assert [each.source for each in listed] == [payout["id"]]
    assert client.v1.balance_transactions.list({"payout": payout["id"]}, there).data == []


@pytest.mark.parametrize(
    "values", [{}, {"type": ["charge"]}, {"type": ["charge"], "currency": ["eur"]}, {"_payout": ["po_1"]}]
)
def test_a_page_is_read_off_an_index(values):
    store = Store(":memory:")
    wanted = store.choose("balance_transaction", "", values)
    wanted.add(f"{wanted.walk}.created >= ?", 5)
    wanted.add(f"({wanted.walk}.created, {wanted.walk}.seq) < (?, ?)", 9, 9)
    asked: list[str] = []
    store.db.set_trace_callback(asked.append)
    store.select(wanted, order="DESC", limit=101)
    store.db.set_trace_callback(None)
    (query,) = asked
    plan = [row[3] for row in store.db.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert plan[0].startswith(f"SEARCH {wanted.walk} USING")
    assert "created" in plan[0]
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in plan)
    store.close()


def test_a_file_from_before_is_read(tmp_path):
    path = str(tmp_path / "stripe.db")
    with LocalStripe(state=path) as local:
        buy(local.client(), 1_000)
        buy(local.client(), 2_000)
    store = Store(path)
    store.db.execute("CREATE TABLE before (field, value, seq, PRIMARY KEY (field, value, seq)) WITHOUT ROWID")
    store.db.execute("INSERT INTO before SELECT field, value, seq FROM lookups")
    store.db.execute("DROP TABLE lookups")
    store.db.execute("ALTER TABLE before RENAME TO lookups")
    store.close()
    with LocalStripe(state=path) as local:
        client = local.client()
        found = client.v1.balance_transactions.list({"type": "charge", "currency": "eur"}).data
        assert [each.amount for each in found] == [2_000, 1_000]
        buy(client, 3_000)
        assert len(client.v1.balance_transactions.list({"type": "charge"}).data) == 3
