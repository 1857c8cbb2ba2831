"""The seller's orders in the dashboard, as a browser without JavaScript meets them."""

import re
import uuid

import pytest

from services.order_history import SYSTEM, Actor
from services.order_note_services import add_note
from services.order_services import cancel_order
from services.refund_services import request_refund, send_refund
from services.shipping_services import ship_order
from shop.models import ActorKind, Operation, Order, OrderEvent, OrderInvoice, Refund, SavedView
from tenants.models import CaptureMethod, Tenant
from tests.documents.reading import text_of
from tests.factories.shop import ADDRESS, item_of, make_order, make_variant, pay
from tests.factories.tenants import add_member, owner_of
from tests.web.test_dashboard import sign_in
from tests.web.test_storefront import Browser

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


@pytest.fixture
def owner(serving: Tenant) -> Browser:
    return sign_in(Browser(serving), owner_of(serving))


@pytest.fixture
def staff(serving):
    """Somebody of the staff with a role, in a browser of their own."""
    return lambda role: sign_in(Browser(serving), add_member(serving, role))


@pytest.fixture
def paid(stripe_local) -> Order:
    """Two mugs and a bowl, paid: 2 x 20.00 + 10.00 + 4.90."""
    lines = (
        (make_variant(title="Mug", price_minor=2000), 2),
        (make_variant(title="Bowl", price_minor=1000), 1),
    )
    order = make_order(*lines)
    pay(order, stripe_local)
    return order


def path(order: Order, more: str = "") -> str:
    return f"/dashboard/orders/{order.pk}{more}"


def numbers(browser: Browser) -> list[int]:
    """Of the orders in the list, as they are shown."""
    return [int(number) for number in re.findall(r'class="row-link"[^>]*>#(\d+)<', browser.text)]


def kept(browser: Browser) -> dict[str, str]:
    """The hidden fields of the refund's preview."""
    form = browser.text[browser.text.index("data-once") :]
    return dict(re.findall(r'type="hidden" name="(?!csrf)([^"]+)" value="([^"]*)"', form))


# The list ---------------------------------------------------------------------------------------------------------


def test_orders_are_listed_newest_first_with_what_matters(owner, paid, stripe_local):
    unpaid = make_order(email="zoe@example.com")
    add_note(order_id=unpaid.pk, text="Call her", actor=SYSTEM)
    Order.objects.filter(pk=paid.pk).update(needs_attention="Look at it")

    owner.get("/dashboard/orders")

    assert numbers(owner) == [unpaid.number, paid.number]
    for words in ("To ship", "Paid", "€54.90", "Waits for payment", "Unpaid", "zoe@example.com"):
        assert words in owner.text
    assert owner.text.count("Has a note") == 2  # its title and its words, of one order
    assert 'title="Look at it"' in owner.text


@pytest.mark.parametrize(
    "q", ["{number}", "#{number}", "zoe", "Zoe@", "kiln.shop", "zoe.o-neill@kiln", "lovel"]
)
def test_an_order_is_found_by_its_number_words_of_the_mail_address_or_the_name(owner, q):
    found = make_order(email="zoe.o-neill@kiln.shop")
    make_order(email="max@kiln.shop.example") if q == "zoe" else None

    owner.get("/dashboard/orders", {"q": q.format(number=found.number)})

    assert found.number in numbers(owner)


def test_a_number_is_meant_whole_and_every_word_counts(owner):
    order = make_order(email="zoe@kiln.shop")

    for q in (f"{order.number}0", str(order.number)[:-1], "zoe other", "!!!", "' OR 1=1 --", "%"):
        owner.get("/dashboard/orders", {"q": q})
        assert numbers(owner) == [], q


def test_filters_narrow_the_list(owner, paid, stripe_local):
    unpaid, declined = make_order(), make_order()
    pay(declined, stripe_local, "4000000000000002")
    made = request_refund(order_id=paid.pk, amount_minor=100, reason="x", actor=SYSTEM)
    send_refund(refund_id=made.pk)
    Order.objects.filter(pk=unpaid.pk).update(placed_at="2026-01-05T23:30:00Z")

    def asked(**filters) -> set[int]:
        assert owner.get("/dashboard/orders", filters).status_code == 200
        return set(numbers(owner))

    every = {paid.number, unpaid.number, declined.number}
    assert asked() == every
    assert asked(status="confirmed") == {paid.number}
    assert asked(payment="unpaid") == {unpaid.number, declined.number}
    assert asked(payment="declined") == {declined.number}
    assert asked(payment="paid") == asked(payment="partly_refunded") == asked(refunded="on") == {paid.number}
    assert asked(payment="refunded") == asked(payment="authorised") == asked(disputed="on") == set()
    assert asked(placed_from="2026-01-05", placed_to="2026-01-05") == {unpaid.number}
    assert asked(placed_to="2026-01-04") == asked(attention="on") == set()
    assert asked(total_min="54.90") == {paid.number}
    assert asked(total_max="54.89") == every - {paid.number}


def test_a_filter_that_makes_no_sense_is_told_and_left_out(owner, paid):
    for filters in (
        {"total_min": "cheap"},
        {"placed_from": "2026-02-31"},
        {"status": "lost"},
        {"cursor": "xx"},
    ):
        assert owner.get("/dashboard/orders", filters).status_code == 200
        assert numbers(owner) == [paid.number]
    owner.get("/dashboard/orders", {"placed_from": "2026-02-31"})
    assert "Enter a valid date." in owner.text


def test_a_long_list_goes_on_and_asks_few_questions(owner, django_assert_max_num_queries):
    variant = make_variant(stock=40)
    orders = [make_order((variant, 1)) for _ in range(27)]

    with django_assert_max_num_queries(12):
        owner.get("/dashboard/orders")
    assert numbers(owner) == [order.number for order in reversed(orders[2:])]
    following = re.search(r'rel="next" href="([^"]+)"', owner.text)[1].replace("&amp;", "&")
    owner.get(f"/dashboard/orders{following}")
    assert numbers(owner) == [orders[1].number, orders[0].number]


def test_a_list_is_saved_for_all_of_the_staff_and_removed(owner, staff, paid):
    response = owner.post(
        "/dashboard/orders?status=confirmed&cursor=x&evil=1", {"action": "save-view", "name": "Pack!"}
    )

    assert response["Location"] == "/dashboard/orders?status=confirmed&done=view"
    fulfilment = staff("fulfilment")
    fulfilment.get("/dashboard/orders?status=confirmed")
    assert '<a href="?status=confirmed" dir="auto" aria-current="page">Pack!</a>' in fulfilment.text
    view = SavedView.objects.get()
    fulfilment.post("/dashboard/orders", {"action": "remove-view", "view": view.pk})
    assert not SavedView.objects.exists()
    assert owner.post("/dashboard/orders", {"action": "remove-view", "view": view.pk}).status_code == 404
    assert owner.post("/dashboard/orders", {"action": "remove-view", "view": "x"}).status_code == 404


def test_two_lists_of_one_name_and_one_too_many_are_refused(owner):
    for number in range(20):
        owner.post("/dashboard/orders?q=a", {"action": "save-view", "name": f"List {number}"})

    assert owner.post("/dashboard/orders?q=a", {"action": "save-view", "name": "List 3"}).status_code == 409
    assert "Another list has this name" in owner.text
    assert owner.post("/dashboard/orders?q=a", {"action": "save-view", "name": "One more"}).status_code == 409
    assert "20 lists can be saved" in owner.text
    assert owner.post("/dashboard/orders?q=a", {"action": "save-view", "name": " "}).status_code == 400
    assert SavedView.objects.count() == 20


def test_managers_export_what_is_asked_for_and_nobody_else(owner, staff, paid):
    make_order()
    response = owner.post("/dashboard/orders?status=confirmed", {"action": "export"})

    operation = Operation.objects.get()
    assert response["Location"] == f"/dashboard/operations/{operation.pk}"
    assert operation.params == {"status": "confirmed"}
    for role in ("fulfilment", "support"):
        browser = staff(role)
        browser.get("/dashboard/orders")
        assert "export" not in browser.text.lower()
        assert browser.post("/dashboard/orders", {"action": "export"}).status_code == 403


def test_ticked_orders_are_packed_and_shipped_together(owner, paid, stripe_local):
    other = make_order((make_variant(title="Jug"), 1))
    pay(other, stripe_local)
    ids = [paid.pk, other.pk]

    response = owner.post("/dashboard/orders", {"action": "slips", "order": ids})
    slips = owner.get(response["Location"])
    assert slips["Content-Type"] == "application/pdf"
    assert all(
        words in text_of(slips.content) for words in (f"#{paid.number}", f"#{other.number}", "Jug", "Mug")
    )
    form = {"action": "ship", "order": ids, "carrier": "DHL"}
    assert owner.post("/dashboard/orders", form).status_code == 302
    assert set(Order.objects.values_list("status", flat=True)) == {"shipped"}
    assert owner.post("/dashboard/orders", form).status_code == 409
    assert f"#{paid.number}, #{other.number}" in owner.text


def test_nothing_ticked_is_said(owner, paid):
    assert owner.post("/dashboard/orders", {"action": "slips"}).status_code == 400
    assert "Tick an order first." in owner.text
    assert (
        owner.post("/dashboard/orders", {"action": "ship", "order": paid.pk, "carrier": ""}).status_code
        == 400
    )
    assert Order.objects.get().status == "confirmed"


# One order --------------------------------------------------------------------------------------------------------


def test_an_order_says_everything_about_itself(owner, paid):
    owner.get(path(paid))

    for words in (
        "Mug",
        "Bowl",
        "€40.00",
        "€54.90",
        "Ada Lovelace",
        "Unter den Linden 1",
        paid.email,
        "Order placed",
    ):
        assert words in owner.text


def test_an_order_s_page_asks_few_questions_whatever_is_in_it(
    owner, paid, stripe_local, django_assert_max_num_queries
):
    lines = {line.product_title: line.pk for line in paid.lines.all()}
    for name in ("Mug", "Bowl"):
        ship_order(order_id=paid.pk, carrier="DHL", quantities={lines[name]: 1}, actor=SYSTEM)
        request_refund(order_id=paid.pk, amount_minor=None, units={lines[name]: 1}, reason="x", actor=SYSTEM)
        add_note(order_id=paid.pk, text="x", actor=Actor(ActorKind.SELLER, owner_of(owner.tenant).pk))

    with django_assert_max_num_queries(12):
        assert owner.get(path(paid)).status_code == 200
    with django_assert_max_num_queries(18):
        assert owner.get(path(paid, "/earnings")).status_code == 200


@pytest.mark.parametrize("more", ["", "/refund", "/earnings", "/slip", "/invoice"])
def test_an_order_of_nobody_is_not_found(owner, more):
    assert owner.get(f"/dashboard/orders/{uuid.uuid4()}{more}").status_code in (404, 409)
    assert owner.get("/dashboard/orders/number/99999999999999999999").status_code == 404


def test_an_order_is_opened_by_its_number(owner, paid):
    assert owner.get(f"/dashboard/orders/number/{paid.number}")["Location"] == path(paid)


def test_what_buyers_type_is_text(owner, stripe_local):
    order = make_order((make_variant(title=HOSTILE[:150]), 1))
    Order.objects.filter(pk=order.pk).update(shipping_address={**ADDRESS, "name": HOSTILE, "line2": HOSTILE})
    pay(order, stripe_local)
    add_note(order_id=order.pk, text=HOSTILE, actor=SYSTEM)

    for address in (
        "/dashboard/orders",
        f"/dashboard/orders?q={HOSTILE}",
        path(order),
        path(order, "/refund"),
        "/dashboard/customers",
        f"/dashboard/customers/{order.pk}",
        "/dashboard/search?q=script",
    ):
        owner.get(address)
        assert "<script>alert" not in owner.text, address
        assert "<img src=x" not in owner.text, address


def test_the_staff_s_roles_do_what_they_may(staff, paid):
    fulfilment, support = staff("fulfilment"), staff("support")

    for browser in (fulfilment, support):
        assert browser.get(path(paid)).status_code == 200
        assert "earns" not in browser.text
        assert browser.get(path(paid, "/earnings")).status_code == 403
        for action in ("capture", "void", "nonsense", ""):
            assert browser.post(path(paid), {"action": action}).status_code == 403
    assert fulfilment.get(path(paid, "/refund")).status_code == 403
    assert fulfilment.post(path(paid, "/refund"), {"action": "refund"}).status_code == 403
    assert fulfilment.post(path(paid), {"action": "cancel"}).status_code == 403
    assert support.post(path(paid), {"action": "ship", "carrier": "DHL"}).status_code == 403
    assert support.post(path(paid), {"action": "deliver"}).status_code == 403
    assert fulfilment.post(path(paid), {"action": "note", "text": "Fragile"}).status_code == 302
    assert support.get(path(paid, "/refund")).status_code == 200
    assert Order.objects.get().status == "confirmed"


def test_a_parcel_takes_what_is_in_it_and_the_last_one_ships_the_order(owner, paid):
    mug, bowl = paid.lines.order_by("position")
    form = {
        "action": "ship",
        "carrier": "DHL",
        "tracking_number": "0034",
        "tracking_url": "https://dhl.example/0034",
    }

    assert owner.post(path(paid), {**form, f"units_{mug.pk}": "1"}).status_code == 302
    owner.get(path(paid))
    assert "Partly shipped" in owner.text
    assert 'href="https://dhl.example/0034"' in owner.text
    rest = {f"units_{mug.pk}": "1", f"units_{bowl.pk}": "1"}
    owner.post(path(paid), {**form, **rest})
    paid.refresh_from_db()
    assert paid.status == "shipped"
    assert owner.post(path(paid), {"action": "deliver"}).status_code == 302
    paid.refresh_from_db()
    assert paid.status == "delivered"


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"carrier": ""}, 400, "This field is required."),
        ({"tracking_url": "javascript:alert(1)"}, 400, "Enter a valid URL."),
        ({"carrier": "D\u202eHL"}, 400, "invisible"),
        ({"mug": "0", "bowl": "0"}, 400, "at least one unit"),
        ({"mug": "-1"}, 400, "greater than or equal to 0"),
        ({"mug": "3"}, 409, "More units than are left to ship"),
    ],
)
def test_a_parcel_that_makes_no_sense_is_explained_and_nothing_is_sent(owner, paid, changes, status, said):
    mug, bowl = paid.lines.order_by("position")
    form = {"action": "ship", "carrier": "DHL", "mug": "2", "bowl": "1", **changes}
    form[f"units_{mug.pk}"], form[f"units_{bowl.pk}"] = form.pop("mug"), form.pop("bowl")

    assert owner.post(path(paid), form).status_code == status
    assert said in owner.text
    assert not paid.shipments.exists()


def test_what_somebody_else_did_meanwhile_is_said_and_nothing_is_half_done(owner, paid):
    mug, bowl = paid.lines.order_by("position")
    form = {"action": "ship", "carrier": "DHL", f"units_{mug.pk}": "2", f"units_{bowl.pk}": "1"}
    ship_order(order_id=paid.pk, carrier="UPS", quantities={bowl.pk: 1}, actor=SYSTEM)

    assert owner.post(path(paid), form).status_code == 409
    assert "More units than are left to ship" in owner.text
    mug.refresh_from_db()
    assert mug.shipped_quantity == 0
    assert owner.post(path(paid), {"action": "cancel"}).status_code == 409
    assert "part of this order has been shipped" in owner.text.lower()
    ship_order(order_id=paid.pk, carrier="UPS", actor=SYSTEM)
    assert owner.post(path(paid), form).status_code == 409
    assert "the order has moved on meanwhile" in owner.text
    assert owner.post(path(paid), {"action": "capture"}).status_code == 409
    assert "There is no authorised payment" in owner.text
    assert paid.shipments.count() == 2


def test_cancelling_gives_stock_and_money_back_with_the_reason(owner, paid):
    assert (
        owner.post(path(paid), {"action": "cancel", "cancel-reason": "Broke in the kiln"}).status_code == 302
    )

    paid.refresh_from_db()
    assert (paid.status, paid.cancelled_because) == ("cancelled", "seller")
    assert Refund.objects.get().amount_minor == 5490
    owner.get(path(paid))
    assert "Broke in the kiln" in owner.text
    assert owner.post(path(paid), {"action": "deliver"}).status_code == 409


@pytest.fixture
def authorised(serving, stripe_local) -> Order:
    """Two mugs whose money is promised, not taken."""
    Tenant.objects.filter(pk=serving.pk).update(capture_method=CaptureMethod.MANUAL)
    serving.capture_method = CaptureMethod.MANUAL
    order = make_order((make_variant(price_minor=2000), 2))
    pay(order, stripe_local)
    return order


def test_an_authorised_payment_is_captured_in_part(owner, authorised):
    owner.get(path(authorised))
    assert "Capture or let go" in owner.text

    assert owner.post(path(authorised), {"action": "capture", "amount": "50"}).status_code == 409
    assert "More than was authorised" in owner.text
    assert owner.post(path(authorised), {"action": "capture", "amount": "-1"}).status_code == 400
    assert owner.post(path(authorised), {"action": "capture", "amount": "20.00"}).status_code == 302
    assert authorised.payments.get().captured_minor == 2000
    owner.get(path(authorised))
    assert "Not charged" in owner.text


def test_an_authorised_payment_is_let_go_and_its_order_cancelled(owner, authorised):
    assert owner.post(path(authorised), {"action": "void"}).status_code == 302

    authorised.refresh_from_db()
    assert authorised.status == "cancelled"
    assert owner.post(path(authorised), {"action": "void"}).status_code == 409


def test_what_needs_attention_is_looked_at_once(owner, paid):
    Order.objects.filter(pk=paid.pk).update(needs_attention="Stripe settled this payment in USD.")
    owner.get(path(paid))
    assert "Stripe settled this payment in USD." in owner.text

    assert owner.post(path(paid), {"action": "looked-at"}).status_code == 302
    assert Order.objects.get().needs_attention == ""
    assert OrderEvent.objects.get(action="looked_at").reason == "Stripe settled this payment in USD."
    assert owner.post(path(paid), {"action": "looked-at"}).status_code == 409


# Notes ------------------------------------------------------------------------------------------------------------


def test_a_note_is_in_the_history_with_who_wrote_it(owner, paid):
    owner.post(path(paid), {"action": "note", "text": "Wants it\r\ngift-wrapped"})

    owner.get(path(paid))
    assert "Wants it\ngift-wrapped</blockquote>" in owner.text
    assert owner_of(owner.tenant).email in owner.text
    for text in ("", "   ", "x" * 2001):
        assert owner.post(path(paid), {"action": "note", "text": text}).status_code == 400
    assert OrderEvent.objects.filter(action="note").count() == 1


def test_buyers_never_see_notes(owner, paid):
    owner.post(path(paid), {"action": "note", "text": "Difficult person"})
    guest = Browser(owner.tenant)

    for address in (f"/orders/{paid.secret}", f"/api/v1/guest-orders/{paid.secret}"):
        assert guest.get(address).status_code == 200
        assert "Difficult" not in guest.text


# Refunds ----------------------------------------------------------------------------------------------------------


def refund_form(order: Order, **changes) -> dict[str, str]:
    mug, bowl = order.lines.order_by("position")
    form = {"what": "lines", "reason": "Broken", "mug": "1", "bowl": "", **changes}
    form[f"units_{mug.pk}"], form[f"units_{bowl.pk}"] = form.pop("mug"), form.pop("bowl")
    if form.pop("restock", ""):
        form[f"restock_{mug.pk}"] = "on"
    return form


def preview(browser: Browser, order: Order, **changes):
    return browser.post(path(order, "/refund"), {"action": "preview", **refund_form(order, **changes)})


def test_a_refund_by_line_gives_back_what_was_paid_for_it(owner, paid):
    mug = paid.lines.order_by("position")[0]
    stock = item_of(mug.variant).available_stock

    assert preview(owner, paid, restock="on").status_code == 200
    assert "Refund €20.00?" in owner.text
    assert not Refund.objects.exists()
    response = owner.post(path(paid, "/refund"), {"action": "refund", **kept(owner)})

    assert response["Location"] == f"{path(paid)}?done=refund"
    assert Refund.objects.get().amount_minor == 2000
    mug.refresh_from_db()
    assert (mug.credited_quantity, mug.returned_quantity) == (1, 1)
    assert item_of(mug.variant).available_stock == stock + 1


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({"with_shipping": "on"}, 2196),
        ({"what": "amount", "amount": "7.77"}, 777),
        ({"what": "all"}, 5490),
        ({"mug": "2", "bowl": "1", "with_shipping": "on"}, 5490),
    ],
)
def test_the_preview_says_what_it_comes_to(owner, paid, changes, amount):
    preview(owner, paid, **changes)

    sent = kept(owner)
    assert int(sent["expected"]) == amount
    owner.post(path(paid, "/refund"), {"action": "refund", **sent})
    assert Refund.objects.get().amount_minor == amount


def test_all_that_is_left_counts_the_pieces_and_puts_them_back(owner, paid):
    preview(owner, paid, what="all", restock="on")
    owner.post(path(paid, "/refund"), {"action": "refund", **kept(owner)})

    mug, bowl = paid.lines.order_by("position")
    assert [(line.credited_quantity, line.returned_quantity) for line in (mug, bowl)] == [(2, 2), (1, 0)]
    owner.get(path(paid, "/refund"))
    assert "There is nothing left to refund." in owner.text


def test_a_double_press_is_one_refund(owner, paid):
    preview(owner, paid)
    sent = {"action": "refund", **kept(owner)}

    assert [owner.post(path(paid, "/refund"), sent).status_code for _ in range(3)] == [302, 302, 302]
    assert Refund.objects.count() == 1
    preview(owner, paid)
    owner.post(path(paid, "/refund"), {"action": "refund", **kept(owner)})
    assert Refund.objects.count() == 2


def test_a_refund_that_comes_to_something_else_by_now_is_shown_again(owner, paid):
    preview(owner, paid, what="all")
    sent = {"action": "refund", **kept(owner)}
    request_refund(order_id=paid.pk, amount_minor=1000, reason="x", actor=SYSTEM)

    assert owner.post(path(paid, "/refund"), sent).status_code == 409
    assert "Look at the new amount" in owner.text
    assert "Refund €44.90?" in owner.text
    assert Refund.objects.count() == 1
    owner.post(path(paid, "/refund"), {"action": "refund", **kept(owner)})
    assert sum(Refund.objects.values_list("amount_minor", flat=True)) == 5490


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"mug": "0"}, 400, "Say how many pieces"),
        ({"mug": "9"}, 409, "More units than are left to refund"),
        ({"mug": "x"}, 400, "Enter a whole number."),
        ({"reason": ""}, 400, "This field is required."),
        ({"what": "amount"}, 400, "Say how much."),
        ({"what": "amount", "amount": "0"}, 400, "Say how much."),
        ({"what": "amount", "amount": "54.91"}, 409, "More than is left to refund"),
        ({"what": "everything"}, 400, "Select a valid choice"),
    ],
)
def test_a_refund_that_makes_no_sense_is_explained_and_not_made(owner, paid, changes, status, said):
    assert preview(owner, paid, **changes).status_code == status
    assert said in owner.text
    sent = {"action": "refund", "key": "k" * 20, "expected": "1", **refund_form(paid, **changes)}
    assert owner.post(path(paid, "/refund"), sent).status_code in (400, 409)
    assert not Refund.objects.exists()


def test_a_refund_without_its_preview_is_not_made(owner, paid):
    assert owner.post(path(paid, "/refund"), {"action": "refund", **refund_form(paid)}).status_code == 400
    assert not Refund.objects.exists()


def test_from_the_preview_one_goes_back_to_what_was_typed(owner, paid):
    preview(owner, paid, mug="2", reason="Cracked")
    assert owner.post(path(paid, "/refund"), {"action": "edit", **kept(owner)}).status_code == 200
    assert 'value="Cracked"' in owner.text
    assert re.search(r'name="units_\d+" value="2"', owner.text)


# Documents --------------------------------------------------------------------------------------------------------


def test_an_invoice_is_made_once_and_then_read(owner, paid):
    assert owner.get(path(paid, "/invoice")).status_code == 404
    owner.get(path(paid))
    assert "Make an invoice" in owner.text

    response = owner.post(path(paid, "/invoice"), {"action": "issue"})
    first = owner.get(response["Location"]).content
    owner.post(path(paid, "/invoice"), {"action": "issue"})

    assert OrderInvoice.objects.get().number == 1
    assert owner.get(path(paid, "/invoice")).content == first
    assert "€54.90" in text_of(first)
    owner.get(path(paid))
    assert "Invoice 1" in owner.text


def test_an_order_that_is_not_paid_has_no_invoice_and_nothing_to_pack(owner):
    order = make_order()

    assert owner.post(path(order, "/invoice"), {"action": "issue"}).status_code == 409
    assert "An invoice can be made once the money was taken." in owner.text
    assert not OrderInvoice.objects.exists()
    assert owner.get(path(order, "/slip")).status_code == 409
    cancel_order(order_id=order.pk, actor=SYSTEM)
    assert owner.get(path(order, "/slip")).status_code == 409


# Search -----------------------------------------------------------------------------------------------------------


def test_the_search_finds_orders_products_and_customers(owner, paid, django_assert_max_num_queries):
    make_order(email="mugford@example.com")

    with django_assert_max_num_queries(12):
        owner.get("/dashboard/search?q=mug")
    assert "mugford@example.com" in owner.text
    assert 'dir="auto">Mug</a>' in owner.text
    assert owner.get(f"/dashboard/search?q=%23{paid.number}")["Location"] == path(paid)
    assert owner.get("/dashboard/search?q=%00").status_code == 200
    owner.get("/dashboard/search?q=nosuchthing")
    assert "Nothing found" in owner.text
    assert owner.get("/dashboard/search").status_code == 200


def test_the_search_shows_customers_to_those_who_may_see_them(staff, paid):
    fulfilment = staff("fulfilment")

    fulfilment.get("/dashboard/search?q=lovelace")
    assert f"#{paid.number}" in fulfilment.text
    assert "found-customers" not in fulfilment.text
