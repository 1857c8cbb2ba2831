"""An operator's look at the dashboard: how they come and go. What they see is shop.web.dashboard.frame's."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from services.auth_services import TokenRefused
from services.support_services import end_support_view, enter_support_view
from shop.web.storefront.errors import refused
from shop.web.storefront.page import Page
from tenants.web.support import forget_support, keep_support, support_of


class SupportArrivePage(Page):
    """From the operator's desk: the ticket is traded for a cookie here, once."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """On to the dashboard; a ticket that is used, too old or of another kind is refused."""
        try:
            token = enter_support_view(ticket=request.GET.get("ticket", ""), tenant=request.tenant)
        except TokenRefused as refusal:
            return refused(request, refusal)
        return keep_support(redirect("dashboard:start"), token)


class SupportLeavePage(Page):
    """Out of the support view."""

    template = "dashboard/support_leave.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Asks once; afterwards it leads back to the desk."""
        return self.show(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """The view is over with this answer."""
        if session := support_of(request):
            end_support_view(session_id=session.pk)
        return forget_support(redirect("dashboard:support-leave"))

    def show(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page."""
        return super().show(request, status=status, is_support=support_of(request) is not None, **context)
