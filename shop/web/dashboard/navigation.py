"""The parts of the dashboard, and who of the staff they are for."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tenants.permissions import EVERYONE, MANAGERS, OWNER, SUPPORTERS


@dataclass(frozen=True)
class Part:
    """An entry of the navigation. `section` is what its pages call themselves; `badge` names a figure of what waits."""

    section: str
    label: Any
    url_name: str
    icon: str
    roles: frozenset[str] = EVERYONE
    badge: str = ""


GROUPS: tuple[tuple[Any, tuple[Part, ...]], ...] = (
    (
        "",
        (
            Part("start", _("Today"), "start", "home"),
            Part("orders", _("Orders"), "orders", "box", badge="to_ship"),
            Part("products", _("Products"), "products", "tag"),
            Part("inventory", _("Stock"), "inventory", "layers", badge="low_stock"),
            Part("customers", _("Customers"), "customers", "people", SUPPORTERS),
            Part("promotions", _("Promotions"), "promotions", "percent", SUPPORTERS),
            Part("reviews", _("Reviews"), "reviews", "star"),
        ),
    ),
    (
        _("Money"),
        (
            Part("money", _("Balance"), "money", "coins", MANAGERS),
            Part("payouts", _("Payouts"), "payouts", "send", MANAGERS),
            Part("disputes", _("Disputes"), "disputes", "scales", SUPPORTERS, badge="disputes"),
            Part("invoices", _("Fee invoices"), "invoices", "receipt", MANAGERS),
        ),
    ),
    (
        _("Shop"),
        (
            Part("brand", _("Brand"), "brand", "brush", MANAGERS),
            Part("pages", _("Pages"), "pages", "file", MANAGERS),
            Part("shipping", _("Shipping"), "shipping", "truck", MANAGERS),
            Part("bank", _("Bank"), "bank", "bank", OWNER),
            Part("team", _("Team"), "team", "badge", MANAGERS),
            Part("settings", _("Settings"), "settings", "sliders", MANAGERS),
            Part("operations", _("Imports and exports"), "operations", "swap", MANAGERS, badge="running"),
        ),
    ),
)


def navigation(*, role: str, section: str, waiting: dict[str, int]) -> list[dict[str, Any]]:
    """The groups with the parts this role may see."""
    groups = []
    for title, parts in GROUPS:
        shown = [
            {
                "label": part.label,
                "url": reverse(f"dashboard:{part.url_name}"),
                "icon": part.icon,
                "is_here": part.section == section,
                "count": waiting.get(part.badge, 0),
            }
            for part in parts
            if role in part.roles
        ]
        if shown:
            groups.append({"title": title, "parts": shown})
    return groups
