"""What one storefront keeps of a person: given to them or forgotten, where the seller does not do it."""

import json
from http import HTTPStatus
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse

from core.downloads import download
from core.errors import DomainError, Invalid
from core.forms import LineField, add_refusal
from core.problems import status_of
from services.person_export_services import hand_out_person
from services.person_services import erase_person_by_email
from tenants.context import tenant_scope
from tenants.desk.forms import REASON_LENGTH
from tenants.desk.frame import DeskPage, back
from tenants.desk_selectors import storefront_named
from tenants.models import GONE, Tenant


class GiveForm(forms.Form):
    """Whose data."""

    email = forms.EmailField(label="Their mail address", max_length=254)


class ForgetForm(GiveForm):
    """Who is forgotten, why, and that it is meant."""

    reason = LineField(
        label="Why", max_length=REASON_LENGTH, help_text="For the audit log. Do not name them here."
    )
    confirm = LineField(label="The storefront’s name in its address, to confirm", max_length=40)


class PersonDataPage(DeskPage):
    """In one storefront, by mail address: with an account or without."""

    template = "desk/person_data.html"
    section = "storefronts"
    done: ClassVar[dict[str, str]] = {
        "forgotten": "Forgotten in this storefront. How much that was is in its log.",
        "unknown": "Nothing was known of this address here, and nothing was changed.",
    }
    changes = frozenset({"give", "forget"})

    def get(self, request: HttpRequest, slug: str, **context: Any) -> HttpResponse:
        """The forms. Raises NotFound."""
        forms_ = {"give_form": GiveForm(auto_id="give-%s"), "forget_form": ForgetForm(auto_id="forget-%s")}
        return self.show(request, tenant=_served(slug), **{**forms_, **context})

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The same page."""
        return self.get(request, *args, **context)

    def do_give(self, request: HttpRequest, slug: str) -> HttpResponse:
        """All of it as a file, to be sent to that address only."""
        tenant, form = _served(slug), GiveForm(request.POST, auto_id="give-%s")
        if not form.is_valid():
            return self.show_again(request, slug=slug, give_form=form, status=HTTPStatus.BAD_REQUEST)
        with tenant_scope(tenant):
            told = hand_out_person(email=form.cleaned_data["email"], actor_id=self.user_id)
        text = json.dumps(told, ensure_ascii=False, indent=2)
        return download(text, "application/json", f"{tenant.slug}-person.json")

    def do_forget(self, request: HttpRequest, slug: str) -> HttpResponse:
        """There is no way back, so the storefront is named once more."""
        tenant, form = _served(slug), ForgetForm(request.POST, auto_id="forget-%s")
        if form.is_valid() and form.cleaned_data["confirm"] != tenant.slug:
            form.add_error("confirm", f"Type {tenant.slug} to forget them there.")
        if not form.is_valid():
            return self.show_again(request, slug=slug, forget_form=form, status=HTTPStatus.BAD_REQUEST)
        try:
            with tenant_scope(tenant):
                done = erase_person_by_email(
                    email=form.cleaned_data["email"],
                    actor_id=self.user_id,
                    reason=form.cleaned_data["reason"],
                )
        except DomainError as refusal:
            if isinstance(refusal, Invalid):
                add_refusal(form, refusal)
            else:
                form.add_error(None, refusal.sentence)
            return self.show_again(request, slug=slug, forget_form=form, status=status_of(refusal))
        return back("person-data", slug, done="forgotten" if done.total else "unknown")


def _served(slug: str) -> Tenant:
    """A storefront whose data is there. Raises NotFound, Invalid."""
    tenant = storefront_named(slug)
    if tenant.status in GONE:
        raise Invalid(field="storefront", reason="is closed: open it again first, or let it be erased")
    return tenant
