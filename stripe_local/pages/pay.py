"""The hosted payment page of a checkout session, and the bank's question that some cards ask."""

from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from stripe_local import sweep
from stripe_local.call import Call, World
from stripe_local.cards import card_by_number
from stripe_local.currencies import money
from stripe_local.errors import ApiError
from stripe_local.pages.layout import notice, page
from stripe_local.resources import checkout, payment_flow, payment_methods
from stripe_local.store import Document

TEST_CARDS = (
    ("4242 4242 4242 4242", "Payment succeeds"),
    ("4000 0025 0000 3155", "Asks for 3-D Secure"),
    ("4000 0000 0000 9995", "Declined, insufficient funds"),
    ("4000 0000 0000 0002", "Declined"),
)
UNKNOWN_CARD = "This is not one of the test cards below."


def find_session(request: Request) -> tuple[Call, Document] | None:
    """The session of the address, in whichever account it is."""
    world: World = request.app.state.world
    sweep.run(world)
    session = world.store.get_any(request.path_params["session_id"])
    if session is None or session["object"] != "checkout.session":
        return None
    return Call(world, account=world.store.account_of(session["id"])), session


def not_open(session: Document) -> Response | None:
    """The page of a session on which nothing can be paid any more."""
    if session["status"] == "expired":
        text = "This payment page has expired. Nothing was charged."
        return HTMLResponse(notice("Page expired", text, session["cancel_url"]), status_code=410)
    if session["status"] == "complete":
        text = "This has already been paid. You will not be charged again."
        return HTMLResponse(notice("Already paid", text, return_address(session)), status_code=409)
    return None


def return_address(session: Document) -> str:
    """Where a buyer who paid goes."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


async def show(request: Request) -> Response:
    """GET /pay/{session_id}"""
    found = find_session(request)
    if found is None:
        return HTMLResponse(notice("Not found", "There is no such payment page."), status_code=404)
    _call, session = found
    return not_open(session) or HTMLResponse(payment_form(session))


async def pay(request: Request) -> Response:
    """POST /pay/{session_id} with `card_number`: pay, or show why not."""
    form = await request.form()
    found = find_session(request)
    if found is None:
        return HTMLResponse(notice("Not found", "There is no such payment page."), status_code=404)
    call, session = found
    closed = not_open(session)
    if closed is not None:
        return closed
    email = str(form.get("email") or "") or session["customer_email"]
    card = card_by_number(str(form.get("card_number") or ""))
    if card is None and session["amount_total"]:
        return HTMLResponse(payment_form(session, problem=UNKNOWN_CARD), status_code=402)
    with call.store.transaction():
        try:
            status = try_card(call, session, card, email) if card and session["amount_total"] else "succeeded"
        except ApiError as refusal:
            return HTMLResponse(payment_form(session, problem=str(refusal)), status_code=402)
        if status != "requires_action":
            checkout.complete(call, session, email=email)
    if status == "requires_action":
        return RedirectResponse(f"/pay/{session['id']}/3ds", status_code=303)
    return RedirectResponse(return_address(session), status_code=303)


def try_card(call: Call, session: Document, card: Any, email: str | None) -> str:
    """Try a card on the session's intent; returns the intent's status, raises when it is declined."""
    intent = checkout.start_payment(call, session)
    method = payment_methods.create_card(call, card, email=email)
    return str(payment_flow.confirm(call, intent, method=method, card=card)["status"])


def payment_form(session: Document, *, problem: str | None = None) -> str:
    """The page with the amount, the lines and the card field."""
    total = money(session["amount_total"], session["currency"])
    rows = "".join(
        f"<tr><td>{escape(str(line['description']))} &times; {line['quantity']}</td>"
        f"<td>{money(line['amount_total'], line['currency'])}</td></tr>"
        for line in session["_line_items"]
    )
    cards = "".join(
        f"<tr><td><code>{number}</code></td><td>{meaning}</td></tr>" for number, meaning in TEST_CARDS
    )
    alert = f'<p class="bad" role="alert">{escape(problem)}</p>' if problem else ""
    cancel = session["cancel_url"]
    back = f'<p><a href="{escape(cancel)}">Cancel and go back</a></p>' if cancel else ""
    return page(
        f"Pay {total}",
        f'<h1>Your order</h1><p class="total">{total}</p><div class="card"><table>{rows}</table></div>'
        f'<form class="card" method="post" action="/pay/{session["id"]}">{alert}{fields(session)}'
        f'<button type="submit">Pay {total}</button></form>'
        f'<div class="card"><strong>Test cards</strong><table>{cards}</table>'
        f'<p class="hint">Any date in the future, any three digits.</p></div>{back}',
    )


def fields(session: Document) -> str:
    """The form's fields."""
    email = escape(session["customer_email"] or "")
    return (
        '<label for="email">Email</label>'
        f'<input id="email" name="email" type="email" autocomplete="email" value="{email}">'
        '<label for="card_number">Card number</label><input id="card_number" name="card_number" inputmode="numeric"'
        ' autocomplete="cc-number" placeholder="4242 4242 4242 4242" required>'
        '<div class="row"><div><label for="expiry">Expiry</label><input id="expiry" name="expiry" placeholder="12 / 40"'
        ' autocomplete="cc-exp"></div><div><label for="cvc">CVC</label><input id="cvc" name="cvc" inputmode="numeric"'
        ' placeholder="123" autocomplete="cc-csc"></div></div>'
    )


def question(action: str, amount: str) -> str:
    """The bank's page."""
    return page(
        "Authenticate",
        f'<h1>Your bank asks</h1><div class="card"><p>Do you approve a payment of <strong>{amount}</strong>?</p>'
        f'<form method="post" action="{escape(action)}">'
        '<button name="outcome" value="authenticate">Authenticate</button>'
        '<button class="second" name="outcome" value="fail">Fail</button></form></div>',
    )


async def ask(request: Request) -> Response:
    """GET /pay/{session_id}/3ds"""
    found = find_session(request)
    if found is None:
        return HTMLResponse(notice("Not found", "There is no such payment page."), status_code=404)
    _, session = found
    amount = money(session["amount_total"], session["currency"])
    return not_open(session) or HTMLResponse(question(f"/pay/{session['id']}/3ds", amount))


async def answer(request: Request) -> Response:
    """POST /pay/{session_id}/3ds with `outcome=authenticate|fail`"""
    form = await request.form()
    found = find_session(request)
    if found is None:
        return HTMLResponse(notice("Not found", "There is no such payment page."), status_code=404)
    call, session = found
    closed = not_open(session)
    if closed is not None:
        return closed
    if session["payment_intent"] is None:
        return RedirectResponse(f"/pay/{session['id']}", status_code=303)
    with call.store.transaction():
        intent = call.load("payment_intent", session["payment_intent"])
        try:
            payment_flow.authenticate(call, intent, succeeds=form.get("outcome") == "authenticate")
        except ApiError as refusal:
            return HTMLResponse(payment_form(session, problem=str(refusal)), status_code=402)
        checkout.complete(call, session)
    return RedirectResponse(return_address(session), status_code=303)


def find_intent(request: Request) -> tuple[Call, Document] | None:
    """The payment intent of the address, made without a checkout page."""
    world: World = request.app.state.world
    intent = world.store.get_any(request.path_params["intent_id"])
    if intent is None or intent["object"] != "payment_intent" or intent.get("_session"):
        return None
    return Call(world, account=world.store.account_of(intent["id"])), intent


async def ask_intent(request: Request) -> Response:
    """GET /3ds/{intent_id}"""
    found = find_intent(request)
    if found is None:
        return HTMLResponse(notice("Not found", "There is no such payment."), status_code=404)
    intent = found[1]
    return HTMLResponse(question(f"/3ds/{intent['id']}", money(intent["amount"], intent["currency"])))


async def answer_intent(request: Request) -> Response:
    """POST /3ds/{intent_id} with `outcome=authenticate|fail`, then back to the intent's return_url"""
    form = await request.form()
    found = find_intent(request)
    if found is None:
        return HTMLResponse(notice("Not found", "There is no such payment."), status_code=404)
    call, intent = found
    back = ((intent["next_action"] or {}).get("redirect_to_url") or {}).get("return_url")
    text = "The payment was authenticated."
    with call.store.transaction():
        try:
            payment_flow.authenticate(call, intent, succeeds=form.get("outcome") == "authenticate")
        except ApiError as refusal:
            text = str(refusal)
    if back:
        return RedirectResponse(back, status_code=303)
    return HTMLResponse(notice("Done", text))
