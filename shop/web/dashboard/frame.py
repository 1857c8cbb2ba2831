"""What the seller's pages share: who may see them, the frame they are shown in, lists, and forms that do something."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.db import OnlyReads, only_reads
from core.errors import Conflict, DomainError, Invalid, Refused
from core.forms import as_sentence
from core.pagination import cursor_page
from core.problems import status_of
from services.order_history import Actor
from services.support_services import OnlyLooking, note_support_page
from shop.models import ActorKind
from shop.selectors.waiting import what_waits
from shop.web.dashboard.navigation import navigation
from shop.web.storefront.errors import refused
from shop.web.storefront.page import Page
from tenants.models import Role, Session
from tenants.permissions import EVERYONE, FULFILLERS, MANAGERS, OWNER, SUPPORTERS
from tenants.selectors import role_in
from tenants.web.sessions import forget_session, session_of
from tenants.web.support import support_of

ROLE_SETS = {"manage": MANAGERS, "fulfil": FULFILLERS, "support": SUPPORTERS, "own": OWNER}
# What a page says after something was done; the key is in its address (`?done=`).
DONE: dict[str, Any] = {
    "saved": _("Saved."),
    "removed": _("Removed."),
    "added": _("Added."),
}


class StaffPage(Page):
    """A page for the storefront's staff; `roles` says who of them, `section` which part of the navigation it is in.

    Nobody is signed in: to the sign-in page, and back. Not of the staff, or without the role: a refusal.
    `changes` names what may be done by a form's `action` and who may: see `post`.
    """

    roles = EVERYONE
    section = ""
    done: ClassVar[dict[str, Any]] = {}
    changes: ClassVar[dict[str, frozenset[str]]] = {}
    is_support = False  # an operator looks; nothing may be changed, nor asked of Stripe

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Asked before anything else: who is it, and which role is theirs here."""
        if support := support_of(request):
            return self._look_on(support, request, *args, **kwargs)
        session = session_of(request)
        if session is None:
            wanted = urlencode({"next": request.get_full_path()})
            return redirect(f"{reverse('dashboard:sign-in')}?{wanted}")
        role = role_in(session.user_id, request.tenant)
        if role is None or role not in self.roles:
            return refused(request, Refused())
        self.user_id, self.role = session.user_id, role
        return super().dispatch(request, *args, **kwargs)

    def _look_on(self, support: Session, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page as the owner sees it, for an operator: written down first, and then only read, which PostgreSQL sees to.

        Whoever else is signed in in this browser has no part in it.
        """
        forget_session(request)
        self.user_id, self.role, self.is_support = support.user_id, Role.OWNER.value, True
        if request.method not in ("GET", "HEAD"):
            return refused(request, OnlyLooking())
        about = {name: str(value) for name, value in kwargs.items() if isinstance(value, UUID)}
        page = request.resolver_match.route if request.resolver_match else ""
        note_support_page(operator_id=support.user_id, tenant=request.tenant, page=page, **about)
        try:
            with only_reads():
                return super().dispatch(request, *args, **kwargs)
        except OnlyReads:
            return refused(request, OnlyLooking())

    @property
    def actor(self) -> Actor:
        """The member of staff who asks."""
        return Actor(ActorKind.SELLER, self.user_id)

    def show(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page's template in the dashboard's frame, with `may`: what this role may do. Times are the seller's."""
        waiting, zone = what_waits(request.tenant.pk)
        said = {**DONE, **self.done}.get(request.GET.get("done", "")) if status == HTTPStatus.OK else None
        frame = {
            "cart_units": 0,
            "role": self.role,
            "is_support": self.is_support,
            "may": {name: self.role in roles for name, roles in ROLE_SETS.items()},
            "section": self.section,
            "navigation": navigation(role=self.role, section=self.section, waiting=waiting),
            "unread": waiting["unread"],
            "said": said,
        }
        with timezone.override(zone):
            return super().show(request, status=status, **{**frame, **context})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do what the form's `action` names, by the method `do_<action>`, if `changes` lets this role.

        A refusal is shown on the page itself, as `problem`, with its status.
        """
        action = request.POST.get("action", "")
        if self.role not in self.changes.get(action, frozenset()):
            raise Refused()
        do: Callable[..., HttpResponse] = getattr(self, f"do_{action.replace('-', '_')}")
        try:
            return do(request, *args, **kwargs)
        except DomainError as refusal:
            status = status_of(refusal)
            if status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
                raise
            return self.show_again(request, *args, problem=say(refusal), status=status, **kwargs)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The page as `get` shows it, with more in it. Pages with `changes` have this."""
        raise NotImplementedError


def say(refusal: DomainError) -> str:
    """A refusal as a sentence for people."""
    if (isinstance(refusal, Invalid) or type(refusal) is Conflict) and "reason" in refusal.facts:
        return as_sentence(refusal.facts["reason"])
    return refusal.sentence


def back(name: str, *args: Any, done: str = "", anchor: str = "", **query: str) -> HttpResponse:
    """To a page of the dashboard, after something was done there; the page says what."""
    asked = urlencode({**query, **({"done": done} if done else {})})
    return redirect(
        reverse(f"dashboard:{name}", args=args)
        + (f"?{asked}" if asked else "")
        + (f"#{anchor}" if anchor else "")
    )


def listed(
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    fields: tuple[str, str],
    limit: int = 25,
    is_ascending: bool = False,
) -> tuple[list[Any], dict[str, str]]:
    """A page of rows ordered by `-fields[0], -fields[1]` (by `fields` where they ascend), and where the neighbouring pages
    are: {"first", "next"}, each a query string or "". A cursor that is not ours begins the list anew.
    """
    cursor = request.GET.get("cursor", "")[:400]
    try:
        page, following = cursor_page(
            rows, fields=fields, cursor=cursor, limit=limit, is_ascending=is_ascending
        )
    except Invalid:
        cursor = ""
        page, following = cursor_page(rows, fields=fields, cursor="", limit=limit, is_ascending=is_ascending)
    return page, pager(request, following)


def pager(request: HttpRequest, following: str | None) -> dict[str, str]:
    """The query strings of the first and the next page of a list, "" where that is not to be offered."""
    kept = request.GET.copy()
    for name in ("cursor", "done"):
        kept.pop(name, None)
    is_later = bool(request.GET.get("cursor"))
    first = f"?{kept.urlencode()}" if is_later else ""
    kept["cursor"] = following or ""
    return {"first": first, "next": f"?{kept.urlencode()}" if following else ""}
