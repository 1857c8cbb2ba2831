"""The buyer's addresses."""

from django.contrib.sitemaps import views as sitemaps
from django.urls import path, register_converter
from django.urls.converters import StringConverter
from django.views.decorators.cache import cache_control

from shop.web.storefront import account
from shop.web.storefront.cart import CartLinePage, CartPage, CodePage
from shop.web.storefront.catalogue import HomePage, ProductPage, ReviewsPage, SuggestPage
from shop.web.storefront.checkout import CheckoutPage
from shop.web.storefront.orders import CancelPage, OrderPage, PayPage, ReviewPage
from shop.web.storefront.search_engines import SITEMAPS, robots
from shop.web.storefront.static_pages import StaticPageView


class SecretConverter(StringConverter):
    """What `core.ids.new_secret` makes."""

    regex = "[A-Za-z0-9_-]{16,40}"


register_converter(SecretConverter, "secret")
app_name = "storefront"
for_an_hour = cache_control(public=True, max_age=3600)
urlpatterns = [
    path("", HomePage.as_view(), name="home"),
    path("products/<slug:slug>", ProductPage.as_view(), name="product"),
    path("products/<slug:slug>/reviews", ReviewsPage.as_view(), name="product-reviews"),
    path("search/suggest", SuggestPage.as_view(), name="suggest"),
    path("pages/<slug:slug>", StaticPageView.as_view(), name="page"),
    path("cart", CartPage.as_view(), name="cart"),
    path("cart/lines/<uuid:variant_id>", CartLinePage.as_view(), name="cart-line"),
    path("cart/code", CodePage.as_view(), name="cart-code"),
    path("checkout", CheckoutPage.as_view(), name="checkout"),
    path("orders/<secret:secret>", OrderPage.as_view(), name="order"),
    path("orders/<secret:secret>/pay", PayPage.as_view(), name="order-pay"),
    path("orders/<secret:secret>/cancel", CancelPage.as_view(), name="order-cancel"),
    path("orders/<secret:secret>/reviews/<uuid:product_id>", ReviewPage.as_view(), name="order-review"),
    path("robots.txt", robots),
    path(
        "sitemap.xml",
        for_an_hour(sitemaps.index),
        {"sitemaps": SITEMAPS, "sitemap_url_name": "storefront:sitemap"},
    ),
    path("sitemap-<str:section>.xml", for_an_hour(sitemaps.sitemap), {"sitemaps": SITEMAPS}, name="sitemap"),
    path("account", account.OverviewPage.as_view(), name="account"),
    path("account/sign-in", account.SignInPage.as_view(), name="sign-in"),
    path("account/sign-out", account.SignOutPage.as_view(), name="sign-out"),
    path("account/join", account.MailboxPage.as_view(), name="join"),
    path("account/forgotten", account.ForgottenPage.as_view(), name="forgotten"),
    path("account/confirm", account.ConfirmPage.as_view(), name="account-confirm"),
    path("account/orders", account.OrdersPage.as_view(), name="orders"),
    path("account/orders/<uuid:order_id>", account.OneOrderPage.as_view(), name="account-order"),
    path("account/addresses", account.AddressesPage.as_view(), name="addresses"),
    path("account/addresses/new", account.AddressPage.as_view(), name="address-new"),
    path("account/addresses/<uuid:address_id>", account.AddressPage.as_view(), name="address"),
    path("account/reviews", account.ReviewsPage.as_view(), name="account-reviews"),
    path("account/profile", account.ProfilePage.as_view(), name="profile"),
    path("account/data", account.DataPage.as_view(), name="data"),
    path("account/data/export", account.ExportPage.as_view(), name="data-export"),
    path("account/goodbye", account.GoodbyePage.as_view(), name="goodbye"),
]
