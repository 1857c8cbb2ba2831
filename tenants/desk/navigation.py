"""The parts of the desk."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse


@dataclass(frozen=True)
class Part:
    """An entry of the navigation. `section` is what its pages call themselves; `badge` names a figure of what waits."""

    section: str
    label: str
    url_name: str
    icon: str
    badge: str = ""


GROUPS: tuple[tuple[str, tuple[Part, ...]], ...] = (
    (
        "",
        (
            Part("overview", "Overview", "overview", "chart"),
            Part("storefronts", "Storefronts", "storefronts", "store"),
            Part("people", "People", "people", "people"),
            Part("audit", "Audit log", "audit", "shield"),
        ),
    ),
    (
        "Money",
        (
            Part("payouts", "Payouts and transfers", "payouts", "send", "payouts"),
            Part("reconciliation", "Reconciliation", "reconciliation", "scales", "differences"),
            Part("debts", "Debts and write-offs", "debts", "receipt"),
            Part("commission", "Commission rules", "commission", "percent"),
        ),
    ),
    (
        "Machinery",
        (
            Part("events", "Stripe's events", "events", "bolt", "events"),
            Part("jobs", "Jobs", "jobs", "layers", "jobs"),
            Part("fleet", "Fleet", "fleet", "swap", "fleet"),
            Part("operations", "Long work", "operations", "clock", "running"),
        ),
    ),
)


def navigation(*, section: str, waiting: dict[str, int]) -> list[dict[str, Any]]:
    """The groups with their parts."""
    return [
        {
            "title": title,
            "parts": [
                {
                    "label": part.label,
                    "url": reverse(f"desk:{part.url_name}"),
                    "icon": part.icon,
                    "is_here": part.section == section,
                    "count": waiting.get(part.badge, 0),
                }
                for part in parts
            ],
        }
        for title, parts in GROUPS
    ]
