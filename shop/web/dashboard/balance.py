"""The seller's balance: what there is, when the rest comes, what happened to it, and why an order is not paid yet."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from babel.dates import format_skeleton
from babel.numbers import format_compact_currency
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language, to_locale

from core.charts import Chart, columns_chart
from core.clock import now
from core.errors import Invalid
from core.money import Money, to_major
from payouts.models import SellerAccount
from services.ledger_services import Balance, seller_balances
from services.schedule_services import zone_of
from services.unpaid_services import (
    STATES,
    Standing,
    Unpaid,
    UnpaidSum,
    stand,
    unpaid_of_no_sale,
    unpaid_page,
    unpaid_sales,
)
from shop.selectors.book_sums import book_sums
from shop.selectors.books import Coming, beside_balances, booked, books_of, money_coming, payout_numbers
from shop.selectors.money import seller_account
from shop.web.dashboard.balance_words import BooksForm, added_up, months, reasons, told, why, why_stands
from shop.web.dashboard.frame import StaffPage, listed, pager
from shop.web.dashboard.order_words import WHERE
from tenants.permissions import MANAGERS

FILTERS = ("kind", "since", "until")


class BalancePage(StaffPage):
    """The balance per currency, the next payout, when pending money comes, and the books."""

    template = "dashboard/balance.html"
    roles = MANAGERS
    section = "money"

    def get(self, request: HttpRequest) -> HttpResponse:
        """`?kind=`, `?since=` and `?until=` narrow the books."""
        tenant, at = request.tenant, now()
        account = seller_account(tenant)
        zone = zone_of(account)
        balances = seller_balances(tenant_id=tenant.pk, at=at)
        coming, beside = money_coming(tenant, zone=zone, at=at), beside_balances(tenant)
        form = BooksForm(request.GET)
        wanted = form.wanted()
        rows, pages = listed(request, books_of(tenant, zone=zone, **wanted), fields=("posted_at", "pk"))
        is_later = bool(request.GET.get("cursor"))
        sums = [] if is_later else book_sums(tenant, zone=zone, at=at, **wanted)
        amounts, payouts = booked(tenant, rows), payout_numbers(rows)
        return self.show(
            request,
            account=account,
            holdings=[
                _holding(account, balance, coming.get(balance.currency), at)
                | {"beside": beside.get(balance.currency)}
                for balance in balances
            ],
            form=form,
            months=months(at.astimezone(zone).date()),
            sums=None if sums is None else [added_up(each) for each in sums],
            is_narrowed=any(request.GET.get(name) for name in FILTERS),
            is_later=is_later,
            rows=[told(row, amounts[row.pk], payouts) for row in rows],
            pager={name: address and f"{address}#books" for name, address in pages.items()},
        )


def _holding(account: SellerAccount, balance: Balance, coming: Coming | None, at: datetime) -> dict[str, Any]:
    """All that the page says of one currency."""
    standing = stand(account, balance, at=at)
    return {
        "balance": balance,
        "standing": standing,
        "why": why_stands(standing, account.payouts_paused_reason),
        "owes_minor": max(-balance.available_minor, 0),
        "coming": coming,
        "chart": _chart(coming) if coming else None,
    }


def _chart(coming: Coming) -> Chart:
    locale = to_locale(get_language() or "en")

    def axis(minor: int) -> str:
        major = to_major(minor, coming.currency)
        return str(format_compact_currency(major, coming.currency, locale=locale, fraction_digits=0))

    return columns_chart(
        [
            str(format_skeleton("MMMd", coming.first + timedelta(days=index), locale=locale))
            for index in range(len(coming.days))
        ],
        coming.days,
        text=lambda minor: Money(minor, coming.currency).format(locale),
        axis=axis,
        most_marks=7,
    )


class UnpaidPage(StaffPage):
    """Why is this not paid yet? For each order with money that is not paid."""

    template = "dashboard/unpaid.html"
    roles = MANAGERS
    section = "money"

    def get(self, request: HttpRequest) -> HttpResponse:
        """`?reason=` is a state of the list, `?part=` is pending or available."""
        tenant, at = request.tenant, now()
        account = seller_account(tenant)
        balances = seller_balances(tenant_id=tenant.pk, at=at)
        standings = {balance.currency: stand(account, balance, at=at) for balance in balances}
        reason = request.GET.get("reason", "")
        reason = reason if reason in STATES else ""
        part = request.GET.get("part", "")
        wanted = {
            "tenant_id": tenant.pk,
            "standings": standings,
            "at": at,
            "state": reason or None,
            "is_pending": {"pending": True, "available": False}.get(part),
        }
        rows, pages, sums = _page_of(request, wanted)
        return self.show(
            request,
            rows=[_explained(row, standings, account.payouts_paused_reason) for row in rows],
            pager=pages,
            reason=reason,
            reasons=reasons(),
            part=part if part in ("pending", "available") else "",
            sums=[(each, *WHERE[each.state]) for each in sums],
            balances=balances,
            loose=unpaid_of_no_sale(tenant_id=tenant.pk).items(),
        )


def _page_of(
    request: HttpRequest, wanted: dict[str, Any]
) -> tuple[list[Unpaid], dict[str, str], list[UnpaidSum]]:
    """The sums stand above the first page only. A cursor that is not ours begins the list anew."""
    if cursor := request.GET.get("cursor", "")[:400]:
        with suppress(Invalid):
            rows, following = unpaid_sales(**wanted, cursor=cursor)
            return rows, pager(request, following), []
    rows, following, sums = unpaid_page(**wanted)
    return rows, pager(request, following), sums


def _explained(sale: Unpaid, standings: dict[str, Standing], paused_reason: str) -> dict[str, Any]:
    tone, name = WHERE[sale.state]
    return {
        "sale": sale,
        "tone": tone,
        "name": name,
        "why": why(sale, standings[sale.currency], paused_reason),
    }
