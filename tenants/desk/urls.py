"""The operator's addresses, below /desk."""

from django.urls import path

from tenants.desk import commission, debts, events, jobs, payouts, reconciliation
from tenants.desk.archives import ArchivesPage
from tenants.desk.audit import AuditPage
from tenants.desk.fleet import FleetPage
from tenants.desk.operations import OperationFilePage, OperationPage, OperationsPage
from tenants.desk.overview import OverviewPage
from tenants.desk.people import PeoplePage, PersonPage
from tenants.desk.person_data import PersonDataPage
from tenants.desk.storefronts import NewStorefrontPage, StorefrontPage, StorefrontsPage

app_name = "desk"
urlpatterns = [
    path("desk", OverviewPage.as_view(), name="overview"),
    path("desk/storefronts", StorefrontsPage.as_view(), name="storefronts"),
    path("desk/new-storefront", NewStorefrontPage.as_view(), name="storefront-new"),
    path("desk/storefronts/<slug:slug>", StorefrontPage.as_view(), name="storefront"),
    path("desk/storefronts/<slug:slug>/archives", ArchivesPage.as_view(), name="archives"),
    path("desk/storefronts/<slug:slug>/person", PersonDataPage.as_view(), name="person-data"),
    path("desk/people", PeoplePage.as_view(), name="people"),
    path("desk/people/<uuid:user_id>", PersonPage.as_view(), name="person"),
    path("desk/audit", AuditPage.as_view(), name="audit"),
    path("desk/fleet", FleetPage.as_view(), name="fleet"),
    path("desk/operations", OperationsPage.as_view(), name="operations"),
    path("desk/operations/<uuid:operation_id>", OperationPage.as_view(), name="operation"),
    path("desk/operations/<uuid:operation_id>/file", OperationFilePage.as_view(), name="operation-file"),
    path("desk/payouts", payouts.PayoutsPage.as_view(), name="payouts"),
    path("desk/payouts/run", payouts.PayoutRunPage.as_view(), name="payout-run"),
    path("desk/payouts/<uuid:payout_id>", payouts.PayoutPage.as_view(), name="payout"),
    path(
        "desk/payouts/<uuid:payout_id>/statement.<str:kind>",
        payouts.PayoutFilePage.as_view(),
        name="payout-file",
    ),
    path("desk/reconciliation", reconciliation.ReconciliationPage.as_view(), name="reconciliation"),
    path(
        "desk/reconciliation/<int:difference_id>", reconciliation.DifferencePage.as_view(), name="difference"
    ),
    path("desk/debts", debts.DebtsPage.as_view(), name="debts"),
    path("desk/sellers/<uuid:tenant_id>", debts.SellerMoneyPage.as_view(), name="seller-money"),
    path("desk/sellers/<uuid:tenant_id>/terms", debts.SellerTermsPage.as_view(), name="seller-terms"),
    path("desk/commission", commission.CommissionPage.as_view(), name="commission"),
    path("desk/commission/new", commission.RulePage.as_view(), name="commission-new"),
    path("desk/commission/<int:rule_id>", commission.RulePage.as_view(), name="commission-rule"),
    path("desk/events", events.EventsPage.as_view(), name="events"),
    path("desk/events/<str:event_id>", events.EventPage.as_view(), name="event"),
    path("desk/jobs", jobs.JobsPage.as_view(), name="jobs"),
    path("desk/jobs/<int:job_id>", jobs.JobPage.as_view(), name="job"),
]
