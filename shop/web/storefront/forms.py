"""What buyers type. Forms check shape; services check rules."""

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

from core.forms import LineField, PasswordField, TextField
from core.money import decimals_of, to_minor
from services.review_services import MAX_TEXT
from shop.selectors.catalogue import Listing
from shop.web.storefront.address_form import AddressForm

SORTS = {
    "newest": _("Newest first"),
    "price": _("Price, low to high"),
    "-price": _("Price, high to low"),
    "title": _("Name, A to Z"),
}
MAX_QUANTITY = 10_000
PASSWORD_RULES = _("At least 8 characters, and not one of the common ones.")


class CatalogueForm(forms.Form):
    """Search, category, order and filter. What cannot be understood is left out, not refused."""

    q = LineField(required=False, max_length=100)
    category = forms.SlugField(required=False, max_length=80)
    tag = LineField(required=False, max_length=80)
    sort = forms.ChoiceField(required=False, choices=list(SORTS.items()))
    in_stock = forms.BooleanField(required=False)
    min_price = forms.DecimalField(required=False, min_value=0, max_digits=12, decimal_places=3)
    max_price = forms.DecimalField(required=False, min_value=0, max_digits=12, decimal_places=3)
    cursor = LineField(required=False, max_length=400)

    def listing(self, *, limit: int, currency: str) -> Listing:
        """What to show. Prices are typed in major units."""
        self.is_valid()
        values = {name: value for name, value in self.cleaned_data.items() if value}
        for name in ("min_price", "max_price"):
            if name in values:
                values[name] = _minor(values[name], currency)
        return Listing(**values, limit=limit)


def _minor(amount: Decimal, currency: str) -> int:
    return to_minor(amount.quantize(Decimal(1).scaleb(-decimals_of(currency))), currency)


class AddForm(forms.Form):
    """Units of a variant for the cart."""

    variant_id = forms.UUIDField(error_messages={"required": _("Choose what you would like first.")})
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class QuantityForm(forms.Form):
    """Exactly so many; 0 takes the line out."""

    quantity = forms.IntegerField(min_value=0, max_value=MAX_QUANTITY)


class CodeForm(forms.Form):
    """A promo code; "" takes it out."""

    code = LineField(required=False, max_length=40)


class CheckoutForm(AddressForm):
    """Who buys, and where the parcel goes. `expected_total` is what the buyer saw; `key` makes a double submit one order."""

    email = forms.EmailField(
        max_length=254, label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    save_address = forms.BooleanField(required=False, label=_("Keep this address in my account"))
    expected_total = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    key = forms.RegexField(r"^[A-Za-z0-9_-]{20,64}$", widget=forms.HiddenInput)


class ReviewForm(forms.Form):
    """Stars, and words where somebody has some."""

    rating = forms.TypedChoiceField(
        choices=[(5, _("Excellent")), (4, _("Good")), (3, _("Fair")), (2, _("Poor")), (1, _("Bad"))],
        coerce=int,
        label=_("Your rating"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose one to five stars.")},
    )
    title = LineField(required=False, max_length=120, label=_("In one line"))
    text = TextField(required=False, max_length=MAX_TEXT, label=_("Your review"))
    author = LineField(
        required=False,
        max_length=60,
        label=_("Name shown with it"),
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )


class SignInForm(forms.Form):
    """Who somebody says they are."""

    email = forms.EmailField(
        max_length=254, label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = PasswordField("current-password", label=_("Password"))


class MailboxForm(forms.Form):
    """Where to send a link."""

    email = forms.EmailField(
        max_length=254, label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )


class ProfileForm(forms.Form):
    """What a person wants to be called."""

    name = LineField(
        max_length=120,
        required=False,
        label=_("Your name"),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class PasswordForm(forms.Form):
    """The password there is, and the one to be."""

    old = PasswordField("current-password", label=_("Your password now"))
    password = PasswordField("new-password", label=_("New password"), help_text=PASSWORD_RULES)


class EraseForm(forms.Form):
    """To be forgotten, one proves once more who one is."""

    password = PasswordField("current-password", label=_("Your password"))


class AccountAddressForm(AddressForm):
    """An address of the account."""

    is_default = forms.BooleanField(required=False, label=_("Use it unless I choose another"))


class ConfirmForm(forms.Form):
    """A proof from a mail, and the password it is for. The proof may be pasted as the whole link."""

    proof = forms.CharField(
        max_length=1000,
        label=_("The link from your mail"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    name = LineField(
        required=False,
        max_length=120,
        label=_("Your name"),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = PasswordField("new-password", label=_("New password"), help_text=PASSWORD_RULES)

    def clean_proof(self) -> str:
        """What stands behind the # of the link."""
        return self.cleaned_data["proof"].strip().rpartition("#")[2]
