"""What the marketplace's API document covers."""

from django.urls import include, path

urlpatterns = [path("api/v1/", include("tenants.api.urls"))]
