"""What the seller's pages share: who may see them, and the frame they are shown in."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from core.errors import Refused
from shop.web.storefront.errors import refused
from shop.web.storefront.page import Page
from tenants.permissions import EVERYONE
from tenants.selectors import role_in
from tenants.web.sessions import session_of


class StaffPage(Page):
    """A page for the storefront's staff; `roles` says who of them, `section` which part of the navigation it is in.

    Nobody is signed in: to the sign-in page, and back. Not of the staff, or without the role: a refusal.
    """

    roles = EVERYONE
    section = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Asked before anything else: who is it, and which role is theirs here."""
        session = session_of(request)
        if session is None:
            wanted = urlencode({"next": request.get_full_path()})
            return redirect(f"{reverse('dashboard:sign-in')}?{wanted}")
        role = role_in(session.user_id, request.tenant)
        if role is None or role not in self.roles:
            return refused(request, Refused())
        self.user_id, self.role = session.user_id, role
        return super().dispatch(request, *args, **kwargs)

    def show(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page's template in the dashboard's frame."""
        return super().show(
            request, status=status, cart_units=0, role=self.role, section=self.section, **context
        )
