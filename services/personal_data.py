"""What each column of a storefront's tables may say of a person, for whatever forgets, copies or hands out their data.

Every column of text, JSON, ids or bytes is named, those that say nothing of anybody as NONE: a test compares this with the
models, so that a new column is not forgotten. Columns that PostgreSQL works out (`search`) follow those they are made of.
"""

from enum import Enum

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models


class Kind(Enum):
    """How a column is about a person."""

    NAME = "name"  # of a person or their company
    EMAIL = "email"
    PHONE = "phone"
    STREET = "street"
    PLACE = "place"  # town, region, postal code
    ADDRESS = "address"  # JSON with all of these, under the names of shop.models.address.ADDRESS_FIELDS
    WORDS = "words"  # what people wrote, or what was written about them: anything may be in it
    FACTS = "facts"  # JSON with words in it
    FILE = "file"  # bytes with anything in them
    ACCOUNT = "account"  # the id of somebody's account, buyer or staff
    CALLER = "caller"  # text with the id of an account in it
    PARCEL = "parcel"  # leads to a person at the carrier
    SECRET = "secret"  # whoever has it may see or do something
    STRIPE = "stripe"  # an id, address or secret of Stripe's that leads to a payment there
    GATEWAY = "gateway"  # JSON, what Stripe answered
    NONE = "none"


# Kinds that lead to somebody, one way or another. Ids of Stripe's lead to a payment in books that stay.
OF_PEOPLE = frozenset(Kind) - {Kind.NONE, Kind.STRIPE, Kind.SECRET}

PERSONAL_DATA: dict[str, dict[str, Kind]] = {
    "shop_address": {
        "id": Kind.NONE,
        "user_id": Kind.ACCOUNT,
        "name": Kind.NAME,
        "company": Kind.NAME,
        "line1": Kind.STREET,
        "line2": Kind.STREET,
        "postal_code": Kind.PLACE,
        "city": Kind.PLACE,
        "region": Kind.PLACE,
        "country": Kind.NONE,
        "phone": Kind.PHONE,
    },
    "shop_cart": {
        "id": Kind.NONE,
        "token": Kind.SECRET,
        "buyer_id": Kind.ACCOUNT,
        "promotion_code": Kind.NONE,
        "order_id": Kind.NONE,
    },
    "shop_cartline": {},
    "shop_category": {"id": Kind.NONE, "slug": Kind.NONE, "name": Kind.NONE},
    "shop_product": {
        "id": Kind.NONE,
        "slug": Kind.NONE,
        "title": Kind.NONE,
        "description": Kind.NONE,
        "vendor": Kind.NONE,
        "tags": Kind.NONE,
        "option_names": Kind.NONE,
        "currency": Kind.NONE,
        "cover": Kind.NONE,
    },
    "shop_variant": {
        "id": Kind.NONE,
        "sku": Kind.NONE,
        "barcode": Kind.NONE,
        "option_values": Kind.NONE,
        "currency": Kind.NONE,
    },
    "shop_productimage": {
        "id": Kind.NONE,
        "file": Kind.NONE,
        "thumbnail": Kind.NONE,
        "alt": Kind.NONE,
        "source_url": Kind.NONE,
        "fetch_error": Kind.NONE,
    },
    "shop_idempotencykey": {
        "id": Kind.NONE,
        "caller": Kind.CALLER,
        "key": Kind.WORDS,
        "request_hash": Kind.NONE,
        "body": Kind.FILE,
    },
    "shop_inventoryitem": {},
    "shop_inventorymovement": {
        "kind": Kind.NONE,
        "order_id": Kind.NONE,
        "reason": Kind.WORDS,
        "actor_id": Kind.ACCOUNT,
    },
    "shop_orderinvoice": {},
    "shop_notification": {
        "id": Kind.NONE,
        "recipient_id": Kind.ACCOUNT,
        "email": Kind.EMAIL,
        "type": Kind.NONE,
        "title": Kind.WORDS,
        "message": Kind.WORDS,
        "order_id": Kind.NONE,
        "dedupe_key": Kind.NONE,
        "mail_state": Kind.NONE,
    },
    "shop_operation": {
        "id": Kind.NONE,
        "kind": Kind.NONE,
        "state": Kind.NONE,
        "actor_id": Kind.ACCOUNT,
        "params": Kind.FACTS,
        "report": Kind.FACTS,
        "error": Kind.WORDS,
        "file_name": Kind.WORDS,
        "input": Kind.FILE,
        "output": Kind.FILE,
        "output_type": Kind.NONE,
    },
    "shop_order": {
        "id": Kind.NONE,
        "secret": Kind.SECRET,
        "request_key": Kind.CALLER,
        "status": Kind.NONE,
        "buyer_id": Kind.ACCOUNT,
        "email": Kind.EMAIL,
        "currency": Kind.NONE,
        "promotion_code": Kind.NONE,
        "shipping_method": Kind.NONE,
        "shipping_address": Kind.ADDRESS,
        "billing_address": Kind.ADDRESS,
        "commission_rule": Kind.NONE,
        "cancelled_because": Kind.NONE,
        "needs_attention": Kind.WORDS,
    },
    "shop_orderline": {"sku": Kind.NONE, "product_title": Kind.NONE, "variant_title": Kind.NONE},
    "shop_orderevent": {
        "action": Kind.NONE,
        "from_status": Kind.NONE,
        "to_status": Kind.NONE,
        "actor_kind": Kind.NONE,
        "actor_id": Kind.ACCOUNT,
        "reason": Kind.WORDS,
        "facts": Kind.FACTS,
    },
    "shop_staticpage": {
        "id": Kind.NONE,
        "slug": Kind.NONE,
        "title": Kind.NONE,
        "body": Kind.NONE,
        "html": Kind.NONE,
    },
    "shop_payment": {
        "id": Kind.NONE,
        "method": Kind.NONE,
        "status": Kind.NONE,
        "currency": Kind.NONE,
        "transaction_id": Kind.STRIPE,
        "intent_id": Kind.STRIPE,
        "session_id": Kind.STRIPE,
        "checkout_url": Kind.STRIPE,
        "client_secret": Kind.STRIPE,
        "failure_code": Kind.NONE,
        "failure_message": Kind.WORDS,
        "gateway_response": Kind.GATEWAY,
    },
    "shop_paymentattempt": {
        "transaction_id": Kind.STRIPE,
        "failure_code": Kind.NONE,
        "failure_message": Kind.WORDS,
        "gateway_response": Kind.GATEWAY,
    },
    "shop_promotion": {"id": Kind.NONE, "code": Kind.NONE, "kind": Kind.NONE, "currency": Kind.NONE},
    "shop_promotionredemption": {"buyer_key": Kind.EMAIL},
    "shop_refund": {
        "id": Kind.NONE,
        "request_key": Kind.CALLER,
        "status": Kind.NONE,
        "currency": Kind.NONE,
        "reason": Kind.WORDS,
        "restock": Kind.NONE,
        "transaction_id": Kind.STRIPE,
        "gateway_response": Kind.GATEWAY,
        "actor_id": Kind.ACCOUNT,
    },
    "shop_creditline": {"kind": Kind.NONE, "source": Kind.STRIPE},
    "shop_review": {
        "id": Kind.NONE,
        "email": Kind.EMAIL,
        "buyer_id": Kind.ACCOUNT,
        "author": Kind.NAME,
        "title": Kind.WORDS,
        "text": Kind.WORDS,
        "status": Kind.NONE,
        "hidden_reason": Kind.WORDS,
        "answer": Kind.WORDS,
    },
    "shop_savedview": {
        "id": Kind.NONE,
        "section": Kind.NONE,
        "name": Kind.WORDS,
        "query": Kind.WORDS,
    },
    "shop_shippingrate": {"id": Kind.NONE, "name": Kind.NONE, "currency": Kind.NONE},
    "shop_shipment": {
        "id": Kind.NONE,
        "carrier": Kind.NONE,
        "tracking_number": Kind.PARCEL,
        "tracking_url": Kind.PARCEL,
        "actor_id": Kind.ACCOUNT,
    },
    "shop_shipmentline": {},
}

SAYS_SOMETHING = (
    models.CharField,
    models.TextField,
    models.JSONField,
    models.UUIDField,
    models.GenericIPAddressField,
    models.BinaryField,
    ArrayField,
)


def columns_that_could_tell(app: str = "shop") -> dict[str, set[str]]:
    """By table, the columns of an app's models that have to be classified. References are ids of rows, not of people."""
    return {
        model._meta.db_table: {
            str(field.column)
            for field in model._meta.concrete_fields
            if isinstance(field, SAYS_SOMETHING) and not isinstance(field, models.GeneratedField)
        }
        for model in apps.get_app_config(app).get_models()
    }
