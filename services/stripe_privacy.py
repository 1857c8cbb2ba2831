"""What Stripe tells of people, and is not kept: we ask Stripe again for whatever we need."""

from typing import Any

# By name, wherever they stand in an object of Stripe's: who pays, where they live, with which card, and pages that say so.
PERSONAL = frozenset(
    {
        "address",
        "bank_account",
        "billing_address",
        "billing_details",
        "business_profile",
        "card",
        "client_secret",
        "collected_information",
        "company",
        "custom_fields",
        "customer_address",
        "customer_details",
        "customer_email",
        "customer_email_address",
        "customer_name",
        "customer_phone",
        "customer_purchase_ip",
        "customer_shipping",
        "destination_details",
        "email",
        "evidence",
        "external_accounts",
        "hosted_invoice_url",
        "individual",
        "last_payment_error",
        "name",
        "owner",
        "payment_method_details",
        "phone",
        "receipt_email",
        "receipt_number",
        "receipt_url",
        "representative",
        "shipping",
        "shipping_address",
        "shipping_details",
        "source",
        "tos_acceptance",
        "url",
        "verified_email",
        "verified_name",
    }
)


def without_person(kept: Any) -> Any:
    """An object of Stripe's without anybody in it. Ids, amounts, states and our own metadata stay."""
    if isinstance(kept, dict):
        return {key: without_person(value) for key, value in kept.items() if key not in PERSONAL}
    return [without_person(value) for value in kept] if isinstance(kept, list) else kept
