"""What a storefront's staff types. Forms check shape; services check rules."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.colours import HEX
from core.forms import LineField, TextField
from core.money import decimals_of, to_minor
from services.page_services import MAX_BODY
from services.review_services import MAX_TEXT

FONT_NAMES = [
    ("system", _("Plain")),
    ("serif", _("Serif")),
    ("rounded", _("Rounded")),
    ("mono", _("Typewriter")),
]
PICTURE_TYPES = "image/jpeg,image/png,image/webp,image/gif"


class ColourField(forms.RegexField):
    """Six digits, as the brand keeps it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(rf"^{HEX.pattern}\Z", widget=forms.TextInput(attrs={"type": "color"}), **kwargs)


class BrandForm(forms.Form):
    """What the storefront looks like and says of itself."""

    name = LineField(max_length=80, label=_("Name of the shop"))
    tagline = LineField(max_length=160, required=False, label=_("In one line"))
    primary = ColourField(label=_("Main colour"))
    accent = ColourField(label=_("Second colour"))
    font = forms.ChoiceField(choices=FONT_NAMES, label=_("Headings"))
    announcement = LineField(
        max_length=160, required=False, label=_("Announcement"), help_text=_("A line above every page.")
    )
    hero_title = LineField(
        max_length=120,
        required=False,
        label=_("Greeting"),
        help_text=_("Large, on the front page. Else the line above."),
    )
    hero_text = LineField(max_length=300, required=False, label=_("Below the greeting"))
    featured = forms.MultipleChoiceField(
        required=False, label=_("Shown first"), widget=forms.CheckboxSelectMultiple
    )
    support_email = forms.EmailField(max_length=254, label=_("Address buyers write to"))
    logo = forms.FileField(
        required=False, label=_("Logo"), widget=forms.FileInput(attrs={"accept": PICTURE_TYPES})
    )
    hero = forms.FileField(
        required=False,
        label=_("Picture on the front page"),
        widget=forms.FileInput(attrs={"accept": PICTURE_TYPES}),
    )

    def __init__(self, *args: Any, categories: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["featured"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = categories

    def clean_featured(self) -> list[str]:
        """Up to six."""
        chosen = self.cleaned_data["featured"]
        if len(chosen) > 6:
            raise forms.ValidationError(_("Choose up to six."))
        return chosen

    def brand(self) -> dict[str, Any]:
        """The part of it that is the brand."""
        names = (
            "tagline",
            "primary",
            "accent",
            "font",
            "announcement",
            "hero_title",
            "hero_text",
            "featured",
        )
        return {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}


class PageForm(forms.Form):
    """A page in the seller's own words."""

    title = LineField(max_length=120, label=_("Title"))
    body = TextField(
        max_length=MAX_BODY,
        required=False,
        label=_("Text"),
        help_text=_("Markdown: **bold**, ## heading, - list, [link](https://…)."),
    )
    is_published = forms.BooleanField(required=False, initial=True, label=_("Shown to everybody"))


class MoneyField(forms.DecimalField):
    """An amount as people type it, in major units of `currency`; cleaned it is minor units."""

    widget = forms.TextInput

    def __init__(self, *, currency: str = "EUR", **kwargs: Any) -> None:
        self.currency = currency
        super().__init__(min_value=0, max_digits=12, localize=False, **kwargs)
        self.widget.attrs["inputmode"] = "decimal"

    def clean(self, value: Any) -> Any:
        """Raises ValidationError for more decimals than the currency has."""
        amount: Decimal | None = super().clean(value)
        if amount is None:
            return None
        try:
            return to_minor(amount, self.currency)
        except ValueError as error:
            raise forms.ValidationError(
                _("%(currency)s has %(digits)d decimals.")
                % {"currency": self.currency, "digits": decimals_of(self.currency)}
            ) from error


class ShippingForm(forms.Form):
    """The shipping price of the storefront."""

    name = LineField(max_length=80, label=_("Name, as buyers see it"))
    price = MoneyField()
    free_from = MoneyField(required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (
            ("price", _("Price in %(currency)s")),
            ("free_from", _("Free from, in %(currency)s")),
        ):
            field = self.fields[name]
            assert isinstance(field, MoneyField)
            field.currency, field.label = currency, label % {"currency": currency}


class AnswerForm(forms.Form):
    """What the seller says to a review; empty takes it back."""

    text = TextField(max_length=MAX_TEXT, required=False, label=_("Your answer"))


class HideForm(forms.Form):
    """Why a review is hidden."""

    reason = LineField(max_length=300, label=_("Reason"))
