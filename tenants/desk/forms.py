"""What the operator types at the desk. Forms check shape; services check rules."""

from typing import Any, ClassVar

from babel.numbers import get_currency_name
from django import forms
from django.conf import settings
from django.http import HttpRequest

from core.errors import Invalid
from core.forms import LineField, country_choices
from tenants.models import TenantStatus
from tenants.web.forms import CURRENCIES

REASON_LENGTH = 300


def reason_of(request: HttpRequest) -> str:
    """Why something is done, as the audit log keeps it. Raises Invalid."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        raise Invalid(field="reason", reason="is needed: one line, for the audit log")
    return str(form.cleaned_data["reason"])


class ReasonForm(forms.Form):
    """A line for the audit log."""

    reason = LineField(max_length=REASON_LENGTH)


class FilterForm(forms.Form):
    """Filters of a list. What cannot be understood is left out."""

    def values(self) -> dict[str, Any]:
        """What was understood; None and "" alike are what was not asked."""
        self.is_valid()
        return {name: self.cleaned_data.get(name) or "" for name in self.fields}


class StorefrontsForm(FilterForm):
    """Which storefronts, and in which order."""

    STATUSES: ClassVar = [(status.value, status.label) for status in TenantStatus]
    SCHEMAS: ClassVar = [
        ("current", "Up to date"),
        ("behind", "Behind"),
        ("failed", "Failed"),
        ("missing", "Missing"),
    ]
    RECEIVES: ClassVar = [("yes", "Can be paid"), ("no", "Cannot be paid")]
    SORTS: ClassVar = [("newest", "Newest first"), ("volume", "Most captured")]

    q = LineField(required=False, max_length=100)
    status = forms.ChoiceField(required=False, choices=STATUSES)
    schema = forms.ChoiceField(required=False, choices=SCHEMAS)
    receives = forms.ChoiceField(required=False, choices=RECEIVES)
    sort = forms.ChoiceField(required=False, choices=SORTS)
    page = forms.IntegerField(required=False, min_value=1, max_value=400)


class PeopleForm(FilterForm):
    """Which people."""

    KINDS: ClassVar = [("operators", "Operators"), ("sellers", "Sellers and staff"), ("disabled", "Disabled")]

    q = LineField(required=False, max_length=100)
    kind = forms.ChoiceField(required=False, choices=KINDS)
    before = forms.UUIDField(required=False)


class AuditForm(FilterForm):
    """Which lines of the audit log."""

    action = LineField(required=False, max_length=60)
    storefront = LineField(required=False, max_length=80)
    person = LineField(required=False, max_length=100)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)
    before = forms.UUIDField(required=False)


class ProvisionForm(forms.Form):
    """A storefront for somebody."""

    name = LineField(max_length=80, label="Name of the shop")
    slug = forms.CharField(
        max_length=60,
        label="Address",
        help_text="3 to 40 small letters, digits and hyphens.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        max_length=254, label="The owner's e-mail", help_text="They get a mail to set their password."
    )
    country = forms.ChoiceField(label="They sell from", initial="DE")
    currency = forms.ChoiceField(label="Their prices are in")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country, currency = self.fields["country"], self.fields["currency"]
        assert isinstance(country, forms.ChoiceField)
        assert isinstance(currency, forms.ChoiceField)
        country.choices = country_choices()
        codes = sorted({*CURRENCIES, settings.CURRENCY})
        currency.choices = [(code, f"{code}, {get_currency_name(code, locale='en')}") for code in codes]
        currency.initial = settings.CURRENCY
