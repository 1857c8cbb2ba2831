"""The page on which a seller becomes able to receive money."""

from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from stripe_local.call import Call, World
from stripe_local.pages.layout import notice, page
from stripe_local.resources import accounts
from stripe_local.store import Document


def find_account(request: Request) -> tuple[Call, Document] | None:
    """The account of the address."""
    world: World = request.app.state.world
    account = world.store.get("account", request.path_params["account_id"])
    return (Call(world), account) if account and not account.get("_deauthorized") else None


def expired_link(call: Call, account: Document, token: Any) -> str | None:
    """Where somebody goes who comes with an old link, or None when the link is good or there is none."""
    link = account.get("_link")
    if not token or not link:
        return None
    is_good = token == link["token"] and link["expires_at"] > call.now
    return None if is_good else str(link["refresh_url"])


async def show(request: Request) -> Response:
    """GET /connect/onboarding/{account_id}"""
    found = find_account(request)
    if found is None:
        return HTMLResponse(notice("Not found", "There is no such account."), status_code=404)
    call, account = found
    refresh_url = expired_link(call, account, request.query_params.get("link"))
    return RedirectResponse(refresh_url, status_code=303) if refresh_url else HTMLResponse(form(account))


async def complete(request: Request) -> Response:
    """POST /connect/onboarding/{account_id}: verify the account, then return_url"""
    found = find_account(request)
    if found is None:
        return HTMLResponse(notice("Not found", "There is no such account."), status_code=404)
    call, account = found
    with call.store.transaction():
        accounts.verify(call, account)
    link = account.get("_link")
    if link:
        return RedirectResponse(link["return_url"], status_code=303)
    return HTMLResponse(form(account))


def form(account: Document) -> str:
    """The page."""
    is_ready = account["payouts_enabled"]
    state = '<p class="good">Verified: payouts are enabled.</p>' if is_ready else "<p>Not verified yet.</p>"
    email = escape(account["email"] or "")
    return page(
        "Get paid",
        f'<h1>Get paid</h1><div class="card"><p>{email}<br><code>{account["id"]}</code></p>{state}'
        '<p class="hint">Stripe would ask for your identity and bank account here. In test mode one press is enough.</p>'
        f'<form method="post" action="/connect/onboarding/{account["id"]}">'
        '<button type="submit">Complete verification</button></form></div>',
    )
