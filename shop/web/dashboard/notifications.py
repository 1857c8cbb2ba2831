"""What the staff was told, and where to go from there."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as lazy

from core.errors import NotFound
from services.notification_services import mark_read
from shop.models import Notification
from shop.selectors.people import staff_notification, staff_notifications
from shop.web.dashboard.frame import StaffPage, back, listed
from tenants.permissions import EVERYONE, MANAGERS, OWNER, SUPPORTERS


@dataclass(frozen=True)
class Kind:
    """What a notification is about: its types, its name and icon, and the part it leads to where it is of no order."""

    types: tuple[str, ...]
    label: Any
    icon: str
    part: str = ""
    roles: frozenset[str] = EVERYONE


KINDS = {
    "orders": Kind(("order_paid",), lazy("Orders"), "box", "orders"),
    "refunds": Kind(("refund_failed",), lazy("Refunds"), "undo", "orders"),
    "stock": Kind(("low_stock",), lazy("Stock"), "layers", "inventory"),
    "reviews": Kind(("review_written",), lazy("Reviews"), "star", "reviews"),
    "disputes": Kind(("dispute",), lazy("Disputes"), "scales", "disputes", SUPPORTERS),
    "payouts": Kind(("payout_sent", "payout_returned"), lazy("Payouts"), "send", "payouts", MANAGERS),
    "bank": Kind(("account_ready", "account_restricted"), lazy("Bank"), "bank", "bank", OWNER),
}
KIND_OF = {type_: kind for kind in KINDS.values() for type_ in kind.types}
OTHER = Kind((), lazy("Other"), "bell")
LOW_STOCK = re.compile(r"staff:low_stock:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):")


@dataclass(frozen=True)
class Row:
    """A notification as the list shows it; `url` is "" where this role has no page of it."""

    told: Notification
    kind: Kind
    url: str


class NotificationsPage(StaffPage):
    """All of them, newest first."""

    template = "dashboard/notifications.html"
    section = "notifications"
    done: ClassVar = {"read": lazy("Marked as read.")}
    changes: ClassVar = {"read": EVERYONE, "read-all": EVERYONE, "open": EVERYONE}

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """A page of the list."""
        kind = request.GET.get("kind", "")
        only_unread = request.GET.get("show") == "unread"
        types = KINDS[kind].types if kind in KINDS else ()
        found = staff_notifications(types=types, only_unread=only_unread)
        rows, pager = listed(request, found, fields=("created_at", "id"))
        return self.show(
            request,
            rows=[Row(row, KIND_OF.get(row.type, OTHER), self._url(row)) for row in rows],
            pager=pager,
            kinds=KINDS,
            shown=kind if kind in KINDS else "",
            only_unread=only_unread,
            **context,
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The list."""
        return self.get(request, **context)

    def do_read(self, request: HttpRequest) -> HttpResponse:
        """One is read."""
        mark_read(notification_ids=[_asked(request)], recipient_id=None)
        return self._back(request)

    def do_read_all(self, request: HttpRequest) -> HttpResponse:
        """All are read, whatever the list is narrowed to."""
        mark_read(notification_ids=None, recipient_id=None)
        return self._back(request, done="read")

    def do_open(self, request: HttpRequest) -> HttpResponse:
        """Read, and on to what it is about."""
        told = staff_notification(_asked(request))
        mark_read(notification_ids=[told.pk], recipient_id=None)
        return redirect(self._url(told) or "dashboard:notifications")

    def _url(self, told: Notification) -> str:
        kind = KIND_OF.get(told.type, OTHER)
        if self.role not in kind.roles:
            return ""
        if told.type == "low_stock" and (item := LOW_STOCK.match(told.dedupe_key)):
            return reverse("dashboard:inventory-item", args=[item[1]])
        if told.order_id is not None and told.type in ("order_paid", "refund_failed"):
            return reverse("dashboard:order", args=[told.order_id])
        return reverse(f"dashboard:{kind.part}") if kind.part else ""

    def _back(self, request: HttpRequest, done: str = "") -> HttpResponse:
        kept = {name: text for name, text in request.GET.items() if name in ("kind", "show", "cursor")}
        return back("notifications", done=done, **kept)


def _asked(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("notification", ""))
    except ValueError as error:
        raise NotFound(what="notification") from error
