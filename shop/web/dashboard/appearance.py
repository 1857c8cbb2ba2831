"""The brand: settings with a live preview, and whether its colours can be read."""

import copy
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from core.errors import DomainError, Invalid
from core.forms import add_refusal
from services.brand_services import (
    PICTURES,
    check_contrast,
    remove_brand_picture,
    set_brand_picture,
)
from services.tenant_services import update_storefront
from shop.selectors.catalogue import list_categories
from shop.web.dashboard.forms import BrandForm
from shop.web.dashboard.frame import StaffPage
from shop.web.storefront.brand import ACCENT, PRIMARY
from shop.web.storefront.catalogue import HomePage
from tenants.permissions import MANAGERS


class BrandPage(StaffPage):
    """Colours, letters, words and pictures, with the front page as it would be beside them."""

    template = "dashboard/brand.html"
    roles = MANAGERS
    section = "brand"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form with what is in force."""
        brand = {"primary": PRIMARY, "accent": ACCENT, "font": "system", **request.tenant.brand}
        initial = {**brand, "name": request.tenant.name, "support_email": request.tenant.support_email}
        return self._show(
            request, BrandForm(categories=shelves(), initial=initial), saved="saved" in request.GET
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        """Save. Pictures that are refused leave the rest as it was."""
        form = BrandForm(request.POST, request.FILES, categories=shelves())
        if not form.is_valid():
            return self._show(request, form, status=HTTPStatus.BAD_REQUEST)
        for kind in PICTURES:
            try:
                self._picture(request, form, kind)
            except DomainError as refusal:
                form.add_error(kind, str(refusal.facts.get("reason", refusal.sentence)))
                return self._show(request, form, status=HTTPStatus.BAD_REQUEST)
        changes = {
            "name": form.cleaned_data["name"],
            "support_email": form.cleaned_data["support_email"],
            "brand": form.brand(),
        }
        try:
            update_storefront(tenant_id=request.tenant.pk, actor_id=self.user_id, changes=changes)
        except DomainError as refusal:
            add_refusal(form, refusal)
            return self._show(request, form, status=HTTPStatus.CONFLICT)
        return redirect(f"{request.path}?saved=1")

    def _picture(self, request: HttpRequest, form: BrandForm, kind: str) -> None:
        upload = form.cleaned_data[kind]
        if upload:
            set_brand_picture(kind=kind, source=upload, actor_id=self.user_id)
        elif f"remove_{kind}" in request.POST and request.tenant.brand.get(kind):
            remove_brand_picture(kind=kind, actor_id=self.user_id)

    def _show(self, request: HttpRequest, form: BrandForm, **context: Any) -> HttpResponse:
        return self.show(request, form=form, contrasts=_contrasts(form), **context)


class PreviewPage(StaffPage):
    """The front page as it would be with what is typed, for the frame beside the form. Nothing is kept."""

    roles = MANAGERS

    def get(self, request: HttpRequest) -> HttpResponse:
        """Values that make no sense are left as they are in force."""
        tenant = copy.copy(request.tenant)
        if request.GET:
            form = BrandForm(request.GET, categories=shelves())
            form.is_valid()
            tenant.brand = {**tenant.brand, **form.brand()}
            tenant.name = form.cleaned_data.get("name") or tenant.name
        request.tenant, request.is_framed_here = tenant, True
        request.GET = type(request.GET)()
        page = HomePage()
        page.setup(request)
        response = page.get(request)
        response.headers["Cache-Control"] = "no-store"
        return response


class ContrastPage(StaffPage):
    """How well the colours that are typed can be read: a fragment of a page."""

    template = "dashboard/parts/contrast.html"
    roles = MANAGERS

    def get(self, request: HttpRequest) -> HttpResponse:
        """Raises Invalid for what is no colour."""
        primary, accent = request.GET.get("primary", ""), request.GET.get("accent", "")
        return self.show(request, contrasts=check_contrast(primary, accent))


def _contrasts(form: BrandForm) -> list[Any]:
    try:
        return check_contrast(str(form["primary"].value()), str(form["accent"].value()))
    except Invalid:
        return []


def shelves() -> list[tuple[str, str]]:
    """Categories to choose from: slug and name."""
    return [(row["slug"], row["name"]) for row in list_categories()]
