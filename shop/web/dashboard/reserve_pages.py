"""What is held back of single sales, and when it is released."""

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.clock import now
from services.schedule_services import zone_of
from shop.selectors.book_sums import Held, reserve_sums, reserves_held
from shop.selectors.money import seller_account
from shop.web.dashboard.frame import StaffPage, listed
from tenants.permissions import MANAGERS

DAYS_NAMED = 5


class ReservePage(StaffPage):
    """Sales of which a part is in reserve, the next to be released first; the days on which that is, added up."""

    template = "dashboard/reserve.html"
    roles = MANAGERS
    section = "money"

    def get(self, request: HttpRequest) -> HttpResponse:
        """What is released already is in the books."""
        account = seller_account(request.tenant)
        rows, pager = listed(
            request, reserves_held(request.tenant), fields=("release_at", "pk"), is_ascending=True
        )
        at = now()
        today = at.astimezone(zone_of(account)).date()
        return self.show(
            request,
            account=account,
            rows=[(reserve, reserve.charge.is_frozen and reserve.release_at <= at) for reserve in rows],
            sums=[_told(held, today) for held in reserve_sums(request.tenant, zone=zone_of(account))],
            pager=pager,
        )


def _told(held: Held, today: date) -> dict[str, Any]:
    """The next days by name, what comes after them as one, and what is late: its sale is disputed or being refunded."""
    late = sum(minor for day, minor in held.days if day < today)
    coming = [(day, minor) for day, minor in held.days if day >= today]
    return {
        "held": held,
        "late_minor": late,
        "days": coming[:DAYS_NAMED],
        "later_minor": sum(minor for _, minor in coming[DAYS_NAMED:]),
    }
