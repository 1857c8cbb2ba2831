"""What an operator types about money: amounts with a reason, explanations, a seller's terms."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from core.forms import LineField
from core.ids import new_secret
from core.money import to_major
from payouts.models import Payout, PayoutSchedule, SellerAccount
from shop.web.dashboard.forms import MoneyField


class ReasonForm(forms.Form):
    """Why."""

    reason = LineField(max_length=300, label="Reason")


class AmountForm(ReasonForm):
    """An amount in a currency, and why."""

    amount = MoneyField(label="Amount")

    field_order = ("amount", "reason")

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["amount"]
        assert isinstance(field, MoneyField)
        field.currency, field.label = currency, f"Amount in {currency}"

    def clean_amount(self) -> int:
        """Nothing is no amount."""
        if not self.cleaned_data["amount"]:
            raise forms.ValidationError("Enter an amount above 0.")
        return int(self.cleaned_data["amount"])


class ReversalForm(AmountForm):
    """Take back a part of a transfer. `left` is what was left of it when the form was shown."""

    left = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, payout: Payout, **kwargs: Any) -> None:
        left = payout.amount_minor - payout.reversed_minor
        super().__init__(*args, currency=payout.currency, initial={"left": left}, **kwargs)


class WriteOffForm(AmountForm):
    """Give up a debt, or a part of it. `key` makes a form that is sent twice count once."""

    key = forms.RegexField(r"^[\w-]{16,64}\Z", widget=forms.HiddenInput)
    currency = forms.RegexField(r"^[A-Z]{3}\Z", widget=forms.HiddenInput)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        initial = {"key": new_secret(), "currency": currency, **kwargs.pop("initial", {})}
        super().__init__(*args, currency=currency, initial=initial, **kwargs)


class ExplainForm(forms.Form):
    """Why the two sides differ."""

    note = LineField(
        max_length=300,
        label="Why the two sides differ",
        help_text="It is open again when the gap changes. Nothing is booked.",
    )


class PercentField(forms.DecimalField):
    """Per cent with up to two decimals, as people type it; cleaned it is basis points."""

    widget = forms.TextInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=100, max_digits=5, decimal_places=2, localize=False, **kwargs)
        self.widget.attrs["inputmode"] = "decimal"

    def clean(self, value: Any) -> Any:
        """12.5 is 1250."""
        percent = super().clean(value)
        return None if percent is None else int(percent * 100)


class TermsForm(forms.Form):
    """When and how a seller is paid. Holds and reserves apply to new sales."""

    hold_days = forms.IntegerField(
        min_value=0,
        max_value=90,
        label="Days after the capture",
        help_text="So long money waits at least.",
    )
    return_days = forms.IntegerField(
        min_value=0,
        max_value=90,
        required=False,
        label="Days after delivery",
        help_text="Empty: delivery is not waited for.",
    )
    reserve_percent = PercentField(label="Held back of each sale, in %")
    reserve_days = forms.IntegerField(min_value=0, max_value=365, label="For so many days")
    payout_minimum = MoneyField(label="Least amount of a payout")
    plan = LineField(
        max_length=40, required=False, label="Plan", help_text="Commission rules may be for a plan."
    )
    schedule = forms.ChoiceField(
        choices=[(value, label) for value, label in PayoutSchedule.choices], label="Payouts are made"
    )
    schedule_day = forms.IntegerField(
        min_value=1,
        max_value=31,
        label="On the day",
        help_text="Weekly: 1 is Monday. Monthly: of the month, or its last.",
    )
    time_zone = LineField(max_length=60, label="Time zone", help_text="Such as Europe/Berlin.")

    def __init__(self, *args: Any, account: SellerAccount, **kwargs: Any) -> None:
        currency = account.tenant.currency
        super().__init__(*args, initial=shown(account), **kwargs)
        field = self.fields["payout_minimum"]
        assert isinstance(field, MoneyField)
        field.currency, field.label = currency, f"Least amount of a payout, in {currency}"

    def clean_time_zone(self) -> str:
        """A name of the IANA list."""
        name = str(self.cleaned_data["time_zone"])
        if name not in available_timezones():
            raise forms.ValidationError("This is not a name of the IANA list, such as Europe/Berlin.")
        return name

    def clean(self) -> dict[str, Any]:
        """A week has seven days."""
        said = super().clean() or self.cleaned_data
        if said.get("schedule") == PayoutSchedule.WEEKLY and said.get("schedule_day", 1) > 7:
            self.add_error("schedule_day", "A week has the days 1 to 7.")
        return said

    def changes_to(self, account: SellerAccount) -> dict[str, Any]:
        """What is other than before, as the service takes it."""
        said = self.cleaned_data
        names = ("hold_days", "return_days", "reserve_days", "plan", "schedule", "schedule_day", "time_zone")
        terms = {name: said[name] for name in names} | {
            "reserve_basis_points": said["reserve_percent"],
            "payout_minimum_minor": said["payout_minimum"],
        }
        return {name: value for name, value in terms.items() if value != getattr(account, name)}


def shown(account: SellerAccount) -> dict[str, Any]:
    """Terms as the form shows them."""
    names = ("hold_days", "return_days", "reserve_days", "plan", "schedule", "schedule_day", "time_zone")
    return {name: getattr(account, name) for name in names} | {
        "reserve_percent": f"{account.reserve_basis_points / 100:g}",
        "payout_minimum": to_major(account.payout_minimum_minor, account.tenant.currency),
    }
