"""What the staff types about orders. Forms check shape; services check rules."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from core.forms import LineField, TextField
from services.inventory_services import StockLine
from services.order_note_services import MAX_NOTE
from services.saved_view_services import MAX_NAME
from shop.models import OrderLine, OrderStatus
from shop.selectors.order_lists import PAYMENTS, OrderFilter
from shop.templatetags.panel import STATES
from shop.web.dashboard.forms import MoneyField

KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")
MOST_UNITS = 1_000_000
CARRIERS = (
    "DHL",
    "DPD",
    "GLS",
    "Hermes",
    "UPS",
    "FedEx",
    "Deutsche Post",
    "PostNL",
    "La Poste",
    "Royal Mail",
)


def named(states: Any, anything: Any) -> list[tuple[str, Any]]:
    """Choices of states as they are called everywhere, after one that leaves it open."""
    return [("", anything), *((state, _(STATES[state][1])) for state in states)]


# Days beside which there is another one on each calendar and clock.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


class DayField(forms.DateField):
    """A day, as browsers send it."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        within = [MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)]
        super().__init__(
            required=False, input_formats=["%Y-%m-%d"], widget=widget, validators=within, **kwargs
        )


class OrderFilterForm(forms.Form):
    """What a list of orders is narrowed to. Whatever makes no sense is said, and left out."""

    q = LineField(max_length=100, required=False, label=_("Number, mail address or name"))
    status = forms.ChoiceField(required=False, label=_("Status"))
    payment = forms.ChoiceField(required=False, label=_("Payment"))
    placed_from = DayField(label=_("Placed from"))
    placed_to = DayField(label=_("Placed until"))
    total_min = MoneyField(required=False, label=_("Total from"))
    total_max = MoneyField(required=False, label=_("Total up to"))
    refunded = forms.BooleanField(required=False, label=_("With refunds"))
    disputed = forms.BooleanField(required=False, label=_("With an open dispute"))
    attention = forms.BooleanField(required=False, label=_("Needs attention"))

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="filter_%s", **kwargs)
        for name, choices in (
            ("status", named(OrderStatus.values, _("Any status"))),
            ("payment", named(PAYMENTS, _("Any payment"))),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices
        for name in ("total_min", "total_max"):
            amount = self.fields[name]
            assert isinstance(amount, MoneyField)
            amount.currency = currency
        self.fields["q"].widget.input_type = "search"

    def wanted(self) -> OrderFilter:
        """As the selector takes it."""
        self.is_valid()
        return OrderFilter(**{name: value for name, value in self.cleaned_data.items() if value is not None})

    def query(self) -> str:
        """What is asked for, as a query string in one order, so that equal lists are equal strings."""
        self.is_valid()
        asked = QueryDict(mutable=True)
        for name in self.fields:
            if self.cleaned_data.get(name) not in (None, "", False):
                asked[name] = str(self.data.get(name, "")).strip()
        return asked.urlencode()

    @property
    def is_narrowed_further(self) -> bool:
        """Whether something is asked for that the tabs and the search field do not show."""
        wanted = self.wanted().as_params()
        return bool(set(wanted) - {"q", "status", "attention"}) or bool(self.errors)


class ViewForm(forms.Form):
    """The name of a saved list."""

    name = LineField(max_length=MAX_NAME, label=_("Name of this list"))


class NoteForm(forms.Form):
    """What the staff tells itself."""

    text = TextField(
        max_length=MAX_NOTE, label=_("Note"), widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"})
    )


class ReasonForm(forms.Form):
    """Why something is done; the buyer reads it where an order is cancelled."""

    reason = LineField(max_length=300, required=False, label=_("Reason"))


class CaptureForm(forms.Form):
    """How much of an authorised payment is taken; nothing said is all of it."""

    amount = MoneyField(required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        amount = self.fields["amount"]
        assert isinstance(amount, MoneyField)
        amount.currency, amount.label = currency, _("Amount in %(currency)s") % {"currency": currency}


class UnitsForm(forms.Form):
    """A form with a field for each line of an order: so many units of it.

    Browsers keep it within `most`; whether that many are left is decided by the service that is told, under its lock.
    """

    def __init__(self, *args: Any, lines: Sequence[OrderLine], most: dict[int, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line in lines:
            field = forms.IntegerField(min_value=0, max_value=MOST_UNITS, required=False, label=_("Pieces"))
            field.widget.attrs |= {"class": "quantity", "inputmode": "numeric", "max": most[line.pk]}
            self.fields[f"units_{line.pk}"] = field

    def units(self) -> dict[int, int]:
        """Order line id -> units, without those of which none are meant."""
        asked = {line.pk: self.cleaned_data.get(f"units_{line.pk}") or 0 for line in self.lines}
        return {line_id: units for line_id, units in asked.items() if units}


class ShipForm(UnitsForm):
    """A parcel."""

    carrier = LineField(max_length=60, label=_("Carrier"))
    tracking_number = LineField(max_length=80, required=False, label=_("Tracking number"))
    tracking_url = forms.URLField(
        max_length=500, required=False, assume_scheme="https", label=_("Tracking link")
    )

    def __init__(self, *args: Any, lines: Sequence[OrderLine], **kwargs: Any) -> None:
        left = {line.pk: line.quantity - line.shipped_quantity for line in lines}
        super().__init__(*args, lines=lines, most=left, **kwargs)
        self.fields["carrier"].widget.attrs |= {"list": "carriers", "autocomplete": "off"}
        for line in self.lines:
            self.fields[f"units_{line.pk}"].initial = left[line.pk]

    def rows(self) -> list[dict[str, Any]]:
        """Each line with its field, for the page."""
        return [
            {"line": line, "left": line.quantity - line.shipped_quantity, "units": self[f"units_{line.pk}"]}
            for line in self.lines
            if line.shipped_quantity < line.quantity
        ]


class BulkShipForm(forms.Form):
    """Orders that leave whole, with one carrier."""

    carrier = LineField(max_length=60, label=_("Carrier"))


BY_LINE, BY_AMOUNT, ALL = "lines", "amount", "all"


class RefundForm(UnitsForm):
    """By units of lines, by an amount, or all that is left."""

    what = forms.ChoiceField(
        choices=[
            (BY_LINE, _("Pieces of this order")),
            (BY_AMOUNT, _("An amount")),
            (ALL, _("All that is left")),
        ],
        initial=BY_LINE,
        widget=forms.RadioSelect,
        label=_("What is refunded"),
    )
    with_shipping = forms.BooleanField(required=False, label=_("With their part of the shipping"))
    amount = MoneyField(required=False)
    reason = LineField(max_length=300, label=_("Reason"))

    def __init__(self, *args: Any, lines: Sequence[OrderLine], currency: str, **kwargs: Any) -> None:
        left = {line.pk: line.quantity - line.credited_quantity for line in lines}
        super().__init__(*args, lines=lines, most=left, **kwargs)
        amount = self.fields["amount"]
        assert isinstance(amount, MoneyField)
        amount.currency, amount.label = currency, _("Amount in %(currency)s") % {"currency": currency}
        for line in lines:
            self.fields[f"restock_{line.pk}"] = forms.BooleanField(required=False, label=_("Back into stock"))

    def rows(self) -> list[dict[str, Any]]:
        """Each line with its fields, for the page."""
        return [
            {
                "line": line,
                "left": line.quantity - line.credited_quantity,
                "units": self[f"units_{line.pk}"],
                "restock": self[f"restock_{line.pk}"]
                if line.variant_id and line.returned_quantity < line.quantity
                else None,
            }
            for line in self.lines
        ]

    def clean(self) -> dict[str, Any]:
        """Something has to be asked for."""
        cleaned = super().clean() or self.cleaned_data
        what = cleaned.get("what")
        if what == BY_LINE and not self.errors and not self.units():
            self.add_error(None, _("Say how many pieces of what are refunded."))
        if what == BY_AMOUNT and "amount" not in self.errors and not cleaned.get("amount"):
            self.add_error("amount", _("Say how much."))
        return cleaned

    def arguments(self, *, refundable_minor: int) -> dict[str, Any]:
        """amount_minor, units and with_shipping, as the services take them.

        Of all that is left the units are named, too, wherever their lines hold all of it.
        """
        what = self.cleaned_data["what"]
        if what == BY_AMOUNT:
            return {"amount_minor": self.cleaned_data["amount"], "units": None, "with_shipping": False}
        if what == BY_LINE:
            shipping = self.cleaned_data["with_shipping"]
            return {"amount_minor": None, "units": self.units(), "with_shipping": shipping}
        units = self._units_left()
        held = sum(line.paid_minor - line.credited_minor for line in self.lines if line.pk in units)
        is_all = held == refundable_minor
        return {"amount_minor": None, "units": units if is_all else None, "with_shipping": is_all}

    def restock(self) -> list[StockLine]:
        """What goes back on the shelf: what is ticked, as many as are refunded."""
        what = self.cleaned_data["what"]
        units = {BY_LINE: self.units(), ALL: self._units_left()}.get(what, {})
        lines = [
            StockLine(line.variant_id, min(units.get(line.pk, 0), line.quantity - line.returned_quantity))
            for line in self.lines
            if line.variant_id and self.cleaned_data.get(f"restock_{line.pk}")
        ]
        return [line for line in lines if line.quantity > 0]

    def _units_left(self) -> dict[int, int]:
        left = {line.pk: line.quantity - line.credited_quantity for line in self.lines}
        return {line_id: units for line_id, units in left.items() if units}


class SentRefundForm(forms.Form):
    """What a preview hands on: its key, so that it is sent once, and what it said that it comes to."""

    key = forms.RegexField(KEY)
    expected = forms.IntegerField(min_value=1)
