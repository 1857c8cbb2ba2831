"""The dashboard's front page: what there is to do, what was sold, and what the money does."""

from datetime import datetime
from typing import Any

from babel.dates import format_skeleton
from babel.numbers import format_compact_currency
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language, to_locale

from core.charts import change_percent, columns_chart
from core.clock import now
from core.money import Money, to_major
from services.ledger_services import seller_balances
from services.schedule_services import next_payout_on, zone_of
from shop.selectors.money import seller_account
from shop.selectors.selling import first_steps
from shop.selectors.today import RANGES, Sales, best_sellers, low_items, orders_to_ship, sales
from shop.web.dashboard.frame import StaffPage


class StartPage(StaffPage):
    """Today. Who manages the shop sees its figures; everybody sees what there is to do."""

    template = "dashboard/start.html"
    section = "start"

    def get(self, request: HttpRequest) -> HttpResponse:
        """`?days=` is the range: 1, 7, 30, 90 or 364 days."""
        facts: dict[str, Any] = {"to_ship": orders_to_ship(), "low": low_items()}
        if self.role in ("owner", "manager"):
            facts |= self._figures(request)
        return self.show(request, **facts)

    def _figures(self, request: HttpRequest) -> dict[str, Any]:
        asked = request.GET.get("days", "")
        days = int(asked) if asked in map(str, RANGES) else 7
        tenant, at = request.tenant, now()
        account = seller_account(tenant)
        zone = zone_of(account)
        sold = sales(days=days, zone=zone, currency=tenant.currency, at=at)
        steps = first_steps(tenant)
        return {
            "steps": None if all(steps.values()) else steps,
            "days": days,
            "ranges": RANGES,
            "sold": sold,
            "average": sold.amount // sold.orders if sold.orders else 0,
            "amount_change": change_percent(sold.amount, sold.amount_before),
            "orders_change": change_percent(sold.orders, sold.orders_before),
            "chart": _chart(sold, tenant.currency, by_hour=days == 1),
            "best": best_sellers(days=days, zone=zone, at=at),
            "balances": seller_balances(tenant_id=tenant.pk, at=at),
            "next_payout": next_payout_on(account, at),
            "account": account,
        }


def _chart(sold: Sales, currency: str, *, by_hour: bool) -> Any:
    locale = to_locale(get_language() or "en")

    def label(bucket: datetime) -> str:
        return str(format_skeleton("Hm" if by_hour else "MMMd", bucket, locale=locale))

    def axis(minor: int) -> str:
        return str(
            format_compact_currency(to_major(minor, currency), currency, locale=locale, fraction_digits=0)
        )

    return columns_chart(
        [label(bucket) for bucket in sold.buckets],
        sold.amounts,
        before=sold.amounts_before,
        text=lambda minor: Money(minor, currency).format(locale),
        axis=axis,
    )
