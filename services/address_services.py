"""A buyer's addresses: several, one of them the default."""

from typing import Any
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, NotFound
from services.order_services import check_address
from shop.models import Address

MAX_ADDRESSES = 50


def own_address(*, user_id: UUID, address_id: UUID) -> Address:
    """One of this person's addresses. Raises NotFound, also for somebody else's."""
    address = Address.objects.filter(pk=address_id, user_id=user_id).first()
    if address is None:
        raise NotFound(what="address")
    return address


@transaction.atomic
def save_address(
    *, user_id: UUID, address_id: UUID | None = None, is_default: bool | None = None, **fields: Any
) -> Address:
    """Add or change an address. The first one is the default; a new default takes the place of the old one.

    Locks: the person's addresses. Raises NotFound, Invalid (the country's format), Conflict (too many).
    """
    others = list(Address.objects.select_for_update().filter(user_id=user_id))
    if address_id is None:
        if len(others) >= MAX_ADDRESSES:
            raise Conflict(reason=f"you have {MAX_ADDRESSES} addresses; remove one first")
        address = Address(user_id=user_id)
    else:
        address = own_address(user_id=user_id, address_id=address_id)
    for name, value in fields.items():
        setattr(address, name, value)
    checked = check_address(address.snapshot())
    address.country, address.postal_code = checked["country"], checked["postal_code"]
    becomes_default = bool(is_default) or not others or address.is_default
    if becomes_default:
        Address.objects.filter(user_id=user_id, is_default=True).exclude(pk=address.pk).update(
            is_default=False
        )
    address.is_default = becomes_default
    address.save()
    return address


@transaction.atomic
def remove_address(*, user_id: UUID, address_id: UUID) -> None:
    """Forget an address. Orders keep their copy; the oldest of the rest becomes the default."""
    address = own_address(user_id=user_id, address_id=address_id)
    address.delete()
    if address.is_default and (
        heir := Address.objects.filter(user_id=user_id).order_by("created_at").first()
    ):
        heir.is_default = True
        heir.save(update_fields=["is_default"])
