"""The seller's addresses, below /dashboard."""

from django.urls import path

from shop.web.dashboard.access import ArrivePage, SignInPage, SignOutPage
from shop.web.dashboard.appearance import BrandPage, ContrastPage, PreviewPage
from shop.web.dashboard.balance import BalancePage, UnpaidPage
from shop.web.dashboard.bank import BankPage
from shop.web.dashboard.categories import CategoriesPage
from shop.web.dashboard.closing import ClosePage
from shop.web.dashboard.customers import CustomerPage, CustomersPage
from shop.web.dashboard.data_pages import DataFilePage, DataPage
from shop.web.dashboard.dispute_pages import DisputePage, DisputesPage
from shop.web.dashboard.domains import DomainsPage
from shop.web.dashboard.inventory import InventoryItemPage, InventoryPage, InventorySkuPage
from shop.web.dashboard.invoice_pages import InvoiceFilePage, InvoicesPage
from shop.web.dashboard.notifications import NotificationsPage
from shop.web.dashboard.operations import OperationFilePage, OperationPage, OperationsPage
from shop.web.dashboard.order_actions import EarningsPage, OrderPage, RefundPage
from shop.web.dashboard.order_documents import InvoicePage, SlipPage, SlipsPage
from shop.web.dashboard.orders import OrderNumberPage, OrdersPage
from shop.web.dashboard.payout_pages import PayoutFilePage, PayoutNumberPage, PayoutPage, PayoutsPage
from shop.web.dashboard.people import TeamPage
from shop.web.dashboard.product_edit import ProductPage
from shop.web.dashboard.products import ImportPage, NewProductPage, ProductSlugPage, ProductsPage
from shop.web.dashboard.promotions import PromotionPage, PromotionsPage
from shop.web.dashboard.reserve_pages import ReservePage
from shop.web.dashboard.searching import SearchPage
from shop.web.dashboard.selling import EditPage, PagesPage, ReviewPage, ReviewsPage
from shop.web.dashboard.settings import SettingsPage
from shop.web.dashboard.starting import ShippingPage
from shop.web.dashboard.support import SupportArrivePage, SupportLeavePage
from shop.web.dashboard.today import StartPage

app_name = "dashboard"
urlpatterns = [
    path("dashboard", StartPage.as_view(), name="start"),
    path("dashboard/operations", OperationsPage.as_view(), name="operations"),
    path("dashboard/operations/<uuid:operation_id>", OperationPage.as_view(), name="operation"),
    path("dashboard/operations/<uuid:operation_id>/file", OperationFilePage.as_view(), name="operation-file"),
    path("dashboard/inventory", InventoryPage.as_view(), name="inventory"),
    path("dashboard/inventory/<uuid:variant_id>", InventoryItemPage.as_view(), name="inventory-item"),
    path("dashboard/inventory/by-sku/<path:sku>", InventorySkuPage.as_view(), name="inventory-sku"),
    path("dashboard/promotions", PromotionsPage.as_view(), name="promotions"),
    path("dashboard/promotions/new", PromotionPage.as_view(), name="promotion-new"),
    path("dashboard/promotions/<uuid:promotion_id>", PromotionPage.as_view(), name="promotion"),
    path("dashboard/notifications", NotificationsPage.as_view(), name="notifications"),
    path("dashboard/team", TeamPage.as_view(), name="team"),
    path("dashboard/settings", SettingsPage.as_view(), name="settings"),
    path("dashboard/settings/close", ClosePage.as_view(), name="close"),
    path("dashboard/domains", DomainsPage.as_view(), name="domains"),
    path("dashboard/data", DataPage.as_view(), name="data"),
    path("dashboard/data/<uuid:archive_id>", DataFilePage.as_view(), name="data-file"),
    path("dashboard/orders", OrdersPage.as_view(), name="orders"),
    path("dashboard/orders/slips", SlipsPage.as_view(), name="orders-slips"),
    path("dashboard/orders/number/<int:number>", OrderNumberPage.as_view(), name="order-number"),
    path("dashboard/orders/<uuid:order_id>", OrderPage.as_view(), name="order"),
    path("dashboard/orders/<uuid:order_id>/refund", RefundPage.as_view(), name="order-refund"),
    path("dashboard/orders/<uuid:order_id>/earnings", EarningsPage.as_view(), name="order-earnings"),
    path("dashboard/orders/<uuid:order_id>/slip", SlipPage.as_view(), name="order-slip"),
    path("dashboard/orders/<uuid:order_id>/invoice", InvoicePage.as_view(), name="order-invoice"),
    path("dashboard/customers", CustomersPage.as_view(), name="customers"),
    path("dashboard/customers/<uuid:order_id>", CustomerPage.as_view(), name="customer"),
    path("dashboard/search", SearchPage.as_view(), name="search"),
    path("dashboard/sign-in", SignInPage.as_view(), name="sign-in"),
    path("dashboard/sign-out", SignOutPage.as_view(), name="sign-out"),
    path("dashboard/arrive", ArrivePage.as_view(), name="arrive"),
    path("dashboard/support", SupportArrivePage.as_view(), name="support"),
    path("dashboard/support-leave", SupportLeavePage.as_view(), name="support-leave"),
    path("dashboard/products", ProductsPage.as_view(), name="products"),
    path("dashboard/products/new", NewProductPage.as_view(), name="product-new"),
    path("dashboard/products/import", ImportPage.as_view(), name="import"),
    path("dashboard/products/categories", CategoriesPage.as_view(), name="categories"),
    path("dashboard/products/by-slug/<slug:slug>", ProductSlugPage.as_view(), name="product-slug"),
    path("dashboard/products/<uuid:product_id>", ProductPage.as_view(), name="product"),
    path("dashboard/money", BalancePage.as_view(), name="money"),
    path("dashboard/money/unpaid", UnpaidPage.as_view(), name="unpaid"),
    path("dashboard/money/reserve", ReservePage.as_view(), name="reserve"),
    path("dashboard/shipping", ShippingPage.as_view(), name="shipping"),
    path("dashboard/payouts", PayoutsPage.as_view(), name="payouts"),
    path("dashboard/payouts/number/<int:number>", PayoutNumberPage.as_view(), name="payout-number"),
    path("dashboard/payouts/<uuid:payout_id>", PayoutPage.as_view(), name="payout"),
    path("dashboard/payouts/<uuid:payout_id>/statement.pdf", PayoutFilePage.as_view(), name="payout-pdf"),
    path(
        "dashboard/payouts/<uuid:payout_id>/statement.csv",
        PayoutFilePage.as_view(kind="csv"),
        name="payout-csv",
    ),
    path("dashboard/disputes", DisputesPage.as_view(), name="disputes"),
    path("dashboard/disputes/<slug:dispute_id>", DisputePage.as_view(), name="dispute"),
    path("dashboard/invoices", InvoicesPage.as_view(), name="invoices"),
    path("dashboard/invoices/<uuid:invoice_id>.pdf", InvoiceFilePage.as_view(), name="invoice-pdf"),
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
