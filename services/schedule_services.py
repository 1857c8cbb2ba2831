"""When a seller's next payout is made: daily, weekly, monthly or when asked, in the seller's own time zone."""

import calendar
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from core.errors import Invalid
from payouts.models import PayoutSchedule, SellerAccount


def zone_of(account: SellerAccount) -> ZoneInfo:
    """Where the seller is."""
    return ZoneInfo(account.time_zone)


def local_date(account: SellerAccount, at: datetime) -> date:
    """The day it is where the seller is."""
    return at.astimezone(zone_of(account)).date()


def is_payout_day(account: SellerAccount, day: date) -> bool:
    """Whether the schedule names this day. A month without the day is paid on its last."""
    if account.schedule == PayoutSchedule.DAILY:
        return True
    if account.schedule == PayoutSchedule.WEEKLY:
        return day.isoweekday() == account.schedule_day
    if account.schedule == PayoutSchedule.MONTHLY:
        return day.day == min(account.schedule_day, calendar.monthrange(day.year, day.month)[1])
    return False


def is_due(account: SellerAccount, at: datetime) -> bool:
    """Whether the scheduled run should look at this seller now: a payout day that has not been looked at."""
    today = local_date(account, at)
    if account.last_run_on is not None and account.last_run_on >= today:
        return False
    if is_payout_day(account, today):
        return True
    # A day that nothing ran on (the machine was down) is made up for, back to the last run.
    since = max(account.last_run_on or today, today - timedelta(days=31))
    return any(
        is_payout_day(account, since + timedelta(days=ahead)) for ahead in range(1, (today - since).days)
    )


def next_payout_on(account: SellerAccount, at: datetime) -> date | None:
    """The next day on which the scheduled run looks at this seller; None where payouts are made when asked."""
    if account.schedule == PayoutSchedule.MANUAL:
        return None
    today = local_date(account, at)
    days = (today + timedelta(days=ahead) for ahead in range(63))
    return next(
        day
        for day in days
        if is_payout_day(account, day) and (account.last_run_on is None or day > account.last_run_on)
    )


def check_schedule(*, schedule: str, schedule_day: int, time_zone: str) -> None:
    """Raises Invalid, naming the field."""
    if schedule not in PayoutSchedule.values:
        raise Invalid(field="schedule", reason=f"must be one of {', '.join(PayoutSchedule.values)}")
    last = 7 if schedule == PayoutSchedule.WEEKLY else 31
    if not 1 <= schedule_day <= last:
        raise Invalid(field="schedule_day", reason=f"must be 1 to {last}")
    if time_zone not in available_timezones():
        raise Invalid(field="time_zone", reason="must be a name of the IANA list, such as Europe/Berlin")
