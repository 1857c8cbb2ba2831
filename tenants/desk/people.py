"""People: who they are, where they work, and the door."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from core.clock import now
from services.auth_services import end_all_sessions, set_user_active
from tenants.desk.forms import REASON_LENGTH, PeopleForm, reason_of
from tenants.desk.frame import DeskPage, back
from tenants.desk.lists import older
from tenants.desk_selectors import audit_about, find_people, person, sessions_of, with_places


class PeoplePage(DeskPage):
    """Everybody with an account: operators, sellers, their staff, buyers."""

    template = "desk/people.html"
    section = "people"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Newest first."""
        asked = PeopleForm(request.GET).values()
        found = with_places(find_people(asked["q"], kind=asked["kind"]), at=now())
        rows, pager = older(request, found, before=asked["before"] or None)
        return self.show(request, asked=asked, kinds=PeopleForm.KINDS, rows=rows, pager=pager)


class PersonPage(DeskPage):
    """One of them."""

    template = "desk/person.html"
    section = "people"
    done: ClassVar[dict[str, str]] = {
        "disabled": "Disabled. Every token is dead with the next request.",
        "enabled": "Enabled. They can sign in again.",
        "signed-out": "Signed out everywhere.",
    }
    changes = frozenset({"disable", "enable", "sign-out"})

    def get(self, request: HttpRequest, user_id: UUID, **context: Any) -> HttpResponse:
        """Raises NotFound."""
        at = now()
        return self.show(
            request,
            somebody=person(user_id, at=at),
            sessions=sessions_of(user_id, at=at),
            lines=audit_about(user_id),
            is_me=user_id == self.user_id,
            reason_length=REASON_LENGTH,
            typed={request.POST.get("action", ""): request.POST.get("reason", "")},
            **context,
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The same page."""
        return self.get(request, *args, **context)

    def do_disable(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        """Nobody disables themselves."""
        self._set(request, user_id, is_active=False)
        return back("person", user_id, done="disabled")

    def do_enable(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        """They may sign in again."""
        self._set(request, user_id, is_active=True)
        return back("person", user_id, done="enabled")

    def do_sign_out(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        """On every host. Operators who do it to themselves are asked to sign in again."""
        end_all_sessions(
            user_id=person(user_id, at=now()).pk, actor_id=self.user_id, reason=reason_of(request)
        )
        return back("person", user_id, done="signed-out")

    def _set(self, request: HttpRequest, user_id: UUID, *, is_active: bool) -> None:
        set_user_active(
            user_id=person(user_id, at=now()).pk,
            is_active=is_active,
            actor_id=self.user_id,
            reason=reason_of(request),
        )
