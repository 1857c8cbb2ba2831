from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def landing(request: HttpRequest) -> HttpResponse:
    """The marketplace's front page."""
    return render(request, "marketplace/landing.html")
