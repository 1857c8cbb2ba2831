"""Storefronts: found, opened for somebody, looked at, suspended, closed; and seen as their owner sees them."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from core.clock import now
from core.errors import DomainError, Invalid
from core.forms import add_refusal
from core.problems import status_of
from services.domain_services import remove_domain
from services.leaving_services import Reason, what_stands_against, why_not_erasable
from services.ledger_services import seller_balances
from services.lifecycle_operations import start_erasure
from services.schema_recording_services import code_version
from services.staging_operations import start_staging
from services.staging_services import default_slug
from services.support_services import open_support_view
from services.tenant_services import (
    close_tenant,
    provision_tenant,
    reactivate_tenant,
    reopen_tenant,
    suspend_tenant,
)
from shop.selectors.domains import own_domains
from tenants.desk.charts import volume_chart
from tenants.desk.forms import REASON_LENGTH, ProvisionForm, StorefrontsForm, reason_of
from tenants.desk.frame import DeskPage, back
from tenants.desk.health import account_of, health_of, why_not_paid
from tenants.desk_figures import Captured, Range, volume_by_day, volumes
from tenants.desk_selectors import (
    AskedStorefronts,
    audit_of,
    find_storefronts,
    fleet_entry,
    mails_of,
    owed_to,
    schema_state,
    storefront_named,
    troubles_of,
)
from tenants.models import Role, Tenant, TenantStatus
from tenants.models.tenant import url_of

VOLUME_DAYS = 30


class StorefrontsPage(DeskPage):
    """All storefronts, with what they sell, what they are owed, and how they are."""

    template = "desk/storefronts.html"
    section = "storefronts"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Filtered, newest first or by volume."""
        values = StorefrontsForm(request.GET).values()
        number = int(values["page"] or 1)
        asked = AskedStorefronts(
            q=values["q"],
            status=values["status"],
            schema=values["schema"],
            receives=values["receives"],
            sort=values["sort"] or "newest",
            page=number,
        )
        since, version = now() - timedelta(days=VOLUME_DAYS), code_version()
        rows, has_more = find_storefronts(asked, version=version, since=since)
        return self.show(
            request,
            asked=asked,
            form=StorefrontsForm,
            is_filtered=bool(asked.q or asked.status or asked.schema or asked.receives),
            rows=_described(
                rows, version=version, since=since, is_leaving=asked.status == TenantStatus.CLOSED
            ),
            pager=_pager(request, number, has_more=has_more),
        )


def _described(
    rows: list[Tenant], *, version: str, since: Any, is_leaving: bool = False
) -> list[dict[str, Any]]:
    """Rows with what other tables say of them, three queries for all; of closed ones what stands against erasing them."""
    ids = [tenant.pk for tenant in rows]
    against: dict[Any, list[Reason]] = what_stands_against(rows) if is_leaving else {}
    volume, owed, troubles = volumes(ids, since=since), owed_to(ids), troubles_of(ids)
    return [
        {
            "tenant": tenant,
            "schema": schema_state(tenant, version=version),
            "volumes": volume.get(tenant.pk, []),
            "owed": owed.get(tenant.pk, []),
            "against": against.get(tenant.pk, []),
            "health": health_of(
                tenant, version=version, disputes=troubles[tenant.pk][0], has_debt=troubles[tenant.pk][1]
            ),
        }
        for tenant in rows
    ]


def _pager(request: HttpRequest, number: int, *, has_more: bool) -> dict[str, str]:
    kept = {name: value for name, value in request.GET.items() if name not in ("page", "done")}
    return {
        "first": f"?{urlencode(kept)}" if number > 1 else "",
        "next": f"?{urlencode({**kept, 'page': number + 1})}" if has_more else "",
    }


class NewStorefrontPage(DeskPage):
    """A storefront for somebody: a schema from the pool, an owner, a mail."""

    template = "desk/storefront_new.html"
    section = "storefronts"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self.show(request, form=ProvisionForm())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Open it."""
        form = ProvisionForm(request.POST)
        if not form.is_valid():
            return self.show(request, form=form, status=HTTPStatus.BAD_REQUEST)
        try:
            made = provision_tenant(actor_id=self.user_id, **form.cleaned_data)
        except DomainError as refusal:
            add_refusal(form, refusal)
            return self.show(request, form=form, status=status_of(refusal))
        return back("storefront", made.tenant.slug, done="opened")


class StorefrontPage(DeskPage):
    """One storefront: facts, team, money, its schema, and what was done to it."""

    template = "desk/storefront.html"
    section = "storefronts"
    done: ClassVar[dict[str, str]] = {
        "opened": "The storefront is open. Its owner gets a mail.",
        "suspended": "Closed to buyers with the next request.",
        "reactivated": "Open to buyers again.",
        "domain-removed": "Nobody is served at that domain any more.",
        "closed": "Nobody is served any more. Its owner gets a mail.",
        "reopened": "The closing is taken back. It is suspended; reactivate it to open it to buyers.",
    }
    changes = frozenset(
        {"suspend", "reactivate", "close", "reopen", "erase", "support", "remove-domain", "stage"}
    )

    def get(self, request: HttpRequest, slug: str, **context: Any) -> HttpResponse:
        """Raises NotFound."""
        at, version = now(), code_version()
        tenant = storefront_named(slug)
        asked = Range.of(VOLUME_DAYS, at)
        captured = volume_by_day(tenant, asked)
        sold = captured.get(tenant.currency) or Captured(tenant.currency)
        disputes, has_debt = troubles_of([tenant.pk])[tenant.pk]
        lines, account = audit_of(tenant), account_of(tenant)
        team: list[Any] = getattr(tenant, "team", [])
        return self.show(
            request,
            tenant=tenant,
            owner=next((member.user for member in team if member.role == Role.OWNER), None),
            account=account,
            why_not_paid=why_not_paid(account),
            missing=(account.requirements or {}).get("currently_due") or [] if account else [],
            balances=seller_balances(tenant_id=tenant.pk, at=at),
            disputes=disputes,
            health=health_of(tenant, version=version, disputes=disputes, has_debt=has_debt),
            schema=schema_state(tenant, version=version),
            entry=fleet_entry(tenant),
            own_domains=own_domains(tenant),
            volume=sum(asked.spread(sold.amounts)[0]),
            orders=sum(asked.spread(sold.orders)[0]),
            chart=volume_chart(sold, asked),
            lines=lines,
            mails=mails_of(line.actor_id for line in lines),
            reason_length=REASON_LENGTH,
            can_be_seen=tenant.status in (TenantStatus.ACTIVE, TenantStatus.SUSPENDED),
            is_closed=tenant.status == TenantStatus.CLOSED,
            is_erased=tenant.status == TenantStatus.ERASED,
            against=why_not_erasable(tenant) if tenant.status == TenantStatus.CLOSED else [],
            staging_slug=default_slug(tenant),
            days_kept=0 if tenant.is_staging else settings.CLOSED_KEPT.days,
            typed={request.POST.get("action", ""): request.POST.get("reason", "")},
            **context,
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """With the reason that was typed."""
        return self.get(request, *args, **context)

    def do_suspend(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Close it to buyers."""
        tenant = storefront_named(slug)
        suspend_tenant(tenant_id=tenant.pk, actor_id=self.user_id, reason=reason_of(request))
        return back("storefront", slug, done="suspended")

    def do_reactivate(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Open it again."""
        tenant = storefront_named(slug)
        reactivate_tenant(tenant_id=tenant.pk, actor_id=self.user_id, reason=reason_of(request))
        return back("storefront", slug, done="reactivated")

    def do_close(self, request: HttpRequest, slug: str) -> HttpResponse:
        """End it. The address is typed once more."""
        tenant, reason = storefront_named(slug), reason_of(request)
        if request.POST.get("confirm", "").strip() != slug:
            raise Invalid(field="confirm", reason=f"type {slug} to close this storefront")
        close_tenant(tenant_id=tenant.pk, actor_id=self.user_id, reason=reason)
        return back("storefront", slug, done="closed")

    def do_reopen(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Take the closing back."""
        tenant = storefront_named(slug)
        reopen_tenant(tenant_id=tenant.pk, actor_id=self.user_id, reason=reason_of(request))
        return back("storefront", slug, done="reopened")

    def do_erase(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Off to the work that erases it, since there is no way back from there."""
        operation = start_erasure(
            tenant_id=storefront_named(slug).pk,
            actor_id=self.user_id,
            reason=reason_of(request),
            confirm=request.POST.get("confirm", ""),
        )
        return back("operation", operation.pk)

    def do_stage(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Off to the work that copies it, or makes the copy that is there anew."""
        operation = start_staging(
            tenant_id=storefront_named(slug).pk,
            actor_id=self.user_id,
            reason=reason_of(request),
            slug=request.POST.get("slug", "")[:100],
        )
        return back("operation", operation.pk)

    def do_remove_domain(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Take a domain of its own away."""
        domain = request.POST.get("domain", "")[:300].replace("\x00", "")
        tenant, reason = storefront_named(slug), reason_of(request)
        remove_domain(tenant_id=tenant.pk, domain=domain, actor_id=self.user_id, reason=reason)
        return back("storefront", slug, done="domain-removed")

    def do_support(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Off to the storefront's host, with a ticket that is good once."""
        visit = open_support_view(
            tenant_id=storefront_named(slug).pk, operator_id=self.user_id, reason=reason_of(request)
        )
        # Browsers hold the desk's forms to the marketplace's hosts, so not to a domain of the seller's own.
        return redirect(
            f"{url_of(visit.tenant.subdomain)}/dashboard/support?{urlencode({'ticket': visit.ticket})}"
        )
