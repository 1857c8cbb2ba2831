"""Which handler answers which request, and which of the SDK's parameter types it takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stripe_local.call import Call
from stripe_local.resources import (
    accounts,
    charges,
    checkout,
    disputes,
    event_log,
    funds,
    payment_intents,
    payment_methods,
    payouts,
    refunds,
    reversals,
    transfers,
)

Handler = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: a method, a path whose `*` parts are ids, a handler and the name of its parameters."""

    method: str
    path: str
    handler: Handler
    params: str


ROUTES = (
    Route("POST", "/v1/accounts", accounts.create, "AccountCreateParams"),
    Route("GET", "/v1/accounts", accounts.list_all, "AccountListParams"),
    Route("GET", "/v1/account", accounts.retrieve_own, "AccountRetrieveCurrentParams"),
    Route("GET", "/v1/accounts/*", accounts.retrieve, "AccountRetrieveParams"),
    Route("POST", "/v1/accounts/*", accounts.update, "AccountUpdateParams"),
    Route("DELETE", "/v1/accounts/*", accounts.delete, "AccountDeleteParams"),
    Route("GET", "/v1/accounts/*/capabilities", accounts.list_capabilities, "AccountCapabilityListParams"),
    Route(
        "GET",
        "/v1/accounts/*/capabilities/*",
        accounts.retrieve_capability,
        "AccountCapabilityRetrieveParams",
    ),
    Route("POST", "/v1/accounts/*/login_links", accounts.create_login_link, "AccountLoginLinkCreateParams"),
    Route("POST", "/v1/account_links", accounts.create_link, "AccountLinkCreateParams"),
    Route("POST", "/v1/payment_methods", payment_methods.create, "PaymentMethodCreateParams"),
    Route("GET", "/v1/payment_methods/*", payment_methods.retrieve, "PaymentMethodRetrieveParams"),
    Route("POST", "/v1/payment_intents", payment_intents.create, "PaymentIntentCreateParams"),
    Route("GET", "/v1/payment_intents", payment_intents.list_all, "PaymentIntentListParams"),
    Route("GET", "/v1/payment_intents/*", payment_intents.retrieve, "PaymentIntentRetrieveParams"),
    Route("POST", "/v1/payment_intents/*", payment_intents.update, "PaymentIntentUpdateParams"),
    Route("POST", "/v1/payment_intents/*/confirm", payment_intents.confirm, "PaymentIntentConfirmParams"),
    Route("POST", "/v1/payment_intents/*/capture", payment_intents.capture, "PaymentIntentCaptureParams"),
    Route("POST", "/v1/payment_intents/*/cancel", payment_intents.cancel, "PaymentIntentCancelParams"),
    Route("POST", "/v1/checkout/sessions", checkout.create, "checkout.SessionCreateParams"),
    Route("GET", "/v1/checkout/sessions", checkout.list_all, "checkout.SessionListParams"),
    Route("GET", "/v1/checkout/sessions/*", checkout.retrieve, "checkout.SessionRetrieveParams"),
    Route("POST", "/v1/checkout/sessions/*", checkout.update, "checkout.SessionUpdateParams"),
    Route("POST", "/v1/checkout/sessions/*/expire", checkout.expire, "checkout.SessionExpireParams"),
    Route(
        "GET", "/v1/checkout/sessions/*/line_items", checkout.line_items, "checkout.SessionLineItemListParams"
    ),
    Route("GET", "/v1/charges", charges.list_all, "ChargeListParams"),
    Route("GET", "/v1/charges/*", charges.retrieve, "ChargeRetrieveParams"),
    Route("POST", "/v1/charges/*", charges.update, "ChargeUpdateParams"),
    Route("GET", "/v1/charges/*/refunds", refunds.list_of_charge, "ChargeListRefundsParams"),
    Route("GET", "/v1/charges/*/refunds/*", refunds.retrieve, "ChargeRetrieveRefundParams"),
    Route("POST", "/v1/refunds", refunds.create, "RefundCreateParams"),
    Route("GET", "/v1/refunds", refunds.list_all, "RefundListParams"),
    Route("GET", "/v1/refunds/*", refunds.retrieve, "RefundRetrieveParams"),
    Route("POST", "/v1/refunds/*", refunds.update, "RefundUpdateParams"),
    Route("GET", "/v1/disputes", disputes.list_all, "DisputeListParams"),
    Route("GET", "/v1/disputes/*", disputes.retrieve, "DisputeRetrieveParams"),
    Route("POST", "/v1/disputes/*", disputes.update, "DisputeUpdateParams"),
    Route("POST", "/v1/disputes/*/close", disputes.close, "DisputeCloseParams"),
    Route("POST", "/v1/transfers", transfers.create, "TransferCreateParams"),
    Route("GET", "/v1/transfers", transfers.list_all, "TransferListParams"),
    Route("GET", "/v1/transfers/*", transfers.retrieve, "TransferRetrieveParams"),
    Route("POST", "/v1/transfers/*", transfers.update, "TransferUpdateParams"),
    Route("POST", "/v1/transfers/*/reversals", reversals.create, "TransferReversalCreateParams"),
    Route("GET", "/v1/transfers/*/reversals", reversals.list_all, "TransferReversalListParams"),
    Route("GET", "/v1/transfers/*/reversals/*", reversals.retrieve, "TransferReversalRetrieveParams"),
    Route("POST", "/v1/transfers/*/reversals/*", reversals.update, "TransferReversalUpdateParams"),
    Route("POST", "/v1/payouts", payouts.create, "PayoutCreateParams"),
    Route("GET", "/v1/payouts", payouts.list_all, "PayoutListParams"),
    Route("GET", "/v1/payouts/*", payouts.retrieve, "PayoutRetrieveParams"),
    Route("GET", "/v1/balance", funds.retrieve_balance, "BalanceRetrieveParams"),
    Route("GET", "/v1/balance_transactions", funds.list_transactions, "BalanceTransactionListParams"),
    Route(
        "GET", "/v1/balance_transactions/*", funds.retrieve_transaction, "BalanceTransactionRetrieveParams"
    ),
    Route("GET", "/v1/events", event_log.list_all, "EventListParams"),
    Route("GET", "/v1/events/*", event_log.retrieve, "EventRetrieveParams"),
)


def parts_of(path: str) -> tuple[str, ...]:
    """The path between its slashes."""
    return tuple(path.strip("/").split("/"))


TABLE: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
for _route in ROUTES:
    _parts = parts_of(_route.path)
    TABLE.setdefault((_route.method, len(_parts)), []).append((_parts, _route))


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route of a request and the ids in its path."""
    parts = parts_of(path)
    for pattern, route in TABLE.get((method, len(parts)), ()):
        if all(part == expected or expected == "*" for part, expected in zip(parts, pattern, strict=True)):
            return route, tuple(
                part for part, expected in zip(parts, pattern, strict=True) if expected == "*"
            )
    return None
