"""What managers type about products: the list's changes, a product's fields, categories, an import."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.html import linebreaks
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.forms import LineField, TextField
from core.money import to_minor
from services.catalogue_bulk_services import MOST_PERCENT, BulkChange
from services.catalogue_services import MAX_OPTIONS, ProductInput
from services.import_services import check_export
from shop.selectors.products import Shelf
from shop.web.dashboard.forms import PICTURE_TYPES, MoneyField

CHANGES = [
    ("publish", _("Publish")),
    ("unpublish", _("Make a draft")),
    ("archive", _("Archive")),
    ("restore", _("Take from the archive")),
    ("category", _("Set the category")),
    ("add_tag", _("Add a tag")),
    ("remove_tag", _("Remove a tag")),
    ("prices", _("Change prices")),
]
OPTION_NUMBERS = range(1, MAX_OPTIONS + 1)


def category_choices(shelves: list[Shelf]) -> list[tuple[str, str]]:
    """Categories as a tree to choose from; "" is none."""
    return [("", gettext("No category")), *((str(shelf.id), shelf.indented) for shelf in shelves)]


class CategoryField(forms.TypedChoiceField):
    """One of the storefront's categories, as its id; None for none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, coerce=UUID, empty_value=None, label=_("Category"), **kwargs)


def once(words: Iterable[str]) -> list[str]:
    """Each word once, whatever its case, as it is written first."""
    found: dict[str, str] = {}
    for word in words:
        if word:
            found.setdefault(word.casefold(), word)
    return list(found.values())


class TagsField(LineField):
    """Words between commas; cleaned they are a list, each once whatever its case."""

    def clean(self, value: Any) -> Any:
        """Raises ValidationError."""
        words = [" ".join(word.split()) for word in super().clean(value).split(",")]
        tags = once(words)
        if len(tags) > 50 or any(len(tag) > 80 for tag in tags):
            raise forms.ValidationError(_("At most 50 tags, each of at most 80 characters."))
        return tags


class BulkForm(forms.Form):
    """One change to all products that are ticked."""

    change = forms.ChoiceField(choices=[("", _("Choose …")), *CHANGES], label=_("Change"))
    category = CategoryField()
    tag = LineField(max_length=80, required=False, label=_("Tag"))
    amount = forms.DecimalField(
        max_digits=12,
        required=False,
        localize=False,
        label=_("By"),
        widget=forms.TextInput(attrs={"inputmode": "text", "placeholder": "-10"}),
    )
    unit = forms.ChoiceField(required=False, label=_("Unit"))

    def __init__(self, *args: Any, currency: str, shelves: list[Shelf], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        for name, choices in (
            ("category", category_choices(shelves)),
            ("unit", [("percent", "%"), ("amount", currency)]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices

    def clean(self) -> dict[str, Any]:
        """What the chosen change needs is there."""
        values = super().clean() or {}
        what = values.get("change")
        if what in ("add_tag", "remove_tag") and (not values.get("tag") or "," in values["tag"]):
            self.add_error("tag", _("Name one tag."))
        if what == "prices" and "amount" in values:
            self._clean_amount(values["amount"], values.get("unit") or "percent")
        return values

    def _clean_amount(self, amount: Decimal | None, unit: str) -> None:
        if not amount:
            self.add_error("amount", _("Say by how much: -10 for less, 10 for more."))
            return
        try:
            if unit == "amount":
                self.amount_minor = to_minor(amount, self.currency)
            else:
                self.basis_points = _basis_points(amount)
        except ValueError as error:
            self.add_error("amount", str(error))

    amount_minor = 0
    basis_points = 0

    def as_change(self) -> BulkChange:
        """What was asked for. Call it where the form is valid."""
        values = self.cleaned_data
        return BulkChange(
            what=values["change"],
            category_id=values["category"],
            tag=values["tag"],
            amount_minor=self.amount_minor,
            basis_points=self.basis_points,
        )


def _basis_points(percent: Decimal) -> int:
    """-12.5 -> -1250. Raises ValueError, with a sentence."""
    points = percent * 100
    if points != points.to_integral_value():
        raise ValueError(gettext("A percentage has two decimals at most."))
    if not -100 <= percent <= MOST_PERCENT:
        raise ValueError(gettext("A percentage from -100 to %(most)d.") % {"most": MOST_PERCENT})
    return int(points)


class PictureInput(forms.FileInput):
    """Several pictures at once."""

    allow_multiple_selected = True


class NewProductForm(forms.Form):
    """A product of one kind, to begin with."""

    title = LineField(max_length=200, label=_("Title"))
    price = MoneyField()
    stock = forms.IntegerField(min_value=0, max_value=1_000_000, initial=1, label=_("Pieces in stock"))
    description = TextField(max_length=20_000, required=False, label=_("Description"))
    picture = forms.FileField(
        required=False, label=_("Picture"), widget=forms.FileInput(attrs={"accept": PICTURE_TYPES})
    )
    is_published = forms.BooleanField(required=False, initial=True, label=_("Shown to everybody"))

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        price = self.fields["price"]
        assert isinstance(price, MoneyField)
        price.currency, price.label = currency, _("Price in %(currency)s") % {"currency": currency}


class HtmlField(forms.CharField):
    """A text with simple formatting; what is typed without any becomes paragraphs. The service sanitises it."""

    widget = forms.Textarea(
        attrs={
            "rows": 9,
            # What its buttons are called, where scripts make them.
            "data-rich": "",
            "data-bold": _("Bold"),
            "data-italic": _("Italic"),
            "data-formatblock": _("Heading"),
            "data-insertunorderedlist": _("List"),
            "data-insertorderedlist": _("Numbered list"),
            "data-createlink": _("Link"),
            "data-removeformat": _("Plain text"),
        }
    )

    def clean(self, value: Any) -> str:
        """Browsers send CR LF; PostgreSQL cannot hold NUL."""
        text = str(super().clean(value)).replace("\r\n", "\n")
        return text if re.search(r"<[a-z]", text, re.IGNORECASE) or not text else linebreaks(text)


class DetailsForm(forms.Form):
    """A product's own fields. Its inputs belong to the form with the id `product`, wherever on the page they are."""

    title = LineField(max_length=200, label=_("Title"))
    description = HtmlField(max_length=50_000, required=False, label=_("Description"))
    status = forms.ChoiceField(
        required=False, label=_("Status"), choices=[("published", _("For sale")), ("draft", _("Draft"))]
    )
    category = CategoryField()
    vendor = LineField(max_length=120, required=False, label=_("Made by"))
    tags = TagsField(max_length=4_000, required=False, label=_("Tags"), help_text=_("Separated by commas."))
    reason = LineField(
        max_length=200,
        required=False,
        label=_("Reason for changed stock"),
        widget=forms.TextInput(attrs={"list": "reasons"}),
    )

    def __init__(self, *args: Any, shelves: list[Shelf], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in OPTION_NUMBERS:
            words = {"number": number}
            self.fields[f"option_{number}"] = LineField(
                max_length=60, required=False, label=_("Option %(number)d") % words
            )
            self.fields[f"values_{number}"] = LineField(
                max_length=4_000, required=False, label=_("Its values, separated by commas")
            )
        category = self.fields["category"]
        assert isinstance(category, CategoryField)
        category.choices = category_choices(shelves)
        for field in self.fields.values():
            field.widget.attrs["form"] = "product"

    @property
    def options(self) -> list[tuple[Any, Any]]:
        """The fields of each option: its name and its values."""
        return [(self[f"option_{number}"], self[f"values_{number}"]) for number in OPTION_NUMBERS]

    def clean(self) -> dict[str, Any]:
        """Options have different names."""
        values = super().clean() or {}
        names: set[str] = set()
        for number in OPTION_NUMBERS:
            name = values.get(f"option_{number}", "").casefold()
            if name and name in names:
                self.add_error(f"option_{number}", _("Another option has this name."))
            names.add(name)
        return values

    def as_input(self, *, is_archived: bool) -> ProductInput:
        """What was typed. Call it where the form is valid. An archived product stays so."""
        values = self.cleaned_data
        names = [values[f"option_{number}"] for number in OPTION_NUMBERS]
        return ProductInput(
            title=values["title"],
            description=values["description"],
            vendor=values["vendor"],
            category_id=values["category"],
            clear_category=values["category"] is None,
            tags=values["tags"],
            option_names=[name for name in names if name],
            is_published=None if is_archived else values["status"] == "published",
        )


class ImageForm(forms.Form):
    """What a picture shows, and which variant it is of."""

    alt = LineField(max_length=300, required=False, label=_("What it shows, for who cannot see it"))
    variant = forms.UUIDField(required=False)


class CategoryForm(forms.Form):
    """A category and where it stands."""

    name = LineField(max_length=80, label=_("Name"))
    parent = CategoryField()

    def __init__(self, *args: Any, shelves: list[Shelf], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parent = self.fields["parent"]
        assert isinstance(parent, CategoryField)
        parent.label = _("Inside")
        parent.choices = [("", gettext("At the top")), *category_choices(shelves)[1:]]


class ImportForm(forms.Form):
    """A product export."""

    file = forms.FileField(
        label=_("Shopify's product export (CSV)"), widget=forms.FileInput(attrs={"accept": ".csv,text/csv"})
    )

    def clean_file(self) -> bytes:
        """As large as the API takes it, and an export by its first lines; the content."""
        upload = self.cleaned_data["file"]
        if upload.size > settings.MAX_IMPORT_BYTES:
            size = settings.MAX_IMPORT_BYTES // 2**20
            raise forms.ValidationError(_("The file may have %(size)d MB at most.") % {"size": size})
        content = bytes(upload.read())
        try:
            check_export(content)
        except DomainError as refusal:
            raise forms.ValidationError(str(refusal.facts["reason"])) from refusal
        return content
