"""What sellers type on the marketplace's pages. Forms check shape; services check rules."""

from typing import Any, ClassVar

from babel.numbers import get_currency_name
from django import forms
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core.forms import LineField, PasswordField, country_choices

CURRENCIES = ["CHF", "CZK", "DKK", "EUR", "GBP", "NOK", "PLN", "SEK", "USD"]


class DirectoryForm(forms.Form):
    """What to find, in which order, and which page of it. What cannot be understood is left out."""

    SORTS: ClassVar = {"newest": _("Newest first"), "name": _("Name, A to Z")}

    q = LineField(required=False, max_length=100)
    sort = forms.ChoiceField(required=False, choices=list(SORTS.items()))
    page = forms.IntegerField(required=False, min_value=1, max_value=1_000)

    def values(self) -> dict[str, Any]:
        """What was understood."""
        self.is_valid()
        given = self.cleaned_data
        return {"q": given.get("q", ""), "sort": given.get("sort", ""), "page": given.get("page") or 1}


class SignUpForm(forms.Form):
    """A person and a storefront."""

    name = LineField(
        max_length=80,
        label=_("Name of your shop"),
        widget=forms.TextInput(attrs={"autocomplete": "organization", "data-slug-from": "id_slug"}),
    )
    slug = forms.CharField(
        max_length=60,
        label=_("Address"),
        help_text=_("3 to 40 small letters, digits and hyphens."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        max_length=254, label=_("Your e-mail"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    password = PasswordField(
        "new-password",
        label=_("Password"),
        help_text=_("At least 8 characters. If you already sell here, use the password you have."),
    )
    country = forms.ChoiceField(label=_("You sell from"), initial="DE")
    currency = forms.ChoiceField(label=_("Your prices are in"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country, currency = self.fields["country"], self.fields["currency"]
        assert isinstance(country, forms.ChoiceField)
        assert isinstance(currency, forms.ChoiceField)
        country.choices = country_choices(locale=get_language() or "en")
        locale = get_language() or "en"
        codes = sorted({*CURRENCIES, settings.CURRENCY})
        currency.choices = [(code, f"{code}, {get_currency_name(code, locale=locale)}") for code in codes]
        currency.initial = settings.CURRENCY
