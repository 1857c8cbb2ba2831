"""The fleet: how far the storefronts' schemas are, bringing them along, and looking for drift."""

from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from services.fleet_operations import start_fleet_check, start_fleet_run
from services.schema_recording_services import code_version
from tenants.desk.frame import DeskPage, back
from tenants.desk_selectors import fleet, fleet_entry, schema_state, storefront_named, unwell


class FleetPage(DeskPage):
    """As storefronts and runs recorded it."""

    template = "desk/fleet.html"
    section = "fleet"
    done: ClassVar[dict[str, str]] = {}
    changes = frozenset({"migrate", "check", "retry"})

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """Versions, those that are not well, and the pool."""
        version = code_version()
        found = fleet(version=version)
        rows = [
            {
                "tenant": tenant,
                "state": schema_state(tenant, version=version),
                "entry": fleet_entry(tenant),
            }
            for tenant in unwell(version=version)
        ]
        ready = found.pool.get(version, 0)
        return self.show(
            request,
            fleet=found,
            version=version,
            rows=rows,
            lagging=found.total - found.states.get("current", 0),
            broken=found.states.get("failed", 0) + found.states.get("missing", 0),
            ready=ready,
            stale=sum(found.pool.values()) - ready,
            pool_size=settings.SCHEMA_POOL_SIZE,
            **context,
        )

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The same page."""
        return self.get(request, *args, **context)

    def do_migrate(self, request: HttpRequest) -> HttpResponse:
        """All that lag."""
        return back("operation", start_fleet_run(actor_id=self.user_id).pk)

    def do_retry(self, request: HttpRequest) -> HttpResponse:
        """One of them."""
        slug = request.POST.get("slug", "")
        tenant = storefront_named(slug if slug.isprintable() else "")
        return back("operation", start_fleet_run(actor_id=self.user_id, only=tenant.pk).pk)

    def do_check(self, request: HttpRequest) -> HttpResponse:
        """What each schema really is."""
        return back("operation", start_fleet_check(actor_id=self.user_id).pk)
