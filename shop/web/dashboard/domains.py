"""The shop's own domains: added, proved with a record in DNS, made the address, removed."""

from http import HTTPStatus
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as lazy

from core.errors import DomainError, Invalid
from core.forms import LineField, add_refusal
from services.domain_services import (
    MOST_CLAIMS,
    claim_domain,
    make_primary,
    prove_domain,
    remove_domain,
    use_subdomain_again,
)
from shop.selectors.domains import own_domains
from shop.web.dashboard.frame import StaffPage, back
from tenants.models.tenant import url_of
from tenants.permissions import OWNER

# What was found in DNS, and what to do.
PROBLEMS: dict[str, Any] = {
    "no_record": lazy("No TXT record was found. DNS may take a while after you set it."),
    "other_records": lazy(
        "There are TXT records, but not this one. Copy the value as it is, without quotes or spaces."
    ),
    "taken": lazy("Another shop's record stands, too. Delete it if the domain is to move here."),
    "moved": lazy(
        "The domain was proved for another shop, and your record no longer stood. Set it again, and delete the other."
    ),
    "proof_missing": lazy(
        "The TXT record is gone. Set it again: without it the shop stops being known under this domain."
    ),
}


class DomainForm(forms.Form):
    """A domain to add."""

    domain = LineField(
        max_length=300,
        label=lazy("Domain"),
        widget=forms.TextInput(
            attrs={
                "placeholder": "shop.example.com",
                "autocapitalize": "none",
                "spellcheck": "false",
                "dir": "ltr",
            }
        ),
    )


class DomainsPage(StaffPage):
    """Where the shop is, and the domains it has. All of it is the owner's."""

    template = "dashboard/domains.html"
    section = "settings"
    roles = OWNER
    done: ClassVar = {
        "claimed": lazy("Now set the records, and check."),
        "proved": lazy("The record stands. The shop is served at this domain."),
        "primary": lazy("This is the shop's address from now on. Its other addresses lead there."),
        "subdomain": lazy("The shop is known under the marketplace's address again."),
    }
    changes: ClassVar = {"add": OWNER, "check": OWNER, "primary": OWNER, "subdomain": OWNER, "remove": OWNER}

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """The address, the domains with their records, and the form."""
        own = own_domains(request.tenant)
        return self.show(
            request,
            **{
                "domains": [
                    (domain, PROBLEMS.get(domain.problem, ""), url_of(domain.domain)) for domain in own
                ],
                "has_room": len(own) < MOST_CLAIMS,
                "is_staging": request.tenant.is_staging,
                "most": MOST_CLAIMS,
                "form": DomainForm(),
                "addresses": settings.SERVER_ADDRESSES,
                **context,
            },
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The page."""
        return self.get(request, **context)

    def do_add(self, request: HttpRequest) -> HttpResponse:
        """Claim it."""
        form = DomainForm(request.POST)
        if form.is_valid():
            try:
                claim = claim_domain(tenant_id=request.tenant.pk, actor_id=self.user_id, **form.cleaned_data)
                return back("domains", done="claimed", anchor=claim.domain)
            except DomainError as refusal:
                add_refusal(form, refusal)
                status = HTTPStatus.BAD_REQUEST if isinstance(refusal, Invalid) else HTTPStatus.CONFLICT
                return self.show_again(request, form=form, status=status)
        return self.show_again(request, form=form, status=HTTPStatus.BAD_REQUEST)

    def do_check(self, request: HttpRequest) -> HttpResponse:
        """Ask DNS now."""
        prove_domain(**self._asked(request))
        return back("domains", done="proved")

    def do_primary(self, request: HttpRequest) -> HttpResponse:
        """The shop's address."""
        make_primary(**self._asked(request))
        return back("domains", done="primary")

    def do_subdomain(self, request: HttpRequest) -> HttpResponse:
        """The marketplace's address again."""
        use_subdomain_again(tenant_id=request.tenant.pk, actor_id=self.user_id)
        return back("domains", done="subdomain")

    def do_remove(self, request: HttpRequest) -> HttpResponse:
        """Take it away. Whoever does this at that very domain goes on at the subdomain."""
        asked = self._asked(request)
        remove_domain(**asked)
        answer = back("domains", done="removed")
        if request.get_host().partition(":")[0] == asked["domain"]:
            answer["Location"] = url_of(request.tenant.subdomain) + answer["Location"]
        return answer

    def _asked(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "tenant_id": request.tenant.pk,
            "domain": request.POST.get("domain", "")[:300].replace("\x00", ""),
            "actor_id": self.user_id,
        }
