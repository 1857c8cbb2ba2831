"""The operator's addresses, below /desk."""

from django.urls import path

from tenants.desk.frame import DeskPage


class Soon(DeskPage):
    template = "desk/refused.html"

    def get(self, request, **kwargs):
        return self.show(request)


app_name = "desk"
urlpatterns = [
    path("desk", Soon.as_view(section="overview"), name="overview"),
    *[
        path(f"desk/{name}", Soon.as_view(section=name), name=name)
        for name in (
            "storefronts",
            "people",
            "audit",
            "payouts",
            "reconciliation",
            "debts",
            "commission",
            "events",
            "jobs",
            "fleet",
            "operations",
        )
    ],
]
