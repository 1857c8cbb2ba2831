"""What the staff types about the stock."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from core.forms import LineField
from services.inventory_services import MOST_UNITS, Count

REASONS = (
    gettext_noop("Stock-taking"),
    gettext_noop("Damaged"),
    gettext_noop("Lost"),
    gettext_noop("Found again"),
    gettext_noop("Sample or gift"),
)
ROW = re.compile(r"count-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
MOST_ROWS = 100


class UnitsField(forms.IntegerField):
    """A number of pieces."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": MOST_UNITS, **kwargs})
        self.widget.attrs["inputmode"] = "numeric"


class ReceiveForm(forms.Form):
    """Goods came in."""

    quantity = UnitsField(min_value=1, label=_("Pieces that came in"))
    reason = LineField(required=False, max_length=200, label=_("Note"), help_text=_("A delivery note, say."))


class AdjustForm(forms.Form):
    """The count is wrong by so much."""

    delta = forms.IntegerField(
        min_value=-MOST_UNITS,
        max_value=MOST_UNITS,
        label=_("Change by"),
        help_text=_("3 for more, -3 for less."),
    )
    reason = LineField(max_length=200, label=_("Reason"), widget=forms.TextInput(attrs={"list": "reasons"}))

    def clean_delta(self) -> int:
        """Raises ValidationError for 0."""
        if not self.cleaned_data["delta"]:
            raise forms.ValidationError(_("A change of 0 changes nothing."))
        return int(self.cleaned_data["delta"])


class CountForm(forms.Form):
    """What was counted; `seen` is the count the page showed."""

    counted = UnitsField(label=_("Pieces counted"))
    seen = UnitsField(widget=forms.HiddenInput)
    reason = LineField(max_length=200, label=_("Reason"), widget=forms.TextInput(attrs={"list": "reasons"}))


class RulesForm(forms.Form):
    """When to warn, and whether it is counted at all."""

    low_stock_threshold = UnitsField(
        label=_("Warn at"), help_text=_("You are told once when so many or fewer are available.")
    )
    is_tracked = forms.BooleanField(
        required=False,
        label=_("Count this item"),
        help_text=_("An item that is not counted can always be bought."),
    )


@dataclass
class Take:
    """A stock-take as it was sent: what was counted, and what cannot be a count, by variant."""

    counts: list[Count] = field(default_factory=list)
    typed: dict[UUID, str] = field(default_factory=dict)
    wrong: set[UUID] = field(default_factory=set)
    reason: str = ""

    @classmethod
    def read(cls, sent: Mapping[str, str]) -> "Take":
        """The fields `count-<variant>` and `seen-<variant>`; an empty one was not counted."""
        take = cls(reason=" ".join(sent.get("reason", "").split())[:200])
        for name, text in sent.items():
            found = ROW.fullmatch(name)
            if found is None or not text.strip() or len(take.typed) >= MOST_ROWS:
                continue
            variant_id = UUID(found[1])
            take.typed[variant_id] = text.strip()[:20]
            counted, seen = _units(text), _units(sent.get(f"seen-{variant_id}", ""))
            if counted is None or seen is None:
                take.wrong.add(variant_id)
            else:
                take.counts.append(Count(variant_id, counted, seen))
        return take


def _units(text: str) -> int | None:
    is_number = re.fullmatch(r"[0-9]{1,7}", text.strip())
    return int(text) if is_number and int(text) <= MOST_UNITS else None
