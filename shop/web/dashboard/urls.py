"""The seller's addresses, below /dashboard."""

from django.urls import path

from shop.web.dashboard.access import ArrivePage, SignInPage, SignOutPage
from shop.web.dashboard.appearance import BrandPage, ContrastPage, PreviewPage
from shop.web.dashboard.frame import StaffPage
from shop.web.dashboard.operations import OperationFilePage, OperationPage, OperationsPage
from shop.web.dashboard.selling import (
    EditPage,
    NewProductPage,
    PagesPage,
    ReviewPage,
    ReviewsPage,
)
from shop.web.dashboard.starting import BankPage, ImportPage, ShippingPage
from shop.web.dashboard.support import SupportArrivePage, SupportLeavePage
from shop.web.dashboard.today import StartPage


class Soon(StaffPage):
    template = "dashboard/soon.html"

    def get(self, request, **kwargs):
        return self.show(request)


app_name = "dashboard"
urlpatterns = [
    *[
        path(f"dashboard/{name}", Soon.as_view(section=name), name=name)
        for name in (
            "orders",
            "products",
            "inventory",
            "customers",
            "promotions",
            "money",
            "payouts",
            "disputes",
            "invoices",
            "team",
            "settings",
            "notifications",
            "search",
        )
    ],
    path("dashboard", StartPage.as_view(), name="start"),
    path("dashboard/operations", OperationsPage.as_view(), name="operations"),
    path("dashboard/operations/<uuid:operation_id>", OperationPage.as_view(), name="operation"),
    path("dashboard/operations/<uuid:operation_id>/file", OperationFilePage.as_view(), name="operation-file"),
    path("dashboard/sign-in", SignInPage.as_view(), name="sign-in"),
    path("dashboard/sign-out", SignOutPage.as_view(), name="sign-out"),
    path("dashboard/arrive", ArrivePage.as_view(), name="arrive"),
    path("dashboard/support", SupportArrivePage.as_view(), name="support"),
    path("dashboard/support-leave", SupportLeavePage.as_view(), name="support-leave"),
    path("dashboard/products/new", NewProductPage.as_view(), name="product-new"),
    path("dashboard/products/import", ImportPage.as_view(), name="import"),
    path("dashboard/shipping", ShippingPage.as_view(), name="shipping"),
    path("dashboard/bank", BankPage.as_view(), name="bank"),
    path("dashboard/brand", BrandPage.as_view(), name="brand"),
    path("dashboard/brand/preview", PreviewPage.as_view(), name="brand-preview"),
    path("dashboard/brand/contrast", ContrastPage.as_view(), name="brand-contrast"),
    path("dashboard/pages", PagesPage.as_view(), name="pages"),
    path("dashboard/pages/new", EditPage.as_view(), name="page-new"),
    path("dashboard/pages/<slug:slug>", EditPage.as_view(), name="page-edit"),
    path("dashboard/reviews", ReviewsPage.as_view(), name="reviews"),
    path("dashboard/reviews/<uuid:review_id>", ReviewPage.as_view(), name="review"),
]
