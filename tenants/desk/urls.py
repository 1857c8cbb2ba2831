"""The operator's addresses, below /desk."""

from django.urls import path

from tenants.desk.audit import AuditPage
from tenants.desk.fleet import FleetPage
from tenants.desk.frame import DeskPage
from tenants.desk.operations import OperationFilePage, OperationPage, OperationsPage
from tenants.desk.overview import OverviewPage
from tenants.desk.people import PeoplePage, PersonPage
from tenants.desk.storefronts import NewStorefrontPage, StorefrontPage, StorefrontsPage


class Soon(DeskPage):
    template = "desk/refused.html"

    def get(self, request, **kwargs):
        return self.show(request)


app_name = "desk"
urlpatterns = [
    path("desk", OverviewPage.as_view(), name="overview"),
    path("desk/storefronts", StorefrontsPage.as_view(), name="storefronts"),
    path("desk/new-storefront", NewStorefrontPage.as_view(), name="storefront-new"),
    path("desk/storefronts/<slug:slug>", StorefrontPage.as_view(), name="storefront"),
    path("desk/people", PeoplePage.as_view(), name="people"),
    path("desk/people/<uuid:user_id>", PersonPage.as_view(), name="person"),
    path("desk/audit", AuditPage.as_view(), name="audit"),
    path("desk/fleet", FleetPage.as_view(), name="fleet"),
    path("desk/operations", OperationsPage.as_view(), name="operations"),
    path("desk/operations/<uuid:operation_id>", OperationPage.as_view(), name="operation"),
    path("desk/operations/<uuid:operation_id>/file", OperationFilePage.as_view(), name="operation-file"),
    *[
        path(f"desk/{name}", Soon.as_view(section=name), name=name)
        for name in (
            "payouts",
            "reconciliation",
            "debts",
            "commission",
            "events",
            "jobs",
        )
    ],
]
