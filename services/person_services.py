"""Forgetting a person in one storefront. What the law keeps stays, without the person in it.

A person is an account, or a guest who is known by a mail address only. Whoever has proved that a mailbox is theirs, or
whom the seller has found to be the one who reads it, has also what was placed with its address from no account.
"""

from dataclasses import asdict, dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop

from core.db import as_marketplace
from core.errors import Conflict, Invalid
from payouts.models import Dispute
from services.audit_services import record_audit
from services.auth_services import NotSignedIn, confirm_password
from services.erasure_services import record_erasure
from services.forgetting_services import Trail, follow, forget_in_storefront
from services.forgotten_words import Words
from services.shared_forgetting_services import forget_in_shared
from shop.models import Order, OrderStatus
from tenants.context import current_tenant
from tenants.models import Tenant, User
from tenants.models.user import normalise_email
from tenants.selectors import role_in

OPEN = (OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.SHIPPED)
MAX_REASON = 300


class StillNeeded(Conflict):
    """An order is still open, and it has to arrive somewhere."""

    code = "orders_open"
    title = gettext_noop("An order of yours is still open")
    detail = gettext_noop("Once it has arrived or is cancelled, you can delete your account.")


class StillDisputed(Conflict):
    """The bank has not decided about a payment: until then the seller may have to show what was sent where."""

    code = "payment_disputed"
    title = gettext_noop("Your bank is still asking a payment of yours back")
    detail = gettext_noop("Once that is decided, you can delete your account.")


class StaffStays(Conflict):
    """People who work here have duties in the books."""

    code = "is_staff"
    title = gettext_noop("You work in this shop")
    detail = gettext_noop("Ask its owner to take your role away first.")


class TheirOrderIsOpen(StillNeeded):
    """The same, said to the seller or an operator."""

    title = gettext_noop("An order of this person is still open")
    detail = gettext_noop(
        "An order of this person is still open. Once it has arrived or is cancelled, they can be forgotten."
    )


class TheirPaymentIsDisputed(StillDisputed):
    """The same, said to the seller or an operator."""

    title = gettext_noop("A payment of this person is disputed")
    detail = gettext_noop(
        "A payment of this person is disputed. Once the bank has decided, they can be forgotten."
    )


class TheyWorkHere(StaffStays):
    """The same, said to the seller or an operator."""

    title = gettext_noop("This person works here")
    detail = gettext_noop("This person works here. Take them out of the team first.")


SAID_OF_OTHERS: dict[type[Conflict], type[Conflict]] = {
    StillNeeded: TheirOrderIsOpen,
    StillDisputed: TheirPaymentIsDisputed,
    StaffStays: TheyWorkHere,
}


@dataclass(frozen=True)
class Person:
    """Somebody in one storefront. `reads_mail`: what was placed with the mail address alone is theirs."""

    email: str
    user: User | None
    reads_mail: bool

    @property
    def user_ids(self) -> list[UUID]:
        """Of their account, where there is one."""
        return [self.user.pk] if self.user else []


@dataclass(frozen=True)
class Forgotten:
    """How many rows went or lost their person."""

    orders: int = 0
    reviews: int = 0
    addresses: int = 0
    carts: int = 0
    messages: int = 0
    answers: int = 0
    exports: int = 0
    lists: int = 0
    mentions: int = 0
    events: int = 0
    jobs: int = 0
    log: int = 0
    sessions: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(asdict(self).values())


def person_of(user: User) -> Person:
    """Somebody who is signed in. An account in whose mailbox nobody has looked is in that name only by its own word."""
    return Person(user.email, user, user.email_verified_at is not None)


def person_by_email(email: str) -> Person:
    """Whoever reads this mailbox, with an account or without."""
    email = normalise_email(email)
    if "@" not in email or len(email) > 254:
        raise Invalid(field="email", reason="this is not a mail address")
    with as_marketplace():
        return Person(email, User.objects.filter(email=email).first(), reads_mail=True)


def orders_of(person: Person) -> QuerySet[Order]:
    """What they ordered here: from their account, and with their mail address from no account."""
    mine = Q(buyer_id__in=person.user_ids)
    return Order.objects.filter(mine | Q(email=person.email, buyer_id=None) if person.reads_mail else mine)


def erase_person(*, user: User, password: str) -> Forgotten:
    """A person asks to be forgotten in this storefront (GDPR art. 17): see `erase`. Raises NotSignedIn (password), too."""
    confirm_password(user, password, refusal=NotSignedIn())
    return erase(person_of(user), actor_id=None, reason="asked for by themselves")


def erase_person_by_email(*, email: str, actor_id: UUID | None, reason: str) -> Forgotten:
    """The seller or an operator acts on the request of whoever reads this mailbox: see `erase`.

    Nothing known: nothing is done, and nothing counted. Raises Invalid (email, reason), TheirOrderIsOpen,
    TheirPaymentIsDisputed, TheyWorkHere.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > MAX_REASON:
        raise Invalid(field="reason", reason=f"say why, in 1 to {MAX_REASON} characters")
    try:
        return erase(person_by_email(email), actor_id=actor_id, reason=reason)
    except (StillNeeded, StillDisputed, StaffStays) as refusal:
        raise SAID_OF_OTHERS[type(refusal)]() from refusal


@transaction.atomic
def erase(person: Person, *, actor_id: UUID | None, reason: str) -> Forgotten:
    """Forget a person in the storefront that is served.

    Addresses, carts, messages and kept answers go. Orders stay for the books, reviews stay for their readers, both
    without the name, mail address, street and telephone number, and with nothing that leads back to the account; so do
    invoices, whose numbers, days and amounts the law wants. What others wrote of their orders keeps everything but the
    name, mail address, telephone number and street; elsewhere, the mail address alone is looked for. The account itself
    may be used in other storefronts and stays; here it is signed out. That it happened is remembered, by digests, for the
    day an older archive is restored.

    One transaction. Locks: the person's orders in ascending id; an order placed meanwhile either is seen, and refuses this,
    or is not touched. Raises StaffStays, StillNeeded, StillDisputed.
    """
    tenant = current_tenant()
    if any(role_in(user_id, tenant) for user_id in person.user_ids):
        raise StaffStays()
    trail = _locked_trail(person, tenant)
    done = {**forget_in_shared(trail, tenant), **forget_in_storefront(trail)}
    if orders_of(person).exclude(pk__in=trail.orders).exists():
        raise StillNeeded()
    forgotten = Forgotten(**done)
    if forgotten.total:
        record_erasure(tenant_id=tenant.pk, users=trail.users, orders=trail.orders)
        record_audit(
            "person.forgotten",
            actor_id=actor_id,
            tenant=tenant,
            reason=Words(trail.words).blot(reason),
            **{name: count for name, count in asdict(forgotten).items() if count},
        )
    return forgotten


def _locked_trail(person: Person, tenant: Tenant) -> Trail:
    """What leads to them, with the orders locked; refused where one of them still needs its person."""
    rows = orders_of(person).select_for_update().order_by("pk").values_list("pk", "status")
    orders = [pk for pk, _ in rows]
    if any(status in OPEN for _, status in rows):
        raise StillNeeded()
    if Dispute.objects.filter(tenant=tenant, order_id__in=orders, closed_at=None).exists():
        raise StillDisputed()
    trail = Trail(orders, person.user_ids, {person.email} if person.reads_mail else set())
    return follow(trail, names=[person.user.name] if person.user else [])
