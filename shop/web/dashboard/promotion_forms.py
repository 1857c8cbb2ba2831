"""What the staff types about promotions."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.clock import now
from core.forms import LineField
from core.money import to_major
from services.promotion_services import CODE, normalise_code
from shop.models import Promotion, PromotionKind
from shop.web.dashboard.forms import MoneyField

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)
# What a rule of the services is about -> the field it is typed in.
FIELDS = {
    "percentage_basis_points": "percentage",
    "amount_minor": "amount",
    "minimum_spend_minor": "minimum",
}


class MomentField(forms.DateTimeField):
    """A day and a time in `zone`, as a browser's own field has it."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, **kwargs: Any) -> None:
        self.zone = ZoneInfo("UTC")
        super().__init__(
            validators=[MinValueValidator(EARLIEST), MaxValueValidator(LATEST)],
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """The seller's clock."""
        with timezone.override(self.zone):
            return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        """Raises ValidationError for a time that the clocks leave out or have twice."""
        with timezone.override(self.zone):
            return super().to_python(value)


class PromotionForm(forms.Form):
    """A promotion; `values` is what the service takes."""

    code = LineField(
        max_length=40,
        label=_("Code"),
        help_text=_(
            "What buyers type: letters without accents, digits, - and _. Capitals or not is the same."
        ),
        widget=forms.TextInput(
            attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false", "dir": "ltr"}
        ),
    )
    kind = forms.ChoiceField(
        choices=[(PromotionKind.PERCENTAGE, _("Percentage")), (PromotionKind.FIXED, _("Fixed amount"))],
        label=_("What it takes off"),
        widget=forms.RadioSelect,
        initial=PromotionKind.PERCENTAGE,
    )
    percentage = forms.DecimalField(
        required=False,
        min_value=Decimal("0.01"),
        max_value=100,
        max_digits=5,
        decimal_places=2,
        label=_("Per cent"),
        help_text=_("Of the goods, not of shipping."),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    amount = MoneyField(required=False, help_text=_("Once per order, and never more than the goods cost."))
    minimum = MoneyField(
        required=False, help_text=_("What the goods must cost before the discount. Empty: any cart.")
    )
    starts_at = MomentField(required=False, label=_("Starts"), help_text=_("Empty: at once."))
    ends_at = MomentField(required=False, label=_("Ends"), help_text=_("Empty: never."))
    usage_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10**9,
        label=_("Uses in all"),
        help_text=_("A cancelled order gives its use back. Empty: as many as come."),
    )
    per_buyer_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10**6,
        label=_("Uses per buyer"),
        help_text=_("Counted by mail address. Empty: as many as they like."),
    )
    is_active = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Switched on"),
        help_text=_("Switched off, buyers are told that there is no such code."),
    )

    def __init__(self, *args: Any, currency: str, zone: ZoneInfo, used: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.used = used
        for name, label in (
            ("amount", _("Amount in %(currency)s")),
            ("minimum", _("Minimum in %(currency)s")),
        ):
            money = self.fields[name]
            assert isinstance(money, MoneyField)
            money.currency, money.label = currency, label % {"currency": currency}
        for name in ("starts_at", "ends_at"):
            moment = self.fields[name]
            assert isinstance(moment, MomentField)
            moment.zone = zone

    def clean_code(self) -> str:
        """Codes are kept in capitals."""
        code = normalise_code(self.cleaned_data["code"])
        if not CODE.fullmatch(code):
            raise forms.ValidationError(
                _("Two to forty letters without accents, digits, - and _, without spaces.")
            )
        return code

    def clean_amount(self) -> int | None:
        """Raises ValidationError for 0, which would take nothing off."""
        amount: int | None = self.cleaned_data["amount"]
        if amount == 0:
            raise forms.ValidationError(_("More than 0."))
        return amount

    def clean_usage_limit(self) -> int | None:
        """Not fewer than it has been used."""
        limit: int | None = self.cleaned_data["usage_limit"]
        if limit is not None and limit < self.used:
            raise forms.ValidationError(_("It has been used %(n)d times already.") % {"n": self.used})
        return limit

    def clean(self) -> dict[str, Any]:
        """What belongs together."""
        values = super().clean() or {}
        kind = values.get("kind")
        needed = "percentage" if kind == PromotionKind.PERCENTAGE else "amount"
        if kind and values.get(needed) is None and needed not in self.errors:
            self.add_error(needed, _("Say how much it takes off."))
        starts_at, ends_at = values.get("starts_at"), values.get("ends_at")
        if ends_at is not None and ends_at <= (starts_at or now()):
            self.add_error("ends_at", _("It must end after it starts."))
        return values

    def values(self) -> dict[str, Any]:
        """As the service takes them, of a form that is valid but perhaps for its code."""
        typed = self.cleaned_data
        is_percentage = typed["kind"] == PromotionKind.PERCENTAGE
        return {
            "code": typed.get("code", ""),
            "kind": typed["kind"],
            "percentage_basis_points": int(typed["percentage"] * 100) if is_percentage else None,
            "amount_minor": None if is_percentage else typed["amount"],
            "minimum_spend_minor": typed["minimum"] or 0,
            "starts_at": typed["starts_at"] or now(),
            "ends_at": typed["ends_at"],
            "usage_limit": typed["usage_limit"],
            "per_buyer_limit": typed["per_buyer_limit"],
            "is_active": typed["is_active"],
        }


def initial_of(promotion: Promotion) -> dict[str, Any]:
    """A saved promotion as it is typed."""
    points, currency = promotion.percentage_basis_points, promotion.currency
    return {
        "code": promotion.code,
        "kind": promotion.kind,
        "percentage": f"{points / 100:g}" if points else None,
        "amount": to_major(promotion.amount_minor, currency) if promotion.amount_minor else None,
        "minimum": to_major(promotion.minimum_spend_minor, currency)
        if promotion.minimum_spend_minor
        else None,
        "starts_at": promotion.starts_at,
        "ends_at": promotion.ends_at,
        "usage_limit": promotion.usage_limit,
        "per_buyer_limit": promotion.per_buyer_limit,
        "is_active": promotion.is_active,
    }
