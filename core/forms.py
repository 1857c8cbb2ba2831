"""Fields of HTML forms, with the same rules as those of the API."""

import unicodedata
from typing import Any

from babel import Locale
from django import forms

from core.errors import DomainError
from core.serializers import BIDI_AND_INVISIBLE

# Where parcels go to and come from in practice; a caller adds what it needs beside them.
COUNTRIES = [
    "AT",
    "AU",
    "BE",
    "BG",
    "CA",
    "CH",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GB",
    "GR",
    "HR",
    "HU",
    "IE",
    "IS",
    "IT",
    "JP",
    "LI",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL",
    "NO",
    "NZ",
    "PL",
    "PT",
    "RO",
    "SE",
    "SI",
    "SK",
    "US",
]


def country_choices(*more: str) -> list[tuple[str, str]]:
    """Codes and English names (Unicode CLDR), by name."""
    names = Locale("en").territories
    return sorted(
        ((code, str(names.get(code, code))) for code in {*COUNTRIES, *more}), key=lambda choice: choice[1]
    )


class LineField(forms.CharField):
    """One line of text: NFC, without control, bidi or zero-width characters."""

    def clean(self, value: Any) -> str:
        """Such characters travel into labels and headers, where nobody sees them."""
        text = unicodedata.normalize("NFC", super().clean(value))
        if any(char in BIDI_AND_INVISIBLE or ord(char) < 32 for char in text):
            raise forms.ValidationError("This text has invisible characters. Type it again.")
        return text


def add_refusal(form: forms.Form, refusal: DomainError) -> None:
    """A refusal beside the field it is about, or above the form."""
    name = str(refusal.facts.get("field", "")).removeprefix("address.")
    if name in form.fields and "reason" in refusal.facts:
        form.add_error(name, str(refusal.facts["reason"]).capitalize().rstrip(".") + ".")
    else:
        form.add_error(None, refusal.sentence)
