"""Fields of HTML forms, with the same rules as those of the API."""

import unicodedata
from functools import lru_cache
from typing import Any

from babel import Locale
from django import forms
from django.utils.translation import gettext as _

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


@lru_cache(maxsize=256)
def country_choices(*more: str, locale: str = "en") -> list[tuple[str, str]]:
    """Codes and names in a language (Unicode CLDR), by name."""
    names = Locale.parse(locale, sep="-").territories
    return sorted(
        ((code, str(names.get(code, code))) for code in {*COUNTRIES, *more}), key=lambda choice: choice[1]
    )


class LineField(forms.CharField):
    """One line of text: NFC, without control, bidi or zero-width characters."""

    breaks = ""

    def clean(self, value: Any) -> str:
        """Such characters travel into labels and headers, where nobody sees them."""
        text = unicodedata.normalize("NFC", super().clean(value))
        if any(char in BIDI_AND_INVISIBLE or (ord(char) < 32 and char not in self.breaks) for char in text):
            raise forms.ValidationError(_("This text has invisible characters. Type it again."))
        return text


class PasswordField(forms.CharField):
    """A password as it was typed; `autocomplete` tells password managers which: current-password or new-password."""

    def __init__(self, autocomplete: str, **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(max_length=200, strip=False, widget=widget, **kwargs)


class TextField(LineField):
    """Text of several lines, with the same rules."""

    widget = forms.Textarea(attrs={"rows": 6})
    breaks = "\n"

    def to_python(self, value: Any) -> str:
        """Browsers send CR LF."""
        return str(super().to_python(value) or "").replace("\r\n", "\n")


def as_sentence(reason: object) -> str:
    """A reason as it is written in a refusal's facts, with a capital letter and a full stop; the rest stays as it is spelt."""
    text = str(reason)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def add_refusal(form: forms.Form, refusal: DomainError) -> None:
    """A refusal beside the field it is about, or above the form."""
    name = str(refusal.facts.get("field", "")).removeprefix("address.")
    if name in form.fields and "reason" in refusal.facts:
        form.add_error(name, as_sentence(refusal.facts["reason"]))
    else:
        form.add_error(None, refusal.sentence)
