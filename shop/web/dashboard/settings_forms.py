"""What the staff types about the shop itself."""

from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core.forms import LineField, TextField, country_choices
from tenants.models import CaptureMethod

CONTINENTS = frozenset(
    {
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    }
)


class ShopForm(forms.Form):
    """What managers decide."""

    name = LineField(max_length=80, label=_("Name of the shop"))
    support_email = forms.EmailField(
        max_length=254,
        label=_("Address buyers write to"),
        help_text=_("Answers to your mails go there, and what you are told by mail."),
    )
    country = forms.ChoiceField(label=_("Country of the business"))
    capture_method = forms.ChoiceField(
        choices=[
            (CaptureMethod.AUTOMATIC, _("When the buyer pays")),
            (CaptureMethod.MANUAL, _("Later: when you capture it, or when the order is sent")),
        ],
        widget=forms.RadioSelect,
        label=_("When a card is charged"),
    )
    listed = forms.BooleanField(
        required=False,
        label=_("Listed in the marketplace's directory"),
        help_text=_("Else your shop is found by its own address only."),
    )

    def __init__(self, *args: Any, country: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = country_choices(country, locale=get_language() or "en")

    def changes(self) -> dict[str, Any]:
        """As the service takes them."""
        values = dict(self.cleaned_data)
        return {**values, "brand": {"listed": values.pop("listed")}}


class ClockForm(forms.Form):
    """The seller's clock."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        help_text=_("Days of sales, promotions and payouts begin at midnight there."),
    )

    def __init__(self, *args: Any, set_to: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = zone_choices(set_to)


@lru_cache(maxsize=64)
def zone_choices(kept: str) -> list[Any]:
    """UTC, then the places by continent; old spellings are left out, but for one that is set."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(available_timezones()):
        continent, _slash, place = name.partition("/")
        if (place and continent in CONTINENTS) or (name == kept != "UTC"):
            groups.setdefault(continent, []).append((name, place.replace("_", " ") or name))
    return [("UTC", "UTC"), *groups.items()]


class LegalForm(forms.Form):
    """Who stands on statements and invoices."""

    legal_name = LineField(required=False, max_length=120, label=_("Legal name"))
    legal_address = TextField(
        required=False, max_length=400, label=_("Address"), widget=forms.Textarea(attrs={"rows": 4})
    )
    tax_id = LineField(
        required=False, max_length=40, label=_("Tax number"), help_text=_("As your tax office writes it.")
    )
