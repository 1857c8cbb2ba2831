"""Storefronts: sign-up, and the operator's hand on their life."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop
from django_fsm import TransitionNotAllowed

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict, IllegalTransition, Invalid, NotFound
from core.ids import new_secret
from core.jobs import enqueue
from payouts.models import SellerAccount
from services.audit_services import record_audit
from services.auth_services import confirm_password
from services.notification_services import notify
from services.provisioning_services import claim_ready_schema, make_ready_schema
from services.schema_recording_services import code_version
from shop.models import ShippingRate
from tenants.context import tenant_scope
from tenants.models import Domain, Membership, ReadySchema, Role, Tenant, TenantStatus, User
from tenants.models.user import normalise_email
from tenants.slugs import SlugUnavailable, check_slug, retired_skeleton, skeleton


class SignUpRefused(Conflict):
    """The e-mail address has an account and the password is not its password."""

    code = "account_exists"
    title = gettext_noop("This e-mail address already has an account")
    detail = gettext_noop("Sign up with that account's password, or reset it first.")


@dataclass(frozen=True)
class SignUp:
    """What a new seller gets."""

    tenant: Tenant
    user: User
    is_new: bool


def sign_up_seller(
    *, email: str, password: str, name: str, slug: str, currency: str = "", country: str = "DE"
) -> SignUp:
    """A user and an active storefront in one transaction; the schema comes from the pool.

    A person who already has an account gives its password and gets one more storefront. The same person asking again
    for the same slug gets the storefront they already own: a lost answer may be retried with or without its key.

    Raises: Invalid (slug, password), SlugUnavailable, SignUpRefused. Leaves nothing behind when it does.
    """
    slug = check_slug(slug.strip().lower())
    email = normalise_email(email)
    if known := User.objects.filter(email=email).first():
        confirm_password(known, password, refusal=SignUpRefused())
        if owned := Tenant.objects.filter(
            slug=slug, memberships__user=known, memberships__role=Role.OWNER
        ).first():
            return SignUp(tenant=owned, user=known, is_new=False)
    else:
        check_password(password, email=email)
    if is_slug_taken(slug):
        raise slug_taken()
    _ensure_ready_schema()
    try:
        with transaction.atomic():
            user = known or User.objects.create_user(email, password, name=name)
            tenant = _open_storefront(
                owner=user, name=name, slug=slug, currency=currency or settings.CURRENCY, country=country
            )
            record_audit("tenant.signed_up", actor_id=user.pk, tenant=tenant)
            enqueue("tenant.fill_pool")
            enqueue("account.open", opened_for=tenant.pk)
    except IntegrityError as error:
        raise _taken_by_another(error) from error
    return SignUp(tenant=tenant, user=user, is_new=True)


def check_password(password: str, *, email: str) -> None:
    """Raises Invalid where the password is too easy to guess."""
    try:
        validate_password(password, User(email=email))
    except ValidationError as error:
        raise Invalid(field="password", reason=" ".join(error.messages)) from error


def is_slug_taken(slug: str, *, besides: UUID | None = None) -> bool:
    """Whether a storefront has this address, has one that looks like it, or had one of both until it was erased.

    The addresses of erased storefronts are never given again: links, mails and bookmarks lead to them. `besides`: but for
    this storefront.
    """
    looks = skeleton(slug)
    known = Tenant.objects.filter(slug_skeleton__in=[looks, retired_skeleton(looks)])
    return known.exclude(pk=besides).exists() if besides else known.exists()


def must_be_free(slug: str, *, besides: UUID | None = None) -> None:
    """Neither the address nor its subdomain is anybody's. Raises SlugUnavailable."""
    hosts = Domain.objects.filter(domain=f"{slug}.{settings.MARKETPLACE_HOST}").exclude(tenant=besides)
    if is_slug_taken(slug, besides=besides) or hosts.exists():
        raise slug_taken()


def slug_taken() -> SlugUnavailable:
    """One answer for taken and for looking like a taken one."""
    return SlugUnavailable(
        field="slug", reason="this address is taken, or looks like one that is; choose another"
    )


def _taken_by_another(error: IntegrityError) -> Exception:
    text = str(error)
    if "slug" in text or "domain" in text:
        return slug_taken()
    if "tenants_user_email" in text:
        return SignUpRefused()
    return error


def _ensure_ready_schema() -> None:
    """With an empty pool the sign-up waits for one schema to be made. Outside of the transaction."""
    if not ReadySchema.objects.filter(version=code_version()).exists():
        make_ready_schema()


def _open_storefront(*, owner: User, name: str, slug: str, currency: str, country: str) -> Tenant:
    schema_name = claim_ready_schema()
    if schema_name is None:
        raise PoolEmpty(retry_after=2)
    tenant = Tenant(
        schema_name=schema_name,
        schema_version=code_version(),
        slug=slug,
        slug_skeleton=skeleton(slug),
        name=name,
        currency=currency,
        country=country,
        support_email=owner.email,
        brand=default_brand(slug),
    )
    tenant.activate(at=now())
    tenant.save(force_insert=True)
    Domain.objects.create(domain=tenant.subdomain, tenant=tenant, is_primary=True, verified_at=now())
    Membership.objects.create(user=owner, tenant=tenant, role=Role.OWNER)
    SellerAccount.objects.create(
        tenant=tenant, hold_days=settings.HOLD_DAYS, payout_minimum_minor=settings.PAYOUT_MINIMUM_MINOR
    )
    with tenant_scope(tenant):
        ShippingRate.objects.create(name="Standard", price_minor=0, currency=currency)
    return tenant


class PoolEmpty(Conflict):
    """Several sign-ups emptied the pool at the same moment; the next try makes its own schema."""

    code = "try_again"
    title = gettext_noop("Many storefronts are opening right now")
    detail = gettext_noop("Send the same request again in {retry_after} seconds.")


PALETTES = (
    {"primary": "#1f4d3f", "accent": "#d98e4a"},
    {"primary": "#3a2f5b", "accent": "#e0a458"},
    {"primary": "#7a2e2e", "accent": "#d9b26f"},
    {"primary": "#14455f", "accent": "#ef8354"},
)


def default_brand(slug: str) -> dict[str, str]:
    """A calm palette to start with, picked by the name so that neighbours differ."""
    return {**PALETTES[sum(slug.encode()) % len(PALETTES)], "tagline": "", "font": "system"}


def update_storefront(*, tenant_id: UUID, actor_id: UUID, changes: dict) -> Tenant:
    """The seller's own settings: name, brand, support e-mail, country, capture method. Returns the tenant as it is now."""
    with transaction.atomic():
        tenant = lock_tenant(tenant_id)
        for field in ("name", "support_email", "country", "capture_method"):
            if field in changes:
                setattr(tenant, field, changes[field])
        if "brand" in changes:
            tenant.brand = {**tenant.brand, **changes["brand"]}
        tenant.save(update_fields=["name", "support_email", "country", "brand", "capture_method"])
        record_audit("tenant.settings_changed", actor_id=actor_id, tenant=tenant, fields=",".join(changes))
    return tenant


def lock_tenant(tenant_id: UUID) -> Tenant:
    """The tenant's row, locked until the transaction ends. Raises NotFound."""
    tenant = Tenant.objects.select_for_update().filter(pk=tenant_id).first()
    if tenant is None:
        raise NotFound()
    return tenant


def suspend_tenant(*, tenant_id: UUID, actor_id: UUID | None, reason: str) -> Tenant:
    """Close a storefront to buyers with the next request; nothing is lost. Raises IllegalTransition."""
    return _move(tenant_id, "suspend", actor_id=actor_id, reason=reason)


def reactivate_tenant(*, tenant_id: UUID, actor_id: UUID | None, reason: str = "") -> Tenant:
    """Open a suspended storefront again."""
    return _move(tenant_id, "reactivate", actor_id=actor_id, reason=reason)


def close_tenant(*, tenant_id: UUID, actor_id: UUID | None, reason: str) -> Tenant:
    """End a storefront: nobody is served. Its data stays for the days of grace, then it is erased.

    A staging copy has no such days, and is closed with the storefront it was made of. The owner is told by mail, until when
    and how the closing can be taken back.
    """
    return _move(tenant_id, "close", actor_id=actor_id, reason=reason)


def reopen_tenant(*, tenant_id: UUID, actor_id: UUID | None, reason: str) -> Tenant:
    """Take a closing back before the storefront is erased; it is suspended then. Raises IllegalTransition."""
    return _move(tenant_id, "reopen", actor_id=actor_id, reason=reason)


def _move(tenant_id: UUID, move: str, *, actor_id: UUID | None, reason: str) -> Tenant:
    with transaction.atomic():
        tenant, moment = lock_tenant(tenant_id), now()
        grace = timedelta() if tenant.is_staging else settings.CLOSED_KEPT
        arguments: dict[str, dict[str, Any]] = {
            "suspend": {"reason": reason},
            "reactivate": {},
            "close": {"reason": reason, "at": moment, "erase_after": moment + grace},
            "reopen": {"reason": reason},
        }
        try:
            getattr(tenant, move)(**arguments[move])
        except TransitionNotAllowed as error:
            raise IllegalTransition(what="tenant", state=str(tenant.status), move=move) from error
        tenant.save(update_fields=["status", "status_reason", "closed_at", "erase_after"])
        record_audit(f"tenant.{move}", actor_id=actor_id, tenant=tenant, reason=reason)
        if move == "close" and not tenant.is_staging:
            _tell_of_closing(tenant)
            _close_copies(tenant, actor_id=actor_id)
    return tenant


def _close_copies(tenant: Tenant, *, actor_id: UUID | None) -> None:
    """Staging copies end with the storefront they were made of. They have no grace: the next night erases them."""
    open_ones = (TenantStatus.ACTIVE, TenantStatus.SUSPENDED)
    copies = Tenant.objects.filter(copied_from=tenant.pk, is_staging=True, status__in=open_ones)
    for copy_id in copies.order_by("pk").values_list("pk", flat=True):
        _move(copy_id, "close", actor_id=actor_id, reason=f"{tenant.slug} was closed")


CLOSING = """{name} was closed on {closed:%d %B %Y}. Nobody is served at {url} any more.

Until {until:%d %B %Y} its data is kept and the closing can be taken back: {how}, and name {slug}.

After that day the storefront is erased: its products, orders, customers, pictures and pages, and who worked there. \
What is still on its way to you is paid out first. An archive is kept for {days} days more, then nothing can be brought \
back. What the law has {marketplace} keep stays in its books: the figures, and the invoices made out to you.
"""


def _tell_of_closing(tenant: Tenant) -> None:
    """The storefront's own pages are gone, so the way back leads over the operator."""
    owner = Membership.objects.select_related("user").filter(tenant=tenant, role=Role.OWNER).first()
    if owner is None:
        return
    contact = settings.MARKETPLACE_EMAIL
    body = CLOSING.format(
        name=tenant.name,
        slug=tenant.slug,
        url=tenant.url,
        closed=tenant.closed_at,
        until=tenant.erase_after,
        days=settings.BACKUP_KEPT.days,
        how=f"write to {contact}" if contact else "answer this mail",
        marketplace=settings.MARKETPLACE_LEGAL_NAME or settings.MARKETPLACE_NAME,
    )
    enqueue("mail.operator", email=owner.user.email, subject=f"{tenant.name} is closed", body=body)


def provision_tenant(
    *, email: str, name: str, slug: str, currency: str, country: str, actor_id: UUID
) -> SignUp:
    """The operator opens a storefront for somebody: an owner without a password yet, who sets one by mail.

    So does the owner of an account whose mailbox was never proved: anybody may have opened it in that name.
    """
    slug = check_slug(slug.strip().lower())
    email = normalise_email(email)
    if is_slug_taken(slug):
        raise slug_taken()
    _ensure_ready_schema()
    try:
        with transaction.atomic():
            user = User.objects.filter(email=email).first() or User.objects.create_user(
                email, None, name=name
            )
            if user.email_verified_at is None and user.has_usable_password():
                user.set_unusable_password()
                user.token_version = new_secret()
                user.save(update_fields=["password", "token_version"])
            tenant = _open_storefront(owner=user, name=name, slug=slug, currency=currency, country=country)
            record_audit("tenant.provisioned", actor_id=actor_id, tenant=tenant)
            enqueue("tenant.fill_pool")
            enqueue("account.open", opened_for=tenant.pk)
            if not user.has_usable_password():
                with tenant_scope(tenant):
                    enqueue("mail.mailbox_proof", email=user.email, purpose="reset")
    except IntegrityError as error:
        raise _taken_by_another(error) from error
    return SignUp(tenant=tenant, user=user, is_new=True)


@marketplace_work
def set_membership(*, tenant_id: UUID, email: str, role: str, actor_id: UUID) -> Membership:
    """Give a person a role, which counts once they have proved their mailbox; until then a mail asks them to.

    Somebody without an account gets one. Who has proved it already is told where to sign in.
    """
    if role == Role.OWNER:
        raise Invalid(field="role", reason="there is one owner; choose manager, fulfilment or support")
    with transaction.atomic():
        tenant = lock_tenant(tenant_id)
        user = User.objects.filter(email=normalise_email(email)).first() or User.objects.create_user(
            email, None
        )
        current = Membership.objects.filter(user=user, tenant=tenant).first()
        if current is not None and current.role == Role.OWNER:
            raise Conflict(field="email", reason="the owner's role cannot be changed")
        membership, is_new = Membership.objects.update_or_create(
            user=user, tenant=tenant, defaults={"role": role}
        )
        record_audit("membership.set", actor_id=actor_id, tenant=tenant, user=user.pk, role=role)
        if user.email_verified_at is None:
            enqueue("mail.mailbox_proof", email=user.email, purpose="invite")
        elif is_new:
            _welcome(membership)
    return membership


def _welcome(membership: Membership) -> None:
    tenant = membership.tenant
    with tenant_scope(tenant):
        notify(
            type="team_joined",
            title=f"You belong to the team of {tenant.name}",
            message=f"Sign in with the account you have: {tenant.url}/dashboard",
            dedupe_key=f"team:{membership.pk}",
            email=membership.user.email,
            recipient_id=membership.user_id,
        )


def remove_membership(*, tenant_id: UUID, membership_id: UUID, actor_id: UUID) -> None:
    """Take a person's role away; from the next request on they may nothing here. The owner stays."""
    with transaction.atomic():
        tenant = lock_tenant(tenant_id)
        row = Membership.objects.filter(pk=membership_id, tenant=tenant).first()
        if row is None:
            raise NotFound()
        if row.role == Role.OWNER:
            raise Conflict(field="membership", reason="the owner cannot be removed")
        record_audit("membership.removed", actor_id=actor_id, tenant=tenant, user=row.user_id)
        row.delete()
