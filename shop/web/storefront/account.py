"""Proving a mailbox: the page that links in mails lead to."""

from django.http import HttpRequest, HttpResponse

from core.errors import DomainError
from core.forms import add_refusal
from services.auth_services import accept_mailbox_proof
from shop.web.storefront.forms import ConfirmForm
from shop.web.storefront.page import Page


class ConfirmPage(Page):
    """Name and password of a new account, or the new password of an old one.

    The proof stands behind the # of the link, where no server and no log sees it; a script moves it into the form.
    Without scripts the link is pasted.
    """

    template = "storefront/account_confirm.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self.show(request, form=ConfirmForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set the password."""
        form = ConfirmForm(request.POST)
        if not form.is_valid():
            return self.show(request, form=form, status=400)
        values = form.cleaned_data
        try:
            pair = accept_mailbox_proof(
                proof=values["proof"],
                password=values["password"],
                name=values["name"],
                tenant=request.tenant,
            )
        except DomainError as refusal:
            add_refusal(form, refusal)
            return self.show(request, form=form, status=400)
        return self.show(request, person=pair.user, is_done=True)
