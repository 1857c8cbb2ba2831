"""The audit log: who did what, when, to which storefront, and why."""

from django.http import HttpRequest, HttpResponse

from tenants.desk.forms import AuditForm
from tenants.desk.frame import DeskPage
from tenants.desk.lists import older
from tenants.desk_selectors import AskedAudit, audit_lines, mails_of

# Suggestions for the filter: an action, or the beginning of several.
ACTIONS = (
    "support.",
    "support.opened",
    "support.page",
    "tenant.",
    "tenant.suspend",
    "tenant.reactivate",
    "tenant.close",
    "tenant.provisioned",
    "tenant.signed_up",
    "membership.",
    "domain.",
    "user.",
    "fleet.",
    "payout.",
    "seller.",
)


class AuditPage(DeskPage):
    """Newest first."""

    template = "desk/audit.html"
    section = "audit"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Filtered by action, storefront, person and days."""
        values = AuditForm(request.GET).values()
        asked = AskedAudit(
            action=values["action"],
            storefront=values["storefront"],
            person=values["person"],
            since=values["since"] or None,
            until=values["until"] or None,
        )
        lines, pager = older(request, audit_lines(asked), before=values["before"] or None)
        return self.show(
            request,
            asked=asked,
            actions=ACTIONS,
            is_filtered=asked != AskedAudit(),
            lines=lines,
            mails=mails_of(line.actor_id for line in lines),
            pager=pager,
        )
