"""The desk's front page: how the marketplace does, and what needs a look."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.charts import change_percent
from core.clock import now
from services.schema_recording_services import code_version
from tenants.desk.charts import count_chart, volume_chart
from tenants.desk.frame import DeskPage
from tenants.desk_figures import (
    RANGES,
    Captured,
    Range,
    Sold,
    commission_income,
    largest,
    sign_ups_by_day,
    sold,
    standing,
)


class OverviewPage(DeskPage):
    """A range of days against the one before it."""

    template = "desk/overview.html"
    section = "overview"

    def get(self, request: HttpRequest) -> HttpResponse:
        """`?days=` is 7, 30 or 90; `?currency=` one that anything was captured in."""
        asked_days = request.GET.get("days", "")
        asked = Range.of(int(asked_days) if asked_days in map(str, RANGES) else 30, now())
        found = sold(asked)
        currencies = sorted(found.captured, key=lambda code: (code != settings.CURRENCY, code))
        currency = request.GET.get("currency", "")
        if currency not in found.captured:
            currency = currencies[0] if currencies else settings.CURRENCY
        return self.show(
            request,
            asked=asked,
            ranges=RANGES,
            currency=currency,
            currencies=currencies,
            standing=standing(version=code_version()),
            **_money(asked, found.captured.get(currency) or Captured(currency)),
            **_people(asked, found, currency),
        )


def _money(asked: Range, captured: Captured) -> dict[str, Any]:
    amounts, amounts_before = asked.spread(captured.amounts)
    orders, orders_before = asked.spread(captured.orders)
    income, income_before = commission_income(asked).get(captured.currency, (0, 0))
    volume = sum(amounts)
    return {
        "volume": volume,
        "volume_change": change_percent(volume, sum(amounts_before)),
        "volume_chart": volume_chart(captured, asked),
        "orders": sum(orders),
        "orders_change": change_percent(sum(orders), sum(orders_before)),
        "income": income,
        "income_change": change_percent(income, income_before),
        "share": income * 100 / volume if volume else None,
    }


def _people(asked: Range, found: Sold, currency: str) -> dict[str, Any]:
    rows = largest(found, currency=currency)
    for row in rows:
        row["change"] = change_percent(row["amount"], row["amount_before"])
    active = found.active(is_now=True)
    joined = sign_ups_by_day(asked)
    now_joined, joined_before = asked.spread(joined)
    return {
        "largest": rows,
        "active": active,
        "active_change": change_percent(active, found.active(is_now=False)),
        "joined": sum(now_joined),
        "joined_change": change_percent(sum(now_joined), sum(joined_before)),
        "joined_chart": count_chart(joined, asked),
    }
