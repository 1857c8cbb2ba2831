"""Connected accounts: who may receive money."""

from typing import Any

from stripe_local.call import Call
from stripe_local.errors import ApiError, missing_parameter, no_such
from stripe_local.events import emit
from stripe_local.ids import new_id, random_text
from stripe_local.listing import list_objects
from stripe_local.metadata import merge_metadata
from stripe_local.rendering import list_of
from stripe_local.shapes import NO_ADDRESS, names, no_requirements
from stripe_local.store import Document

DUE = ["business_profile.url", "external_account", "tos_acceptance.date", "tos_acceptance.ip"]
CURRENCY_OF = {
    "US": "usd",
    "GB": "gbp",
    "CH": "chf",
    "JP": "jpy",
    "CA": "cad",
    "AU": "aud",
    "SE": "sek",
    "PL": "pln",
}
LINK_SECONDS = 300


def create(call: Call) -> Document:
    """POST /v1/accounts"""
    call.platform_only()
    call.refuse("account_token", "documents", "groups", "external_account")
    account_id = new_id("acct")
    country = call.params.get("country", "US")
    currency = call.params.get("default_currency") or CURRENCY_OF.get(country, "eur")
    account: Document = {
        "id": account_id,
        "object": "account",
        "business_profile": business_profile(),
        "business_type": None,
        "capabilities": {},
        "charges_enabled": False,
        "controller": call.params.get("controller") or {"type": "application", "is_controller": True},
        "country": country,
        "created": call.now,
        "default_currency": currency,
        "details_submitted": False,
        "email": None,
        "external_accounts": list_of([], f"/v1/accounts/{account_id}/external_accounts"),
        "future_requirements": no_requirements(),
        "metadata": {},
        "payouts_enabled": False,
        "requirements": requirements(DUE, "requirements.past_due"),
        "settings": settings_of_account(),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": call.params.get("type", "none" if "controller" in call.params else "standard"),
    }
    apply(account, call)
    return call.store.insert(account)


def requirements(due: list[str], reason: str | None) -> Document:
    """What Stripe still wants to know."""
    return {
        **no_requirements(),
        "currently_due": due,
        "eventually_due": due,
        "past_due": due,
        "disabled_reason": reason,
    }


def business_profile() -> Document:
    """An empty profile."""
    unknown = (
        "estimated_worker_count mcc minority_owned_business_designation name product_description support_email"
        " support_phone support_url url"
    )
    revenue = {"amount": None, "currency": None, "fiscal_year_end": None}
    return {"annual_revenue": revenue, "support_address": dict(NO_ADDRESS), **names(unknown)}


def settings_of_account() -> Document:
    """An express account's settings before anybody changed them."""
    prefixes = (
        "statement_descriptor_prefix statement_descriptor_prefix_kana statement_descriptor_prefix_kanji"
    )
    payments = (
        "statement_descriptor statement_descriptor_kana statement_descriptor_kanji statement_descriptor_prefix_kana"
        " statement_descriptor_prefix_kanji"
    )
    return {
        "bacs_debit_payments": names("display_name service_user_number"),
        "branding": names("icon logo primary_color secondary_color"),
        "card_issuing": {"tos_acceptance": names("date ip")},
        "card_payments": {"decline_on": {"avs_failure": False, "cvc_failure": False}, **names(prefixes)},
        "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
        "invoices": names("default_account_tax_ids hosted_payment_method_save"),
        "payments": names(payments),
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }


def apply(account: Document, call: Call) -> None:
    """Take over what the request says of an account."""
    params = call.params
    account["metadata"] = merge_metadata(account["metadata"], params.get("metadata"))
    for name in ("email", "business_type", "default_currency"):
        account[name] = params.get(name, account.get(name))
    for name in ("business_profile", "settings", "tos_acceptance", "company", "individual"):
        if name in params:
            account[name] = merged(account.get(name) or {}, params[name])
    for name, wanted in (params.get("capabilities") or {}).items():
        request_capability(account, name, wanted.get("requested"))


def merged(current: Document, sent: Document) -> Document:
    """`current` with nested values of `sent` on top."""
    result = dict(current)
    for name, value in sent.items():
        is_nested = isinstance(value, dict) and isinstance(current.get(name), dict)
        result[name] = merged(current[name], value) if is_nested else value
    return result


def request_capability(account: Document, name: str, is_requested: bool | None) -> None:
    """A capability starts inactive and is active once the account is verified."""
    if is_requested:
        account["capabilities"].setdefault(name, "active" if account["payouts_enabled"] else "inactive")
    elif is_requested is False:
        account["capabilities"].pop(name, None)


def load(call: Call, account_id: str) -> Document:
    """The account, or Stripe's answer to one that is not ours (any more)."""
    account = call.store.get("account", account_id)
    if account is None or account.get("_deauthorized"):
        raise no_access(account_id)
    return account


def no_access(account_id: str) -> ApiError:
    """Somebody else's account, or none."""
    return ApiError(
        f"The provided key does not have access to account '{account_id}' (or that account does not exist)."
        " Application access may have been revoked.",
        status=403,
        code="account_invalid",
        is_stored=False,
    )


def retrieve(call: Call) -> Document:
    """GET /v1/accounts/{id}"""
    return load(call, call.path[0])


def retrieve_own(call: Call) -> Document:
    """GET /v1/account, the Stripe-Account's own"""
    if not call.account:
        return {"id": "acct_platform", "object": "account", "type": "standard", "metadata": {}}
    return load(call, call.account)


def list_all(call: Call) -> Document:
    """GET /v1/accounts"""
    return list_objects(call, "account", "/v1/accounts")


def update(call: Call) -> Document:
    """POST /v1/accounts/{id}. Emits account.updated."""
    call.refuse("account_token", "documents", "groups", "external_account")
    account = load(call, call.path[0])
    before = {name: account.get(name) for name in call.params if name != "expand"}
    apply(account, call)
    call.store.save(account)
    emit(call, "account.updated", account, previous=before, account=account["id"])
    return account


def create_link(call: Call) -> Document:
    """POST /v1/account_links: the address of the onboarding page, good for five minutes."""
    account = load(call, call.params["account"])
    for name in ("refresh_url", "return_url"):
        if not call.params.get(name):
            raise missing_parameter(name)
    token = random_text(12)
    expires_at = call.now + LINK_SECONDS
    links = {name: call.params[name] for name in ("refresh_url", "return_url")}
    account["_link"] = {"token": token, "expires_at": expires_at, **links}
    call.store.save(account)
    url = f"{call.settings.public_url}/connect/onboarding/{account['id']}?link={token}"
    return {"object": "account_link", "created": call.now, "expires_at": expires_at, "url": url}


def create_login_link(call: Call) -> Document:
    """POST /v1/accounts/{id}/login_links"""
    account = load(call, call.path[0])
    url = f"{call.settings.public_url}/connect/onboarding/{account['id']}"
    return {"object": "login_link", "created": call.now, "url": url}


def capability_of(account: Document, name: str, now: int) -> Document:
    """A capability as an object of its own."""
    is_active = account["capabilities"][name] == "active"
    return {
        "id": name,
        "object": "capability",
        "account": account["id"],
        "future_requirements": no_requirements(),
        "requested": True,
        "requested_at": account["created"],
        "requirements": no_requirements() if is_active else account["requirements"],
        "status": account["capabilities"][name],
    }


def list_capabilities(call: Call) -> Document:
    """GET /v1/accounts/{id}/capabilities"""
    account = load(call, call.path[0])
    capabilities = [capability_of(account, name, call.now) for name in account["capabilities"]]
    return list_of(capabilities, f"/v1/accounts/{account['id']}/capabilities")


def retrieve_capability(call: Call) -> Document:
    """GET /v1/accounts/{id}/capabilities/{name}"""
    account = load(call, call.path[0])
    if call.path[1] not in account["capabilities"]:
        raise no_such("capability", call.path[1])
    return capability_of(account, call.path[1], call.now)


def verify(call: Call, account: Document) -> Document:
    """Onboarding is complete. Emits account.updated and, per capability, capability.updated."""
    changes: dict[str, Any] = {
        "details_submitted": True,
        "charges_enabled": True,
        "payouts_enabled": True,
        "requirements": no_requirements(),
        "tos_acceptance": {**account["tos_acceptance"], "date": call.now},
    }
    if not account["external_accounts"]["data"]:
        bank = bank_account(account)
        changes["external_accounts"] = {**account["external_accounts"], "data": [bank]}
    return change(call, account, changes, capability="active")


def restrict(call: Call, account: Document, *, reason: str = "requirements.past_due") -> Document:
    """Stripe wants more, and stops payouts until it has it. Emits as `verify` does."""
    changes = {
        "charges_enabled": False,
        "payouts_enabled": False,
        "requirements": requirements(DUE[:1], reason),
    }
    return change(call, account, changes, capability="inactive")


def change(call: Call, account: Document, changes: Document, *, capability: str) -> Document:
    """Change an account and all its capabilities, and tell."""
    before = {name: account[name] for name in changes}
    moved = [name for name, status in account["capabilities"].items() if status != capability]
    if moved:
        before["capabilities"] = dict(account["capabilities"])
    account |= {**changes, "capabilities": dict.fromkeys(account["capabilities"], capability)}
    call.store.save(account)
    emit(call, "account.updated", account, previous=before, account=account["id"])
    for name in moved:
        emit(call, "capability.updated", capability_of(account, name, call.now), account=account["id"])
    return account


def bank_account(account: Document) -> Document:
    """A bank account for the payouts."""
    return {
        "id": new_id("ba"),
        "object": "bank_account",
        "account": account["id"],
        "bank_name": "STRIPE TEST BANK",
        "country": account["country"],
        "currency": account["default_currency"],
        "default_for_currency": True,
        "last4": "6789",
        "metadata": {},
        "status": "new",
    }


def deauthorize(call: Call, account: Document) -> Document:
    """The seller disconnects. Emits account.application.deauthorized."""
    application = {"id": "ca_local", "object": "application", "name": "local"}
    emit(call, "account.application.deauthorized", application, account=account["id"])
    account["_deauthorized"] = True
    return call.store.save(account)


def delete(call: Call) -> Document:
    """DELETE /v1/accounts/{id}"""
    account = load(call, call.path[0])
    account["_deauthorized"] = True
    call.store.save(account)
    return {"id": account["id"], "object": "account", "deleted": True}
