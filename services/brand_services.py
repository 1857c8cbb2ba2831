"""What a storefront looks like: pictures of the brand, and whether its colours can be read."""

from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

from django.db import transaction

from core.colours import LEGIBLE, contrast, is_colour, legible_on, text_on
from core.errors import Invalid
from services.audit_services import record_audit
from services.image_services import decode_image, delete_files, removed_on_failure, store_image
from services.tenant_services import lock_tenant
from tenants.context import current_tenant
from tenants.models import Tenant

PICTURES = ("logo", "hero")
PAPER, NIGHT = "#fbfaf7", "#151614"  # what pages are painted on by day and by night


def set_brand_picture(*, kind: str, source: IO[bytes] | bytes, actor_id: UUID) -> Tenant:
    """The logo or the hero picture, re-encoded by us. The one before goes once that has committed.

    `kind` is one of PICTURES. Locks the tenant. Raises Invalid (file).
    """
    _check_kind(kind)
    columns = store_image(decode_image(source), folder="brand")
    with removed_on_failure(columns["file"], columns["thumbnail"]):
        return _swap(kind, columns, actor_id)


def remove_brand_picture(*, kind: str, actor_id: UUID) -> Tenant:
    """Back to the name, or the products' pictures. Locks the tenant."""
    _check_kind(kind)
    return _swap(kind, None, actor_id)


def _check_kind(kind: str) -> None:
    if kind not in PICTURES:
        raise Invalid(field="kind", reason=f"one of {', '.join(PICTURES)}")


@transaction.atomic
def _swap(kind: str, columns: dict[str, Any] | None, actor_id: UUID) -> Tenant:
    tenant = lock_tenant(current_tenant().pk)
    before = tenant.brand.pop(kind, None)
    if columns:
        tenant.brand[kind] = columns
    tenant.save(update_fields=["brand"])
    record_audit("tenant.settings_changed", actor_id=actor_id, tenant=tenant, fields=f"brand.{kind}")
    if before:
        transaction.on_commit(lambda: delete_files(before["file"], before["thumbnail"]))
    current_tenant().brand = tenant.brand
    return tenant


@dataclass(frozen=True)
class Contrast:
    """How well text in or on a colour reads: `ratio` 1 to 21; WCAG 2.2 AA wants 4.5. `shade` is what pages use instead."""

    name: str
    ratio: float
    is_legible: bool
    shade: str


def check_contrast(primary: str, accent: str) -> list[Contrast]:
    """What pages do with a brand's colours, so that everybody can read them. Raises Invalid for what is no colour."""
    for field, colour in (("primary", primary), ("accent", accent)):
        if not is_colour(colour):
            raise Invalid(field=field, reason="a colour is # and six digits from 0 to f")
    return [
        _contrast("on_primary", primary, text_on(primary), text_on(primary)),
        _contrast("on_accent", accent, text_on(accent), text_on(accent)),
        _contrast("by_day", primary, PAPER, legible_on(PAPER, primary)),
        _contrast("by_night", primary, NIGHT, legible_on(NIGHT, primary)),
    ]


def _contrast(name: str, one: str, other: str, shade: str) -> Contrast:
    ratio = contrast(one, other)
    return Contrast(name, round(ratio, 1), ratio >= LEGIBLE, shade)
