"""The team: who works here, with which role, and who did what lately."""

from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from core.errors import DomainError, NotFound, TooMany
from core.forms import add_refusal
from services.team_services import change_role, resend_invitation
from services.tenant_services import remove_membership, set_membership
from shop.selectors.team import audit_of, team_of
from shop.web.dashboard.frame import StaffPage, back, listed
from tenants.models import AuditEntry, Role
from tenants.permissions import EVERYONE, FULFILLERS, MANAGERS, OWNER, SUPPORTERS
from tenants.selectors import names_of

ROLES: dict[str, Any] = {
    Role.OWNER: lazy("Owner"),
    Role.MANAGER: lazy("Manager"),
    Role.FULFILMENT: lazy("Packing"),
    Role.SUPPORT: lazy("Customer service"),
}
GIVEN = [(role, name) for role, name in ROLES.items() if role != Role.OWNER]
# What each role may do, as the pages and the API ask for it.
RIGHTS: tuple[tuple[Any, frozenset[str]], ...] = (
    (lazy("See orders, products, stock and reviews"), EVERYONE),
    (lazy("Send orders, receive and count stock"), FULFILLERS),
    (lazy("Cancel and refund orders, answer reviews, see customers and disputes"), SUPPORTERS),
    (lazy("Change products, prices, promotions, pages, brand and shipping"), MANAGERS),
    (lazy("See balance, payouts and invoices; answer disputes"), MANAGERS),
    (lazy("Change the team, the bank account, payouts and legal details"), OWNER),
)
ACTIONS: dict[str, Any] = {
    "membership.set": lazy("gave a role"),
    "membership.role_changed": lazy("changed a role"),
    "membership.invited_again": lazy("sent an invitation again"),
    "membership.removed": lazy("took somebody out of the team"),
    "tenant.signed_up": lazy("opened the shop"),
    "tenant.provisioned": lazy("opened the shop"),
    "tenant.settings_changed": lazy("changed the settings"),
    "tenant.suspend": lazy("closed the shop to buyers"),
    "tenant.reactivate": lazy("opened the shop again"),
    "tenant.close": lazy("ended the shop"),
    "seller.terms_changed": lazy("changed terms of payouts or legal details"),
    "promotion.funded": lazy("agreed to pay a part of a promotion"),
    "domain.claimed": lazy("added a domain"),
    "domain.proved": lazy("proved a domain"),
    "domain.made_primary": lazy("made a domain the shop's address"),
    "domain.subdomain_again": lazy("made the marketplace's address the shop's again"),
    "domain.removed": lazy("removed a domain"),
    "domain.moved_away": lazy("gave a domain to the shop that proved it"),
    "domain.proof_missing": lazy("found the record of a domain gone"),
    "domain.no_longer_primary": lazy("ended a domain's being the shop's address"),
    "storefront.exported": lazy("took the shop's data along"),
    "storefront.restored": lazy("restored the shop from an archive"),
    "support.opened": lazy("began a support view"),
    "support.page": lazy("looked at a page"),
    "support.ended": lazy("ended a support view"),
}
# Done by the marketplace, unless somebody of the team did it.
BY_MARKETPLACE = frozenset(
    {
        "tenant.suspend",
        "tenant.reactivate",
        "tenant.close",
        "tenant.provisioned",
        "seller.terms_changed",
        "promotion.funded",
        "domain.removed",
        "domain.moved_away",
        "domain.proof_missing",
        "domain.no_longer_primary",
    }
)


class InviteForm(forms.Form):
    """Who is to join, and what they may do."""

    email = forms.EmailField(max_length=254, label=lazy("E-mail address"))
    role = forms.ChoiceField(choices=GIVEN, initial=Role.FULFILMENT, label=lazy("Role"))


class TeamPage(StaffPage):
    """Everybody who works here. The owner changes it, managers look."""

    template = "dashboard/team.html"
    section = "team"
    roles = MANAGERS
    done: ClassVar = {
        "invited": lazy("They are invited by mail, or told by mail that they belong to the team now."),
        "again": lazy("The invitation is on its way again."),
    }
    changes: ClassVar = {"invite": OWNER, "role": OWNER, "remove": OWNER, "again": OWNER}

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """The team, its rights, and a page of what was done."""
        entries, pager = listed(request, audit_of(request.tenant), fields=("at", "id"), limit=15)
        team = team_of(request.tenant)
        people = {row.user_id: row.user.name or row.user.email for row in team}
        others = {entry.actor_id for entry in entries} | {_person(entry) for entry in entries}
        names = {**names_of(others - people.keys()), **people}
        return self.show(
            request,
            **{
                "team": team,
                "role_names": ROLES,
                "given": GIVEN,
                "rights": [(label, [role in roles for role in ROLES]) for label, roles in RIGHTS],
                "form": InviteForm(),
                "entries": [_told(entry, names, set(people)) for entry in entries],
                "pager": pager,
                **context,
            },
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The page."""
        return self.get(request, **context)

    def do_invite(self, request: HttpRequest) -> HttpResponse:
        """Somebody joins."""
        form = InviteForm(request.POST)
        if form.is_valid():
            try:
                set_membership(tenant_id=request.tenant.pk, actor_id=self.user_id, **form.cleaned_data)
                return back("team", done="invited")
            except TooMany:
                raise
            except DomainError as refusal:
                add_refusal(form, refusal)
        return self.show_again(request, form=form, status=HTTPStatus.BAD_REQUEST)

    def do_role(self, request: HttpRequest) -> HttpResponse:
        """Another role, from the next click on."""
        change_role(
            tenant_id=request.tenant.pk,
            membership_id=_member(request),
            role=request.POST.get("role", ""),
            actor_id=self.user_id,
        )
        return back("team", done="saved")

    def do_remove(self, request: HttpRequest) -> HttpResponse:
        """Out of the team, from the next click on."""
        remove_membership(tenant_id=request.tenant.pk, membership_id=_member(request), actor_id=self.user_id)
        return back("team", done="removed")

    def do_again(self, request: HttpRequest) -> HttpResponse:
        """The invitation once more."""
        resend_invitation(tenant_id=request.tenant.pk, membership_id=_member(request), actor_id=self.user_id)
        return back("team", done="again")


def _member(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("member", ""))
    except ValueError as error:
        raise NotFound(what="member") from error


def _person(entry: AuditEntry) -> UUID | None:
    """Whom it was done to."""
    try:
        return UUID(str(entry.facts.get("user", "")))
    except ValueError:
        return None


def _told(entry: AuditEntry, names: dict[UUID, str], team: set[UUID]) -> dict[str, Any]:
    """A line of the log in words: who, what, whom or why, when."""
    is_support = entry.action.startswith("support.")
    if is_support or (entry.action in BY_MARKETPLACE and entry.actor_id not in team):
        who = _("The marketplace")
    else:
        who = names.get(entry.actor_id, "") if entry.actor_id else ""
    facts = entry.facts
    about = ""
    if person := _person(entry):
        role = ROLES.get(facts.get("role", ""), "")
        about = " · ".join(filter(None, [names.get(person, ""), str(role)]))
    elif entry.action == "support.page":
        about = facts.get("page", "")
    elif entry.action == "promotion.funded":
        about = facts.get("code", "")
    elif entry.action.startswith("domain."):
        about = facts.get("domain", "")
    reason = entry.reason if entry.action == "support.opened" else ""
    return {
        "who": who,
        "what": ACTIONS[entry.action],
        "about": about,
        "reason": reason,
        "at": entry.at,
        "is_support": is_support,
    }
