"""What Stripe told us: the inbox, what waits in it, and events that are applied again."""

from collections import Counter
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.errors import Conflict
from payouts.desk_selectors import since_days, tenant_named
from payouts.event_selectors import (
    booked_for,
    event_figures,
    events,
    events_about,
    find_event,
    seller_of,
    stripe_account_of,
    waiting_since,
)
from payouts.models import EventState
from services.webhook_services import HANDLERS, retry_events
from shop.web.dashboard.frame import listed
from tenants.desk.asking import asked
from tenants.desk.frame import DeskPage, back

DAYS = [
    ("1", "Last day"),
    ("7", "Last 7 days"),
    ("30", "Last 30 days"),
    ("90", "Last 90 days"),
    ("all", "All"),
]
NEWEST = "7"
STATES = {
    EventState.RECEIVED: "Waiting",
    EventState.APPLIED: "Applied",
    EventState.IGNORED: "Ignored",
    EventState.QUARANTINED: "Quarantined",
}
MOST_AT_ONCE = 100
FILTERS = ("q", "state", "type", "storefront", "days")


class NothingAgain(Conflict):
    """None of them can be applied again."""

    code = "nothing_to_apply"
    title = "Nothing was chosen that could be applied again"
    detail = "Choose events of this mode. Those of Stripe's other mode are not about our money."


class EventsPage(DeskPage):
    """The inbox."""

    template = "desk/events.html"
    section = "events"
    changes: ClassVar[frozenset[str]] = frozenset({"retry"})
    done: ClassVar[dict[str, str]] = {"again": "They are applied again now. Look again in a moment."}

    def get(self, request: HttpRequest) -> HttpResponse:
        """Of the last seven days where nothing else is asked for; `?q=` finds an event or the events of an object."""
        return self.show_again(request, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """With the figures of the same days."""
        wanted = asked(request, *FILTERS)
        wanted["days"] = wanted["days"] or NEWEST
        q, since = wanted["q"].strip(), since_days(wanted["days"])
        account = stripe_account_of(tenant_named(wanted["storefront"])) if wanted["storefront"] else ""
        is_nobody = bool(wanted["storefront"]) and not account
        found = (
            events_about(q)
            if q
            else events(state=wanted["state"], kind=wanted["type"], account=account, since=since)
        )
        rows, pager = listed(
            request, found.none() if is_nobody else found, fields=("created", "pk"), limit=50
        )
        figures = [] if q else event_figures(since=since)
        counts: Counter[str] = Counter()
        for row in figures:
            counts[row["state"]] += row["count"]
        return self.show(
            request,
            rows=rows,
            pager=pager,
            asked=wanted,
            q=q,
            is_nobody=is_nobody,
            days=DAYS,
            tabs=[
                ("", "All", sum(counts.values())),
                *((s.value, name, counts[s]) for s, name in STATES.items()),
            ],
            types=sorted({row["type"] for row in figures} | ({wanted["type"]} if wanted["type"] else set())),
            waits_since=waiting_since(),
            **context,
        )

    def do_retry(self, request: HttpRequest) -> HttpResponse:
        """Apply those that were ticked again."""
        chosen = [text[:80] for text in request.POST.getlist("event")][:MOST_AT_ONCE]
        if not retry_events(event_ids=chosen, actor_id=self.user_id):
            raise NothingAgain
        kept = {
            name: value for name, value in request.GET.items() if name not in ("done", "cursor") and value
        }
        return back("events", done="again", **kept)


class EventPage(DeskPage):
    """One event: its body, what it came to, and a button that applies it again."""

    template = "desk/event.html"
    section = "events"
    changes: ClassVar[frozenset[str]] = frozenset({"retry"})
    done: ClassVar[dict[str, str]] = {"again": "It is applied again now. Look again in a moment."}

    def get(self, request: HttpRequest, event_id: str) -> HttpResponse:
        """Raises NotFound."""
        return self.show_again(request, event_id=event_id, status=200)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The body as it was received."""
        event = find_event(context.pop("event_id"))
        return self.show(
            request,
            event=event,
            is_known=event.type in HANDLERS,
            is_ours=event.livemode == settings.STRIPE_LIVEMODE,
            booked=booked_for(event),
            seller=seller_of(event),
            **context,
        )

    def do_retry(self, request: HttpRequest, event_id: str) -> HttpResponse:
        """Read its object from Stripe again, and bring ours to it."""
        find_event(event_id)
        if not retry_events(event_ids=[event_id], actor_id=self.user_id):
            raise NothingAgain
        return back("event", event_id, done="again")
