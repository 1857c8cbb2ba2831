"""What the storefront's API document covers."""

from django.urls import include, path

urlpatterns = [path("api/v1/", include("shop.api.v1.urls"))]
