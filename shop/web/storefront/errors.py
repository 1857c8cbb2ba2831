"""Refusals and failures as pages for people; programs (/api/) keep problem+json."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from core.errors import DomainError, Unavailable
from core.problems import json_not_found, status_of


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The storefront's 404: handler404 of its hosts."""
    if request.path.startswith("/api/"):
        return json_not_found(request, exception)
    return render(request, "storefront/404.html", status=HTTPStatus.NOT_FOUND)


def refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    """A refusal that has no place of its own on a page."""
    context = {"title": refusal.title, "sentence": refusal.sentence if refusal.detail else ""}
    response = render(request, "storefront/error.html", context, status=status_of(refusal))
    if isinstance(refusal, Unavailable) or "retry_after" in refusal.facts:
        response["Retry-After"] = str(refusal.facts["retry_after"])
    return response


def failed(request: HttpRequest) -> HttpResponse:
    """A bug: handler500 of the storefront's hosts. Asks the database nothing."""
    if request.path.startswith("/api/"):
        return HttpResponse(
            b'{"type":"/problems/error","code":"error","title":"Something went wrong","status":500}',
            status=HTTPStatus.INTERNAL_SERVER_ERROR,
            content_type="application/problem+json",
        )
    context = {
        "title": _("Something went wrong"),
        "sentence": _("The fault is ours and has been noted. Nothing was charged by this page."),
    }
    return render(request, "storefront/error.html", context, status=HTTPStatus.INTERNAL_SERVER_ERROR)
