"""The owner closes the shop: what happens, until when it can be taken back, and the way there."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from core.clock import now
from core.errors import DomainError, Invalid
from core.forms import LineField, PasswordField, add_refusal
from services.closing_services import WrongPassword, close_own_storefront
from services.leaving_services import unfinished
from shop.web.dashboard.frame import StaffPage
from tenants.models import Tenant
from tenants.permissions import OWNER
from tenants.web.sessions import forget_session

WORDS = {
    "pending": lazy("Orders that wait for a payment"),
    "confirmed": lazy("Orders to be sent"),
    "refund": lazy("Refunds on their way"),
}


class CloseForm(forms.Form):
    """That it is meant, and by whom."""

    confirm = forms.CharField(
        max_length=60,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "dir": "ltr"}
        ),
    )
    password = PasswordField("current-password", label=lazy("Your password"))
    reason = LineField(
        required=False,
        max_length=300,
        label=lazy("Why"),
        help_text=lazy("Only the marketplace's operator reads it."),
    )

    def __init__(self, *args: Any, slug: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["confirm"].label = _("Type %(word)s to confirm") % {"word": slug}


class ClosePage(StaffPage):
    """The last page a shop shows."""

    template = "dashboard/close.html"
    section = "settings"
    roles = OWNER

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """What will happen, and what is to be done before."""
        grace = timedelta() if request.tenant.is_staging else settings.CLOSED_KEPT
        return self.show(
            request,
            **{
                "form": CloseForm(slug=request.tenant.slug),
                "until": now() + grace if grace else None,
                "unfinished": [WORDS[each.code] for each in unfinished(request.tenant)],
                **context,
            },
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Close it. What is answered then is the last that comes from here: the address leads nowhere afterwards."""
        form = CloseForm(request.POST, slug=request.tenant.slug)
        if not form.is_valid():
            return self.get(request, form=form, status=HTTPStatus.BAD_REQUEST)
        try:
            tenant = close_own_storefront(
                tenant_id=request.tenant.pk, user_id=self.user_id, **form.cleaned_data
            )
        except WrongPassword:
            form.add_error("password", _("This is not your password."))
        except Invalid:
            form.add_error("confirm", _("This is not the name in the shop's address."))
        except DomainError as refusal:
            add_refusal(form, refusal)
        else:
            forget_session(request)
            self.template = "dashboard/closed.html"
            return self.show(
                request,
                until=None if tenant.is_staging else tenant.erase_after,
                contact=settings.MARKETPLACE_EMAIL,
                marketplace=Tenant.marketplace_url(),
            )
        return self.get(request, form=form, status=HTTPStatus.BAD_REQUEST)
