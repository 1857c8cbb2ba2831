"""The control routes: a caller on this machine moves the clock, breaks things and plays bank.

Every route takes and answers JSON; a refusal is `{"error": "..."}` with status 400 or 404.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stripe_local import ledger, seeds, sweep
from stripe_local.api import Api
from stripe_local.call import Call, World
from stripe_local.errors import ApiError, no_such
from stripe_local.rendering import public
from stripe_local.resources import accounts, disputes, payouts, refunds
from stripe_local.store import Document
from stripe_local.webhooks import MODES, Sender, body_of, sign

Handler = Callable[["Desk", dict[str, Any], dict[str, str]], Any]


class Desk:
    """What the control routes work on."""

    def __init__(self, world: World, api: Api, sender: Sender) -> None:
        self.world = world
        self.api = api
        self.sender = sender

    def call_for(self, kind: str, object_id: str) -> tuple[Call, Document]:
        """The object of that id and a call in its account."""
        document = self.world.store.get_any(object_id)
        if document is None or document["object"] != kind:
            raise no_such(kind, object_id)
        return Call(self.world, account=self.world.store.account_of(object_id)), document


def is_local(request: Request) -> bool:
    """Whether the caller is on this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def as_json(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def endpoint(desk: Desk, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A route's function: reads JSON, runs the handler in a transaction, writes JSON."""

    async def run(request: Request) -> Response:
        if not is_local(request):
            return as_json({"error": "only on this machine"}, 403)
        try:
            raw = await request.body()
            facts = orjson.loads(raw) if raw else {}
            sweep.run(desk.world)
            with desk.world.store.transaction():
                answer = handler(desk, facts, {**request.query_params, **request.path_params})
            sweep.run(desk.world)
            return as_json(answer)
        except ApiError as refusal:
            return as_json({"error": str(refusal)}, refusal.status)
        except (TypeError, ValueError, KeyError) as problem:
            return as_json({"error": str(problem)}, 400)

    return run


def routes(desk: Desk) -> list[Route]:
    """All control routes."""

    async def deliver(request: Request) -> Response:
        if not is_local(request):
            return as_json({"error": "only on this machine"}, 403)
        raw = await request.body()
        facts = orjson.loads(raw) if raw else {}
        return as_json(await desk.sender.deliver_all(order=facts.get("order", "created")))

    async def reset(request: Request) -> Response:
        if not is_local(request):
            return as_json({"error": "only on this machine"}, 403)
        desk.world.store.clear()
        desk.world.clock.offset = desk.world.clock.latest = 0
        desk.api.faults.waiting.clear()
        desk.sender.mode = "normal"
        return as_json({})

    posts: dict[str, Handler] = {
        "/clock": clock,
        "/faults": faults,
        "/webhooks": webhooks,
        "/sign": signed,
        "/accounts/{id}/verify": verify_account,
        "/accounts/{id}/restrict": restrict_account,
        "/accounts/{id}/deauthorize": deauthorize_account,
        "/refunds/{id}/fail": fail_refund,
        "/disputes": open_dispute,
        "/disputes/{id}/close": close_dispute,
        "/disputes/{id}/escalate": escalate_dispute,
        "/payouts": create_payout,
        "/payouts/{id}/paid": payout_paid,
        "/payouts/{id}/failed": payout_failed,
        "/funds": add_funds,
        "/seed": add_seed,
    }
    gets: dict[str, Handler] = {"/state": state, "/events": events}
    return [
        Route("/_control/webhooks/deliver", deliver, methods=["POST"]),
        Route("/_control/reset", reset, methods=["POST"]),
        *(
            Route(f"/_control{path}", endpoint(desk, handler), methods=["POST"])
            for path, handler in posts.items()
        ),
        *(
            Route(f"/_control{path}", endpoint(desk, handler), methods=["GET"])
            for path, handler in gets.items()
        ),
    ]


def clock(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/clock {"advance_seconds": n} -> {"now": ...}"""
    seconds = float(facts.get("advance_seconds", 0))
    if seconds < 0:
        raise ValueError("time does not run backwards")
    desk.world.clock.advance(seconds)
    desk.world.store.set_fact("clock_offset", str(desk.world.clock.offset))
    return {"now": desk.world.clock.now()}


def faults(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/faults {"match": "POST /v1/refunds", "kind": ..., "times": 1, "seconds": 1} or {"clear": true}"""
    if facts.pop("clear", False):
        desk.api.faults.waiting.clear()
    if facts:
        desk.api.faults.add(facts)
    return {"waiting": waiting_faults(desk)}


def waiting_faults(desk: Desk) -> list[dict[str, Any]]:
    """The faults that are still to happen."""
    return [{"match": each.match, "kind": each.kind, "times": each.times} for each in desk.api.faults.waiting]


def webhooks(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/webhooks {"mode": "normal"|"pause"|"duplicate"|"reorder", "copies": 2}"""
    mode, copies = facts.get("mode", desk.sender.mode), int(facts.get("copies", desk.sender.copies))
    if mode not in MODES or copies < 1:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, copies at least 1")
    desk.sender.mode, desk.sender.copies = mode, copies
    return {"mode": mode, "copies": copies}


def signed(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/sign {"event": id, "secret": ...} -> {"body": text, "signature": header}"""
    event = desk.call_for("event", facts["event"])[1]
    body = body_of(event)
    return {"body": body.decode(), "signature": sign(body, facts["secret"])}


def verify_account(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/accounts/{id}/verify, what the onboarding page does"""
    call, account = desk.call_for("account", path["id"])
    return public(accounts.verify(call, account), call.now)


def restrict_account(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/accounts/{id}/restrict {"reason": "requirements.past_due"}"""
    call, account = desk.call_for("account", path["id"])
    return public(accounts.restrict(call, account, **facts), call.now)


def deauthorize_account(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/accounts/{id}/deauthorize"""
    call, account = desk.call_for("account", path["id"])
    return public(accounts.deauthorize(call, account), call.now)


def fail_refund(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/refunds/{id}/fail {"reason": "lost_or_stolen_card"}"""
    call, refund = desk.call_for("refund", path["id"])
    return public(refunds.fail_refund(call, refund, **facts), call.now)


def open_dispute(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/disputes {"charge": id or "payment_intent": id, "amount": n, "reason": ..., "fee": 1500,
    "inquiry": false}"""
    if "payment_intent" in facts:
        _, intent = desk.call_for("payment_intent", facts.pop("payment_intent"))
        facts["charge"] = intent["latest_charge"] or ""
    call, charge = desk.call_for("charge", facts.pop("charge"))
    return public(disputes.open_dispute(call, charge, **facts), call.now)


def close_dispute(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/disputes/{id}/close {"outcome": "won"|"lost"|"warning_closed", "return_fee": false}"""
    call, dispute = desk.call_for("dispute", path["id"])
    outcome = facts.get("outcome")
    if outcome not in ("won", "lost", "warning_closed"):
        raise ValueError("outcome must be won, lost or warning_closed")
    if outcome == "warning_closed":
        return public(disputes.drop(call, dispute), call.now)
    returns_fee = bool(facts.get("return_fee"))
    return public(disputes.decide(call, dispute, is_won=outcome == "won", returns_fee=returns_fee), call.now)


def escalate_dispute(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/disputes/{id}/escalate {"fee": 1500}: an inquiry becomes a dispute"""
    call, dispute = desk.call_for("dispute", path["id"])
    return public(disputes.escalate(call, dispute, **facts), call.now)


def create_payout(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/payouts {"account": id or "", "currency": "eur", "amount": n}; without amount all available"""
    account = facts.get("account", "")
    call = Call(desk.world, account=account)
    currency = facts.get("currency") or first_currency(call, account)
    return public(payouts.pay_out(call, currency=currency, amount=facts.get("amount")), call.now)


def first_currency(call: Call, account: str) -> str:
    """A currency of which the account has something available."""
    return next(
        (currency for currency, available, _ in ledger.all_funds(call, account) if available > 0), "usd"
    )


def payout_paid(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/payouts/{id}/paid"""
    call, payout = desk.call_for("payout", path["id"])
    return public(payouts.mark_paid(call, payout), call.now)


def payout_failed(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/payouts/{id}/failed {"code": "account_closed"}"""
    call, payout = desk.call_for("payout", path["id"])
    return public(payouts.mark_failed(call, payout, **facts), call.now)


def add_funds(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/funds {"amount": n, "currency": "eur"}: an available top-up of the platform's balance"""
    call = Call(desk.world)
    transaction = ledger.post(
        call,
        kind="topup",
        amount=int(facts["amount"]),
        currency=facts["currency"],
        source=f"tu_local_{call.now}",
    )
    return public(transaction, call.now)


def add_seed(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """POST /_control/seed {"charges": n, "currency": "eur", "amount": 1000, "fee": 59, "days": 30, "prefix": "seed"}"""
    return seeds.sow(Call(desk.world), **facts)


def events(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """GET /_control/events?since=evt_...: every account's events, oldest first, after that one"""
    db = desk.world.store.db
    row = db.execute("SELECT seq FROM objects WHERE id = ?", (path.get("since", ""),)).fetchone()
    rows = db.execute("SELECT body FROM objects WHERE kind = 'event' AND seq > ? ORDER BY seq", row or (0,))
    return {"data": [orjson.loads(body) for (body,) in rows.fetchall()]}


def state(desk: Desk, facts: dict[str, Any], path: dict[str, str]) -> Any:
    """GET /_control/state: counts, the clock, balances, what is in line and what is ordered to fail"""
    db = desk.world.store.db
    ledger.settle(Call(desk.world))
    balances = db.execute("SELECT account, currency, available, pending FROM balances").fetchall()
    return {
        "now": desk.world.clock.now(),
        "clock_offset": desk.world.clock.offset,
        "objects": desk.world.store.counts(),
        "idempotency_keys": db.execute("SELECT count(*) FROM idempotency").fetchone()[0],
        "webhooks": {
            "mode": desk.sender.mode,
            "copies": desk.sender.copies,
            "queued": db.execute("SELECT count(*) FROM deliveries WHERE NOT is_given_up").fetchone()[0],
        },
        "faults": waiting_faults(desk),
        "balances": [
            dict(zip(("account", "currency", "available", "pending"), row, strict=True)) for row in balances
        ],
    }
