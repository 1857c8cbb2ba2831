"""Every storefront host: the buyer's pages, the API, the storefront's own files."""

from django.urls import include, path

from core.problems import json_not_found
from shop.web.media import media

urlpatterns = [
    path("api/v1/", include("shop.api.v1.urls")),
    path("media/<path:name>", media),
    path("", include("shop.web.storefront.urls")),
]
handler404 = json_not_found
