"""A buyer's addresses: several, one of them the default."""

from typing import Any
from uuid import UUID

from django.db import connection, transaction

from core.errors import Conflict, NotFound
from services.address_rules import check_address
from shop.models import Address

MAX_ADDRESSES = 50
ADDRESS_LOCK = 0x50AD


def own_address(*, user_id: UUID, address_id: UUID) -> Address:
    """One of this person's addresses. Raises NotFound, also for somebody else's."""
    address = Address.objects.filter(pk=address_id, user_id=user_id).first()
    if address is None:
        raise NotFound(what="address")
    return address


def lock_addresses(user_id: UUID) -> None:
    """One change of a person's addresses at a time, until the transaction ends; also while there is none to lock yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [ADDRESS_LOCK, str(user_id)])


@transaction.atomic
def save_address(
    *, user_id: UUID, address_id: UUID | None = None, is_default: bool | None = None, **fields: Any
) -> Address:
    """Add or change an address. The first one is the default; a new default takes the place of the old one.

    Locks: the person's addresses. Raises NotFound, Invalid (the country's format), Conflict (too many).
    """
    lock_addresses(user_id)
    others = Address.objects.filter(user_id=user_id).count()
    if address_id is None:
        if others >= MAX_ADDRESSES:
            raise Conflict(reason=f"you have {MAX_ADDRESSES} addresses; remove one first")
        address = Address(user_id=user_id)
    else:
        address = own_address(user_id=user_id, address_id=address_id)
    for name, value in fields.items():
        setattr(address, name, value)
    checked = check_address(address.snapshot())
    address.country, address.postal_code, address.phone = (
        checked["country"],
        checked["postal_code"],
        checked["phone"],
    )
    becomes_default = bool(is_default) or not others or address.is_default
    if becomes_default:
        Address.objects.filter(user_id=user_id, is_default=True).exclude(pk=address.pk).update(
            is_default=False
        )
    address.is_default = becomes_default
    address.save()
    return address


@transaction.atomic
def remember_address(*, user_id: UUID, **fields: Any) -> None:
    """Keep an address a parcel goes to, once: nothing where it is known already, or where there are enough.

    Locks: the person's addresses. Raises Invalid (the country's format).
    """
    lock_addresses(user_id)
    known = [address.snapshot() for address in Address.objects.filter(user_id=user_id)]
    if len(known) < MAX_ADDRESSES and check_address(fields) not in known:
        save_address(user_id=user_id, **fields)


@transaction.atomic
def remove_address(*, user_id: UUID, address_id: UUID) -> None:
    """Forget an address. Orders keep their copy; the oldest of the rest becomes the default.

    Locks: the person's addresses. Raises NotFound.
    """
    lock_addresses(user_id)
    address = own_address(user_id=user_id, address_id=address_id)
    address.delete()
    if address.is_default and (
        heir := Address.objects.filter(user_id=user_id).order_by("created_at").first()
    ):
        heir.is_default = True
        heir.save(update_fields=["is_default"])
