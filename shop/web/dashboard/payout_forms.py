"""What the owner decides about payouts, and what the staff tells a bank."""

import calendar
from typing import Any

from babel.dates import get_day_names
from django import forms
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext_lazy as _

from core.forms import TextField
from payouts.models import PayoutSchedule, SellerAccount

SCHEDULES = [
    (PayoutSchedule.DAILY.value, _("Every day")),
    (PayoutSchedule.WEEKLY.value, _("Every week")),
    (PayoutSchedule.MONTHLY.value, _("Every month")),
    (PayoutSchedule.MANUAL.value, _("Only when you ask")),
]
MAX_ANSWER = 20_000  # as the API takes it


class ScheduleForm(forms.Form):
    """When payouts are made."""

    schedule = forms.ChoiceField(choices=SCHEDULES, widget=forms.RadioSelect, label=_("When"))
    weekday = forms.TypedChoiceField(coerce=int, empty_value=1, required=False, label=_("Day of the week"))
    month_day = forms.TypedChoiceField(
        coerce=int,
        empty_value=1,
        required=False,
        label=_("Day of the month"),
        help_text=_("A shorter month is paid on its last day."),
        choices=[(number, str(number)) for number in range(1, 32)],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = get_day_names("wide", locale=to_locale(get_language() or "en"))
        field = self.fields["weekday"]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = [(number + 1, names[number]) for number in calendar.Calendar().iterweekdays()]

    def terms(self) -> dict[str, Any]:
        """As the service takes them."""
        values = self.cleaned_data
        days = {PayoutSchedule.WEEKLY: values["weekday"], PayoutSchedule.MONTHLY: values["month_day"]}
        return {"schedule": values["schedule"], "schedule_day": days.get(values["schedule"], 1)}


def schedule_form(account: SellerAccount, sent: Any = None) -> ScheduleForm:
    """As it is set."""
    is_weekly = account.schedule == PayoutSchedule.WEEKLY
    initial = {
        "schedule": account.schedule,
        "weekday": account.schedule_day if is_weekly else 1,
        "month_day": account.schedule_day if account.schedule == PayoutSchedule.MONTHLY else 1,
    }
    return ScheduleForm(sent, initial=initial)


class AnswerForm(forms.Form):
    """The seller's side of a dispute."""

    text = TextField(
        max_length=MAX_ANSWER,
        label=_("What happened, as you would tell the bank"),
        widget=forms.Textarea(attrs={"rows": 8}),
    )


class AcceptForm(forms.Form):
    """Giving in: said twice, by a box and a button."""

    is_sure = forms.BooleanField(
        label=_("I know that the money stays with the buyer and that this is final.")
    )
