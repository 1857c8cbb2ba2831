"""Every storefront host: the buyer's pages, the API, the storefront's own files."""

from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from shop.web.media import media
from shop.web.storefront.errors import failed, not_found

urlpatterns = [
    path("api/v1/", include("shop.api.v1.urls")),
    path("media/<path:name>", media),
    path("language", csrf_exempt(set_language)),
    path("", include("shop.web.dashboard.urls")),
    path("", include("shop.web.storefront.urls")),
]
handler404 = not_found
handler500 = failed
