"""Promotions: which there are and what they gave away; one of them, with what a cart would cost with it, and why."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from core.clock import now
from core.errors import Conflict, DomainError, Invalid, Refused
from core.forms import add_refusal
from services.promotion_preview_services import (
    MOST_LINES,
    MOST_UNITS,
    PromotionPreview,
    preview_promotion,
    preview_without,
)
from services.promotion_services import save_promotion
from services.schedule_services import zone_of
from shop.models import Promotion
from shop.selectors.money import seller_account
from shop.selectors.pictures import thumbnails
from shop.selectors.promotions import STATES, given_away, promotion_list, variants_for_sale, variants_to_try
from shop.selectors.selling import find_promotion_by_id
from shop.web.dashboard.frame import StaffPage, back, listed
from shop.web.dashboard.promotion_forms import FIELDS, PromotionForm, initial_of
from tenants.permissions import MANAGERS, SUPPORTERS

TABS = (
    ("", lazy("All")),
    ("active", lazy("Active")),
    ("scheduled", lazy("Scheduled")),
    ("ended", lazy("Ended")),
    ("used_up", lazy("Used up")),
    ("inactive", lazy("Switched off")),
)
NO_CODE = "CODE"  # stands for a code that is not typed yet


class PromotionsPage(StaffPage):
    """All promotions, with what became of them."""

    template = "dashboard/promotions.html"
    section = "promotions"
    roles = SUPPORTERS
    changes: ClassVar = {"switch": MANAGERS}

    def get(self, request: HttpRequest, **context: Any) -> HttpResponse:
        """A page of the list."""
        q = request.GET.get("q", "").strip().replace("\x00", "")[:40]
        state = request.GET.get("state", "")
        state = state if state in STATES else ""
        found = promotion_list(at=now(), state=state, q=q)
        rows, pager = listed(request, found, fields=("created_at", "id"))
        given = given_away(row.pk for row in rows)
        return self.show(request, rows=rows, pager=pager, given=given, tabs=TABS, shown=state, q=q, **context)

    def show_again(self, request: HttpRequest, *args: Any, **context: Any) -> HttpResponse:
        """The list."""
        return self.get(request, **context)

    def do_switch(self, request: HttpRequest) -> HttpResponse:
        """On or off."""
        try:
            promotion_id = UUID(request.POST.get("promotion", ""))
        except ValueError as error:
            raise Invalid(field="promotion", reason=_("There is no such promotion.")) from error
        save_promotion(promotion_id=promotion_id, is_active=request.POST.get("to") == "on")
        kept = {name: text for name, text in request.GET.items() if name in ("q", "state", "cursor")}
        return back("promotions", done="saved", **kept)


@dataclass
class Trial:
    """The cart a promotion is tried with, as it was picked so far."""

    units: dict[UUID, int] = field(default_factory=dict)
    find: str = ""
    at_start: bool = False

    @classmethod
    def read(cls, request: HttpRequest) -> "Trial":
        """The fields `item`, `units-<variant>`, and what was just added or dropped."""
        sent = request.POST
        units: dict[UUID, int] = {}
        for text in [*sent.getlist("item"), *sent.getlist("add")]:
            variant_id = _uuid(text)
            if variant_id is not None and text not in sent.getlist("drop"):
                units[variant_id] = _units(sent.get(f"units-{variant_id}", "1"))
        find = sent.get("find", "").strip().replace("\x00", "")[:100]
        return cls(dict(list(units.items())[:MOST_LINES]), find, sent.get("when") == "start")


def _uuid(text: str) -> UUID | None:
    return UUID(text) if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) else None


def _units(text: str) -> int:
    return min(max(int(text), 1), MOST_UNITS) if re.fullmatch(r"[0-9]{1,6}", text.strip()) else 1


class PromotionPage(StaffPage):
    """One promotion, or a new one. Whoever may not change it may still try it."""

    template = "dashboard/promotion.html"
    section = "promotions"
    roles = SUPPORTERS
    changes: ClassVar = {"save": MANAGERS, "preview": SUPPORTERS}

    def get(self, request: HttpRequest, promotion_id: UUID | None = None) -> HttpResponse:
        """The form, and what two of the newest products would cost."""
        promotion = self._promotion(promotion_id)
        form = self._form(request, promotion, None)
        trial = Trial(dict.fromkeys(variants_to_try(), 1))
        values = _saved(promotion) if promotion else None
        return self._show(request, promotion, form, trial, values)

    def do_preview(self, request: HttpRequest, promotion_id: UUID | None = None) -> HttpResponse:
        """The same with what is typed by now. Nothing is saved."""
        promotion = self._promotion(promotion_id)
        trial = Trial.read(request)
        if promotion and self.role not in MANAGERS:
            return self._show(
                request, promotion, self._form(request, promotion, None), trial, _saved(promotion)
            )
        form = self._form(request, promotion, request.POST)
        wrong = set(form.errors) - {"code"}
        for name in [name for name in form.errors if name in form.fields and not form[name].value()]:
            del form.errors[name]  # not typed yet
        return self._show(request, promotion, form, trial, None if wrong else form.values())

    def do_save(self, request: HttpRequest, promotion_id: UUID | None = None) -> HttpResponse:
        """Create it, or change it from the next cart on."""
        promotion = self._promotion(promotion_id)
        form = self._form(request, promotion, request.POST)
        status = HTTPStatus.BAD_REQUEST
        if form.is_valid():
            try:
                saved = save_promotion(promotion_id=promotion_id, **form.values())
                return back("promotion", saved.pk, done="saved" if promotion else "added")
            except Conflict:
                form.add_error("code", _("There is a promotion with this code already."))
                status = HTTPStatus.CONFLICT
            except Invalid as refusal:
                refusal.facts["field"] = FIELDS.get(str(refusal.facts["field"]), refusal.facts["field"])
                add_refusal(form, refusal)
        values = None if set(form.errors) - {"code"} else form.values()
        return self._show(request, promotion, form, Trial.read(request), values, status=status)

    def _promotion(self, promotion_id: UUID | None) -> Promotion | None:
        if promotion_id is None:
            if self.role not in MANAGERS:
                raise Refused()
            return None
        return find_promotion_by_id(promotion_id)

    def _form(self, request: HttpRequest, promotion: Promotion | None, sent: Any) -> PromotionForm:
        self.zone = zone_of(seller_account(request.tenant))
        return PromotionForm(
            sent,
            currency=request.tenant.currency,
            zone=self.zone,
            used=promotion.times_redeemed if promotion else 0,
            initial=initial_of(promotion) if promotion else None,
        )

    def _show(
        self,
        request: HttpRequest,
        promotion: Promotion | None,
        form: PromotionForm,
        trial: Trial,
        values: dict[str, Any] | None,
        *,
        status: int = HTTPStatus.OK,
    ) -> HttpResponse:
        preview = _tried(trial, values, promotion, self.zone)
        starts_at = values["starts_at"] if values else None
        found = variants_for_sale(q=trial.find) if trial.find else []
        return self.show(
            request,
            status=status,
            promotion=promotion,
            form=form,
            given=given_away([promotion.pk]).get(promotion.pk, 0) if promotion else 0,
            zone=self.zone.key,
            trial=trial,
            preview=preview,
            is_typed=values is not None,
            is_scheduled=starts_at is not None and starts_at > now(),
            found=[variant for variant in found if variant.pk not in trial.units],
            is_full=len(trial.units) >= MOST_LINES,
            pictures=thumbnails([*trial.units, *(variant.pk for variant in found)]),
        )


def _saved(promotion: Promotion) -> dict[str, Any]:
    return {"starts_at": promotion.starts_at}


def _tried(
    trial: Trial, values: dict[str, Any] | None, promotion: Promotion | None, zone: ZoneInfo
) -> PromotionPreview:
    at: datetime = now()
    with timezone.override(zone):
        if values is None:
            return preview_without(units=trial.units, at=at)
        if trial.at_start:
            at = max(at, values["starts_at"])
        if not values.get("code", NO_CODE):
            values = {**values, "code": NO_CODE}
        try:
            return preview_promotion(
                values=values, units=trial.units, at=at, promotion_id=promotion.pk if promotion else None
            )
        except DomainError:  # what is typed contradicts itself; the form says where
            return preview_without(units=trial.units, at=at)
