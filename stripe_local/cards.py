"""The test cards and what happens when they are charged."""

from dataclasses import dataclass

DECLINED = "Your card was declined."


@dataclass(frozen=True, slots=True)
class Card:
    """A test card. `code` and `decline_code` are set on cards that are declined."""

    number: str
    brand: str = "visa"
    code: str | None = None
    decline_code: str | None = None
    message: str = DECLINED
    needs_authentication: bool = False
    is_available_at_once: bool = False
    disputed_as: str | None = None

    @property
    def last4(self) -> str:
        """The last four digits."""
        return self.number[-4:]


CARDS = (
    Card("4242424242424242"),
    Card("5555555555554444", "mastercard"),
    Card("4000000000000077", is_available_at_once=True),
    Card("4000002500003155", needs_authentication=True),
    Card("4000000000000002", code="card_declined", decline_code="generic_decline"),
    Card(
        "4000000000009995",
        code="card_declined",
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
    ),
    Card(
        "4000000000000069", code="expired_card", decline_code="expired_card", message="Your card has expired."
    ),
    Card(
        "4000000000000127",
        code="incorrect_cvc",
        decline_code="incorrect_cvc",
        message="Your card's security code is incorrect.",
    ),
    Card(
        "4000000000000119",
        code="processing_error",
        decline_code="processing_error",
        message="An error occurred while processing your card. Try again in a little bit.",
    ),
    Card("4000000000000259", disputed_as="fraudulent"),
    Card("4000000000002685", disputed_as="product_not_received"),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_NAME = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_bypassPending": "4000000000000077",
    "pm_card_authenticationRequired": "4000002500003155",
    "pm_card_threeDSecure2Required": "4000002500003155",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeProductNotReceived": "4000000000002685",
}


def card_by_number(text: str) -> Card | None:
    """The card somebody typed, spaces and dashes allowed."""
    return BY_NUMBER.get(text.replace(" ", "").replace("-", ""))
