"""Payouts as the seller reads them: every one explained line by line, down to the order."""

import csv
import html
import io
import re
import socket
import time
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from core.ids import new_id
from payouts.models import Charge, CommissionInvoice, InvoiceSeries, Payout, SellerAccount
from services.payout_services import run_payouts
from services.refund_services import request_refund
from shop.selectors.payout_statements import break_down
from shop.web.dashboard.payout_pages import PATIENCE_SECONDS
from shop.web.dashboard.payout_words import tell
from tenants.models import Tenant
from tests.documents.samples import line, order_line, statement
from tests.factories.jobs import run_jobs
from tests.factories.tenants import add_member
from tests.money.conftest import seller  # noqa: F401 - a fixture
from tests.money.support import SELLER, later, make_rich_order, pay_out, sell
from tests.web.test_dashboard import owner, sign_in  # noqa: F401 - fixtures
from tests.web.test_storefront import Browser

HOSTILE = "<script>alert(1)</script>\u202e"


def amounts(text: str, css: str) -> list[Decimal]:
    """The figures of a page that have this class, as a reader sees them."""
    found = re.findall(rf'class="[^"]*\b{css}\b[^"]*"[^>]*>(?:<b>)?([^<]+)<', text)
    return [figure(each) for each in found]


def named(text: str, css_id: str) -> Decimal:
    """The figure with this id."""
    return figure(re.search(rf'id="{css_id}">([^<]+)<', text)[1])


def sums(text: str, css_id: str) -> list[Decimal]:
    """The figures of a list of sums, the total last."""
    block = text.split(f'id="{css_id}"')[1].split("</dl>")[0]
    return [figure(each) for each in re.findall(r"<dd[^>]*>([^<]+)</dd>", block)]


def figure(shown: str) -> Decimal:
    """A figure in euros."""
    text = html.unescape(shown).replace("−", "-").replace("€", "").replace(",", "").replace("--", "")
    return Decimal(text)


def made(tenant: Tenant, number: int = 1, **fields) -> Payout:
    """A payout as it stands in the database, whatever became of it."""
    asked = timezone.now() - timedelta(days=number)
    values = {
        "number": 1000 - number,
        "currency": "EUR",
        "amount_minor": 11_565,
        "destination": "acct_1",
        "requested_at": asked,
        "status": "paid",
        "transfer_id": f"tr_{number}",
        "sent_at": asked,
        "settled_at": asked,
        **fields,
    }
    return Payout.objects.create(tenant=tenant, **values)


def with_statement(tenant: Tenant, count: int, **changes) -> Payout:
    """A payout of so many orders, of two lines each, and a debt that was taken back."""
    facts, rows = [], []
    for number in range(1001, 1001 + count):
        order_id = str(new_id())
        parts = {"sale": 1_999, "commission": -230, "fee": -83}
        facts += [
            line(kind, minor, number, order_id=order_id, key=f"charge:{number}")
            for kind, minor in parts.items()
        ]
        rows += [
            order_line(number, "A", f"Bowl {number}", 1, subtotal=1_000, commission=-115, fee=-42),
            order_line(number, "B", "Cup", 2, subtotal=999, commission=-115, fee=-41),
        ]
    facts.append(line("reversal", -500, key="reversal:trr_1"))
    amount = sum(fact["amount_minor"] for fact in facts)
    totals = {"sale": 1_999 * count, "commission": -230 * count, "fee": -83 * count, "reversal": -500}
    frozen = statement(
        lines=facts, orders=rows, totals=totals, amount_minor=amount, opening_balance_minor=amount + 700,
        closing_balance_minor=700,
    )  # fmt: skip
    return made(tenant, amount_minor=amount, statement=frozen | changes)


# To the cent ------------------------------------------------------------------------------------------------------


def test_what_the_page_shows_adds_up_to_the_payout_to_the_cent(seller, owner, stripe_local):  # noqa: F811
    rich = make_rich_order(stripe_local)
    plain = sell(5_999, stripe_local)
    request_refund(order_id=plain.pk, amount_minor=1_234, reason="scratched", actor=SELLER)
    run_jobs()
    (payout,) = pay_out()

    owner.get(f"/dashboard/payouts/{payout.pk}")

    whole = Decimal(payout.amount_minor) / 100
    orders = amounts(owner.text, "order-sum")
    assert len(orders) == 2
    assert sum(orders) == whole == named(owner.text, "all-sum")
    assert sum(amounts(owner.text, "line-sum")) == whole
    *kinds, total = sums(owner.text, "made-of")
    assert len(kinds) >= 6  # sale, discount paid by the marketplace, commission and its return, fee, refund
    assert sum(kinds) == total == whole
    before, _, after = sums(owner.text, "balance")
    assert before - whole == after
    for block, shown in zip(owner.text.split('class="payout-order"')[1:], orders, strict=True):
        facts = block.split("payout-facts")[1].split("</ul>")[0]
        assert sum(figure(each) for each in re.findall(r'class="num">([^<]+)<', facts)) == shown
        assert sum(amounts(block, "line-sum")) == shown
    assert f'href="/dashboard/orders/{rich.pk}"' in owner.text


def test_a_refund_after_its_payout_is_shown_in_the_next_one_under_its_order(seller, owner, stripe_local):  # noqa: F811
    order = sell(10_000, stripe_local)
    pay_out()
    request_refund(order_id=order.pk, amount_minor=2_500, reason="scratched", actor=SELLER)
    run_jobs()
    sell(20_000, stripe_local)
    (second,) = pay_out(in_days=20)

    owner.get(f"/dashboard/payouts/{second.pk}")

    assert amounts(owner.text, "order-sum") == [Decimal("-22.50"), Decimal("173.60")]
    assert named(owner.text, "all-sum") == Decimal("151.10")


def test_a_thousand_orders_are_shown_fifty_at_a_time(owner, django_assert_max_num_queries):  # noqa: F811
    payout = with_statement(owner.tenant, 1_000)
    whole, seen, found = Decimal(payout.amount_minor) / 100, [], 0

    for page in range(1, 21):
        with django_assert_max_num_queries(12):
            owner.get(f"/dashboard/payouts/{payout.pk}?page={page}")
        shown = amounts(owner.text, "order-sum")
        assert len(shown) == 50
        assert sum(shown) == named(owner.text, "page-sum")
        assert named(owner.text, "all-sum") == whole
        seen += shown
        found += owner.text.count("Bowl")
        assert ('rel="next"' in owner.text) is (page < 20)
    assert sum(seen) == named(owner.text, "orders-sum")
    assert sum(seen) + sum(amounts(owner.text, "loose-sum")) == whole
    assert found == 2 * 1_000  # in the row and in its line
    assert "Orders 951 to 1000 of 1000." in owner.text


@pytest.mark.parametrize(
    "page", ["0", "-1", "x", "", "99999999999999999999", "²", "٣", "1e3", "%00", "' OR 1=1"]
)
def test_a_page_that_is_none_is_the_nearest(owner, page):  # noqa: F811
    payout = with_statement(owner.tenant, 60)

    assert owner.get(f"/dashboard/payouts/{payout.pk}?page={page}").status_code == 200
    assert "Orders 1 to 50 of 60." in owner.text


def test_a_page_beyond_the_last_is_the_last(owner):  # noqa: F811
    payout = with_statement(owner.tenant, 60)

    owner.get(f"/dashboard/payouts/{payout.pk}?page=999")
    assert "Orders 51 to 60 of 60." in owner.text


# What a statement may lack ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"orders": []}, {"orders": [], "lines": []}, {"lines": []}, {"orders": [], "lines": [], "totals": {}}],
)
def test_statements_that_name_less_are_shown_as_far_as_they_go(owner, changes):  # noqa: F811
    payout = with_statement(owner.tenant, 3, **changes)

    assert owner.get(f"/dashboard/payouts/{payout.pk}").status_code == 200
    if changes.get("totals") != {}:
        assert sums(owner.text, "made-of")[-1] == Decimal(payout.amount_minor) / 100
    if "orders" not in changes:
        assert sum(amounts(owner.text, "order-sum")) == Decimal(payout.amount_minor + 500) / 100
    assert ("does not name single orders" in owner.text) is (
        changes.get("orders") == [] and changes.get("lines") == []
    )


def test_a_fact_without_a_number_belongs_to_its_order(seller, owner, stripe_local):  # noqa: F811
    order = sell(1_000, stripe_local)
    facts = [
        line("sale", 1_000, None, order_id=str(order.pk)),
        line("fee", -59, None, order_id=str(order.pk)),
    ]

    found = break_down(facts, [order_line(order.number, "A", "Bowl", 1, subtotal=1_000, fee=-59)])

    assert [(part.number, part.amount_minor) for part in found.orders] == [(order.number, 941)]
    assert found.amount_minor == 941


def test_orders_that_are_gone_are_still_counted(owner):  # noqa: F811
    facts = [line("sale", 1_000, None, order_id=str(uuid4())), line("write_off", -10, key="w")]

    found = break_down(facts, [])

    assert (found.orders_minor, found.loose_minor, found.amount_minor) == (1_000, -10, 990)


def test_a_payout_that_is_being_made_shows_what_it_has_claimed(seller, owner, stripe_local):  # noqa: F811
    sell(10_000, stripe_local)
    (payout,) = run_payouts(at=later(8))

    owner.get(f"/dashboard/payouts/{payout.pk}")

    assert "It is being made." in owner.text
    assert amounts(owner.text, "order-sum") == [Decimal("86.50")] == [named(owner.text, "all-sum")]
    assert "Statement (PDF)" not in owner.text
    for kind in ("pdf", "csv"):
        assert owner.get(f"/dashboard/payouts/{payout.pk}/statement.{kind}").status_code == 404


# Where it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said", "following"),
    [
        (
            {"status": "requested", "transfer_id": None, "sent_at": None},
            "It is being made.",
            "Stripe is asked",
        ),
        ({"status": "sent"}, "On its way since", "a few working days"),
        ({"status": "paid"}, "At your bank since", ""),
        (
            {"status": "failed", "failure_code": "account_invalid"},
            "It could not be made. Your account at Stripe cannot receive money.",
            "part of your next payout",
        ),
        (
            {"status": "returned", "failure_code": "no_account", "failure_message": "x"},
            "There is no such bank account.",
            "Stripe sends it again",
        ),
        (
            {
                "status": "returned",
                "failure_code": "never_heard",
                "failure_message": "Moon in the wrong house",
            },
            "Moon in the wrong house",
            "balance at Stripe",
        ),
        ({"status": "reversed", "reversed_minor": 565}, "€5.65 of it was taken back", "It pays a debt"),
        ({"status": "unknown"}, "has not said yet", "Nothing is paid twice"),
    ],
)
def test_it_is_said_where_the_money_is_and_what_happens_next(owner, fields, said, following):  # noqa: F811
    payout = made(owner.tenant, **fields)

    assert owner.get(f"/dashboard/payouts/{payout.pk}").status_code == 200
    assert said in owner.text
    assert following in owner.text
    assert ('href="/dashboard/bank">Go to your bank' in owner.text) is (
        payout.status in ("failed", "returned")
    )
    owner.get("/dashboard/payouts")
    assert "€115.65" in owner.text


def test_a_failed_payout_names_the_day_of_the_next(owner):  # noqa: F811
    told = tell(made(owner.tenant, status="failed", failure_message="x"), timezone.now().date())

    assert f"on {timezone.now():%B} {timezone.now().day}, {timezone.now():%Y}." in told.following


def test_texts_of_others_are_shown_as_text(owner):  # noqa: F811
    rows = [order_line(1001, HOSTILE, HOSTILE, 1, subtotal=1_000)]
    facts = [line(HOSTILE, 1_000, 1001), line(HOSTILE, 5, key=HOSTILE)]
    frozen = statement(orders=rows, lines=facts, totals={HOSTILE: 1_005})
    payout = made(owner.tenant, statement=frozen, failure_message=HOSTILE, status="returned")

    owner.get(f"/dashboard/payouts/{payout.pk}")
    assert "<script>alert" not in owner.text
    assert "&lt;script&gt;alert" in owner.text
    owner.get("/dashboard/payouts")
    assert "<script>alert" not in owner.text


# Files ------------------------------------------------------------------------------------------------------------


def test_the_statement_is_taken_home_and_kept_nowhere_else(seller, owner, stripe_local):  # noqa: F811
    sell(10_000, stripe_local)
    (payout,) = pay_out()

    pdf = owner.get(f"/dashboard/payouts/{payout.pk}/statement.pdf")
    assert pdf.content.startswith(b"%PDF-")
    table = owner.get(f"/dashboard/payouts/{payout.pk}/statement.csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert sum(Decimal(row["amount"]) for row in rows if row["section"] == "order_line") == Decimal("86.50")
    for answer, kind in ((pdf, "pdf"), (table, "csv")):
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["Content-Disposition"] == f'attachment; filename="payout-1.{kind}"'


# The next one -----------------------------------------------------------------------------------------------------


def test_the_next_payout_and_its_day_are_foreseen_and_asked_for(seller, owner, stripe_local):  # noqa: F811
    sell(10_000, stripe_local)
    stripe_local.control("clock", advance_seconds=3 * 86_400)
    Charge.objects.update(available_at=timezone.now() - timedelta(minutes=1))
    owner.get("/dashboard/payouts")
    assert "€86.50" in owner.text
    assert "can be paid out now" in owner.text

    response = owner.post("/dashboard/payouts", {"action": "pay"})

    assert response["Location"] == "/dashboard/payouts?done=asked"
    assert Payout.objects.get().amount_minor == 8_650
    assert owner.post("/dashboard/payouts", {"action": "pay"}).status_code == 409
    assert Payout.objects.count() == 1


def test_asking_for_nothing_is_refused_with_the_reason(seller, owner):  # noqa: F811
    assert owner.post("/dashboard/payouts", {"action": "pay"}).status_code == 409

    assert "Nothing is available yet." in owner.text
    assert 'role="alert"' in owner.text


def test_where_stripe_does_not_answer_the_list_is_there(seller, owner, stripe_local, settings):  # noqa: F811
    made(owner.tenant)
    sell(10_000, stripe_local)
    Charge.objects.update(available_at=timezone.now() - timedelta(minutes=1))
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    assert owner.get("/dashboard/payouts").status_code == 200
    assert "Payout 999" in owner.text
    assert "Stripe does not say right now" in owner.text
    assert owner.post("/dashboard/payouts", {"action": "pay"}).status_code == 503
    assert 'role="alert"' in owner.text


def test_stripe_is_not_waited_for_while_somebody_waits_for_the_page(
    seller,  # noqa: F811
    owner,  # noqa: F811
    stripe_local,
    settings,
):
    sell(10_000, stripe_local)
    Charge.objects.update(available_at=timezone.now() - timedelta(minutes=1))
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes calls and says nothing
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{mute.getsockname()[1]}"
        started = time.monotonic()
        owner.get("/dashboard/payouts")

    assert time.monotonic() - started < 2 * PATIENCE_SECONDS
    assert "Stripe does not say right now" in owner.text


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        ({"schedule": "weekly", "weekday": "5", "month_day": "31"}, ("weekly", 5)),
        ({"schedule": "monthly", "weekday": "5", "month_day": "31"}, ("monthly", 31)),
        ({"schedule": "daily", "weekday": "5", "month_day": "31"}, ("daily", 1)),
        ({"schedule": "manual"}, ("manual", 1)),
    ],
)
def test_the_owner_decides_when_payouts_are_made(owner, form, kept):  # noqa: F811
    response = owner.post("/dashboard/payouts", {"action": "schedule", **form})

    assert response["Location"] == "/dashboard/payouts?done=saved"
    account = SellerAccount.objects.get(tenant=owner.tenant)
    assert (account.schedule, account.schedule_day) == kept
    assert owner.get("/dashboard/payouts").status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"schedule": "hourly"},
        {},
        {"schedule": "weekly", "weekday": "8"},
        {"schedule": "weekly", "weekday": "Friday"},
        {"schedule": "monthly", "month_day": "32"},
        {"schedule": "monthly", "month_day": "0"},
    ],
)
def test_a_schedule_that_makes_no_sense_changes_nothing(owner, form):  # noqa: F811
    assert owner.post("/dashboard/payouts", {"action": "schedule", **form}).status_code == 400

    assert SellerAccount.objects.get(tenant=owner.tenant).schedule == "daily"


# Who may, and whose they are --------------------------------------------------------------------------------------


def test_managers_look_and_the_owner_decides(owner):  # noqa: F811
    payout = with_statement(owner.tenant, 1)
    manager = sign_in(Browser(owner.tenant), add_member(owner.tenant, "manager"))

    for path in ("", f"/{payout.pk}", f"/{payout.pk}/statement.pdf", f"/{payout.pk}/statement.csv"):
        assert manager.get(f"/dashboard/payouts{path}").status_code == 200
    manager.get("/dashboard/payouts")
    assert 'name="action"' not in manager.text
    for form in ({"action": "pay"}, {"action": "schedule", "schedule": "manual"}, {"action": "x"}, {}):
        assert manager.post("/dashboard/payouts", form).status_code == 403
    for role in ("support", "fulfilment"):
        other = sign_in(Browser(owner.tenant), add_member(owner.tenant, role))
        for path in ("", f"/{payout.pk}", f"/{payout.pk}/statement.pdf", f"/number/{payout.number}"):
            assert other.get(f"/dashboard/payouts{path}").status_code == 403


def test_payouts_of_others_are_not_there(owner, other_tenant):  # noqa: F811
    theirs = with_statement(other_tenant, 1)

    for path in (
        f"{theirs.pk}",
        f"{theirs.pk}/statement.pdf",
        f"{theirs.pk}/statement.csv",
        f"number/{theirs.number}",
    ):
        assert owner.get(f"/dashboard/payouts/{path}").status_code == 404
    owner.get("/dashboard/payouts")
    assert str(theirs.pk) not in owner.text


@pytest.mark.parametrize(
    "path", [uuid4(), "x", "number/7", "number/99999999999", "number/99999999999999999999999", "number/x"]
)
def test_payouts_that_are_none_are_not_there(owner, path):  # noqa: F811
    assert owner.get(f"/dashboard/payouts/{path}").status_code == 404


def test_a_payout_is_found_by_its_number(owner):  # noqa: F811
    payout = made(owner.tenant)

    assert owner.get("/dashboard/payouts/number/999")["Location"] == f"/dashboard/payouts/{payout.pk}"


def test_the_list_goes_on_and_asks_little(seller, owner, stripe_local, django_assert_max_num_queries):  # noqa: F811
    sell(10_000, stripe_local)
    for number in range(1, 31):
        made(owner.tenant, number, statement=statement())

    with django_assert_max_num_queries(12):
        owner.get("/dashboard/payouts")
    first = set(re.findall(r"Payout (\d+)", owner.text))
    owner.get("/dashboard/payouts" + html.unescape(re.search(r'rel="next" href="([^"]+)"', owner.text)[1]))
    second = set(re.findall(r"Payout (\d+)", owner.text))
    assert (len(first), len(second), first & second) == (25, 5, set())
    assert owner.get("/dashboard/payouts?cursor=nonsense").status_code == 200


# Fee invoices -----------------------------------------------------------------------------------------------------


def make_invoice(tenant: Tenant, sequence: int = 1, **fields) -> CommissionInvoice:
    series, _ = InvoiceSeries.objects.get_or_create(name="SOUK")
    month = (timezone.now() - timedelta(days=31 * sequence)).date().replace(day=1)
    values = {
        "month": month, "currency": "EUR", "net_minor": 3_900, "tax_minor": 741, "total_minor": 4_641,
        "lines": [{"description": "Commission on 42 orders", "net_minor": 3_900, "tax_basis_points": 1_900, "tax_minor": 741}],
        "seller": {"name": tenant.name, "address": "DE", "tax_id": ""}, "issued_at": timezone.now() - timedelta(days=31 * sequence),
        **fields,
    }  # fmt: skip
    return CommissionInvoice.objects.create(series=series, sequence=sequence, tenant=tenant, **values)


def test_each_month_s_commission_is_invoiced_and_taken_home(owner):  # noqa: F811
    invoice = make_invoice(owner.tenant)
    make_invoice(owner.tenant, 2, net_minor=-100, tax_minor=-19, total_minor=-119)

    owner.get("/dashboard/invoices")

    assert f"{invoice.month:%B %Y}" in owner.text
    for shown in ("SOUK-000001", "€39.00", "€7.41", "€46.41", "-€1.19"):
        assert shown in owner.text
    assert owner.text.count("Credit note") == 1
    answer = owner.get(f"/dashboard/invoices/{invoice.pk}.pdf")
    assert answer.content.startswith(b"%PDF-")
    assert answer["Cache-Control"] == "private, no-store"
    assert "SOUK-000001.pdf" in answer["Content-Disposition"]


def test_invoices_are_the_managers_and_of_nobody_else(owner, other_tenant, django_assert_max_num_queries):  # noqa: F811
    theirs, ours = make_invoice(other_tenant), make_invoice(owner.tenant, 2)
    manager = sign_in(Browser(owner.tenant), add_member(owner.tenant, "manager"))
    support = sign_in(Browser(owner.tenant), add_member(owner.tenant, "support"))

    with django_assert_max_num_queries(12):
        assert manager.get("/dashboard/invoices").status_code == 200
    assert theirs.number not in manager.text
    for pk, status in ((theirs.pk, 404), (uuid4(), 404), ("x", 404), (ours.pk, 200)):
        assert manager.get(f"/dashboard/invoices/{pk}.pdf").status_code == status
    assert support.get("/dashboard/invoices").status_code == 403
    assert support.get(f"/dashboard/invoices/{ours.pk}.pdf").status_code == 403
