"""What buyers type. Forms check shape; services check rules."""

from typing import Any

from django import forms

from core.forms import LineField, country_choices
from shop.selectors.catalogue import Listing

SORTS = {
    "newest": "Newest first",
    "price": "Price, low to high",
    "-price": "Price, high to low",
    "title": "Name, A to Z",
}
MAX_QUANTITY = 10_000


class CatalogueForm(forms.Form):
    """Search, category, order and filter. What cannot be understood is left out, not refused."""

    q = LineField(required=False, max_length=100)
    category = forms.SlugField(required=False, max_length=80)
    tag = LineField(required=False, max_length=80)
    sort = forms.ChoiceField(required=False, choices=list(SORTS.items()))
    in_stock = forms.BooleanField(required=False)
    cursor = LineField(required=False, max_length=400)

    def listing(self, *, limit: int) -> Listing:
        """What to show."""
        self.is_valid()
        values = {name: value for name, value in self.cleaned_data.items() if value}
        return Listing(**values, limit=limit)


class AddForm(forms.Form):
    """Units of a variant for the cart."""

    variant_id = forms.UUIDField(error_messages={"required": "Choose what you would like first."})
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class QuantityForm(forms.Form):
    """Exactly so many; 0 takes the line out."""

    quantity = forms.IntegerField(min_value=0, max_value=MAX_QUANTITY)


class CodeForm(forms.Form):
    """A promo code; "" takes it out."""

    code = LineField(required=False, max_length=40)


class CheckoutForm(forms.Form):
    """Who buys, and where the parcel goes. `expected_total` is what the buyer saw; `key` makes a double submit one order."""

    email = forms.EmailField(max_length=254, label="E-mail")
    name = LineField(max_length=120, label="Full name")
    company = LineField(required=False, max_length=120, label="Company")
    line1 = LineField(max_length=200, label="Street and number")
    line2 = LineField(required=False, max_length=200, label="Apartment, floor, care of")
    postal_code = LineField(required=False, max_length=20, label="Postal code")
    city = LineField(max_length=120, label="City")
    region = LineField(required=False, max_length=120, label="State, province or region")
    country = forms.ChoiceField(label="Country")
    phone = LineField(required=False, max_length=40, label="Phone, for the carrier")
    expected_total = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    key = forms.RegexField(r"^[A-Za-z0-9_-]{20,64}$", widget=forms.HiddenInput)

    def __init__(self, *args: Any, country: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = country_choices(country)
        hints = {
            "email": "email",
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
        for name, hint in hints.items():
            self.fields[name].widget.attrs["autocomplete"] = hint
        self.fields["phone"].widget.input_type = "tel"

    def address(self) -> dict[str, Any]:
        """The shipping address as services take it."""
        names = ("name", "company", "line1", "line2", "postal_code", "city", "region", "country", "phone")
        return {name: self.cleaned_data[name] for name in names}


class ConfirmForm(forms.Form):
    """A proof from a mail, and the password it is for. The proof may be pasted as the whole link."""

    proof = forms.CharField(
        max_length=1000,
        label="The link from your mail",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    name = LineField(
        required=False,
        max_length=120,
        label="Your name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        max_length=200,
        strip=False,
        label="New password",
        help_text="At least 8 characters, and not one of the common ones.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_proof(self) -> str:
        """What stands behind the # of the link."""
        return self.cleaned_data["proof"].strip().rpartition("#")[2]
