"""The marketplace host: sign-up and operator API, Stripe's webhooks, the operator's admin, the API documents."""

from django.contrib import admin
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny

from config.health import healthz, readyz, tls_ask
from payouts.webhooks.views import stripe_webhook
from tenants.web.views import ConfirmPage, SignUpPage, landing, not_found, search, shops

FACES = {"marketplace": "config.urls_public_api", "storefront": "config.urls_tenant_api"}


def document(face: str, urlconf: str) -> list:
    """The OpenAPI document of one face and a page to read it."""
    titles = {"TITLE": f"Souk: the {face}'s API"}
    schema = SpectacularAPIView.as_view(
        urlconf=urlconf, custom_settings=titles, permission_classes=[AllowAny], authentication_classes=[]
    )
    page = SpectacularSwaggerView.as_view(
        url_name=f"schema-{face}", permission_classes=[AllowAny], authentication_classes=[]
    )
    return [
        path(f"api/schema/{face}", schema, name=f"schema-{face}"),
        path(f"api/docs/{face}", page, name=f"docs-{face}"),
    ]


urlpatterns = [
    path("", landing),
    path("language", csrf_exempt(set_language)),
    path("shops", shops),
    path("search", search),
    path("signup", SignUpPage.as_view()),
    path("account/confirm", ConfirmPage.as_view()),
    path("healthz", healthz),
    path("readyz", readyz),
    path("internal/tls-ask", tls_ask),
    path("webhooks/stripe", stripe_webhook),
    path("api/v1/", include("tenants.api.urls")),
    *[url for face, urlconf in FACES.items() for url in document(face, urlconf)],
    path("", include("tenants.desk.urls")),
    path("admin/", admin.site.urls),
]
handler404 = not_found
