"""What the desk's pages share: who may see them, the frame they are shown in, forms that do something."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.views import View

from core.errors import DomainError, Invalid, NotFound, Unavailable
from core.problems import WEATHER, status_of
from payouts.selectors import what_waits
from tenants.desk.navigation import navigation
from tenants.web.views import not_found

# What a page says after something was done; the key is in its address (`?done=`).
DONE: dict[str, str] = {"saved": "Saved.", "removed": "Removed.", "started": "It has begun."}


class DeskPage(View):
    """A page for operators, on the marketplace's host; everybody else signs in at the admin, or is refused there.

    `section` is its part of the navigation. `changes` names what a form's `action` may ask for: `do_<action>` does it.
    """

    template = ""
    section = ""
    done: ClassVar[dict[str, str]] = {}
    changes: ClassVar[frozenset[str]] = frozenset()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """English, whatever the browser speaks; refusals raised anywhere below become pages."""
        if not (request.user.is_active and getattr(request.user, "is_operator", False)):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        with translation.override("en"):
            try:
                return super().dispatch(request, *args, **kwargs)
            except NotFound:
                return not_found(request)
            except DomainError as refusal:
                return self._refused(request, refusal)
            except OperationalError as error:
                if getattr(error.__cause__, "pgcode", None) not in WEATHER:
                    raise
                return self._refused(request, Unavailable(retry_after=1))

    @property
    def user_id(self) -> Any:
        """The operator who asks."""
        return self.request.user.pk

    def show(
        self, request: HttpRequest, *, status: int = 200, template: str = "", **context: Any
    ) -> HttpResponse:
        """The page's template in the desk's frame."""
        waiting = what_waits()
        said = {**DONE, **self.done}.get(request.GET.get("done", "")) if status == HTTPStatus.OK else None
        frame = {
            "navigation": navigation(section=self.section, waiting=waiting),
            "section": self.section,
            "waiting": waiting,
            "said": said,
        }
        return render(request, template or self.template, {**frame, **context}, status=status)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do what the form's `action` names. A refusal is shown on the page itself, as `problem`, with its status."""
        action = request.POST.get("action", "")
        if action not in self.changes:
            raise Invalid(field="action", reason="is not known here")
        do: Callable[..., HttpResponse] = getattr(self, f"do_{action.replace('-', '_')}")
        try:
            return do(request, *args, **kwargs)
        except NotFound:
            raise
        except DomainError as refusal:
            return self.show_again(request, *args, problem=say(refusal), status=status_of(refusal), **kwargs)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The page as `get` shows it, with more in it. Pages with `changes` have this."""
        raise NotImplementedError

    def _refused(self, request: HttpRequest, refusal: DomainError) -> HttpResponse:
        return self.show(
            request, status=status_of(refusal), template="desk/refused.html", problem=say(refusal)
        )


def say(refusal: DomainError) -> str:
    """A refusal as a sentence for people."""
    if isinstance(refusal, Invalid) and "reason" in refusal.facts:
        return f"{str(refusal.facts['field']).replace('_', ' ').capitalize()}: {refusal.facts['reason']}."
    return refusal.sentence


def back(name: str, *args: Any, done: str = "", anchor: str = "", **query: str) -> HttpResponse:
    """To a page of the desk, after something was done there; the page says what."""
    asked = urlencode({**query, **({"done": done} if done else {})})
    return redirect(
        reverse(f"desk:{name}", args=args) + (f"?{asked}" if asked else "") + (f"#{anchor}" if anchor else "")
    )
