"""Signing in, staying signed in, and every way a token dies."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import connection, transaction
from django.utils.translation import gettext_noop

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict, DomainError, Invalid, Refused, TooMany
from core.ids import new_secret
from core.jobs import enqueue
from services.audit_services import record_audit
from tenants.models import Session, Tenant, User
from tenants.models.user import normalise_email
from tenants.tokens import (
    BadToken,
    issue_access,
    issue_page,
    issue_refresh,
    issue_ticket,
    new_jti,
    read_token,
    session_stands,
)

ATTEMPTS_PER_ACCOUNT, ATTEMPTS_PER_ADDRESS = 10, 50
ATTEMPT_WINDOW = timedelta(minutes=15)
PROOF_LIFETIME = timedelta(hours=24)


class NotSignedIn(Refused):
    """Wrong e-mail or password, or an account that may not sign in: one answer for all."""

    code = "wrong_credentials"
    title = gettext_noop("Wrong e-mail or password")


class TokenRefused(Refused):
    """The token is not valid here (any more)."""

    code = "token_not_valid"
    title = gettext_noop("Sign in again")


@dataclass(frozen=True)
class TokenPair:
    """An access token of five minutes and the refresh token that follows it, once."""

    access: str
    refresh: str
    user: User
    session: Session

    @property
    def page(self) -> str:
        """For a browser's cookie, in place of both."""
        return issue_page(session=self.session, user=self.user)

    @property
    def ticket(self) -> str:
        """For the way to another host; see `redeem_ticket`."""
        return issue_ticket(session=self.session, user=self.user)


@marketplace_work
def count_attempt(key: str, limit: int) -> None:
    """Count one failed try in the database, atomically. Raises TooMany once `limit` are used up."""
    window = int(ATTEMPT_WINDOW.total_seconds())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO public.tenants_loginattempt AS a (key, failures, window_ends_at) VALUES (%s, 1, now() + %s * interval '1 second')
            ON CONFLICT (key) DO UPDATE SET
              failures = CASE WHEN a.window_ends_at < now() THEN 1 ELSE a.failures + 1 END,
              window_ends_at = CASE WHEN a.window_ends_at < now() THEN now() + %s * interval '1 second' ELSE a.window_ends_at END
            RETURNING failures, ceil(extract(epoch FROM window_ends_at - now()))::int
            """,
            [key[:120], window, window],
        )
        failures, seconds = cursor.fetchone()
    if failures > limit:
        raise TooMany(retry_after=max(seconds, 1))


@marketplace_work
def forgive_attempts(key: str) -> None:
    """A success ends the count."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM public.tenants_loginattempt WHERE key = %s", [key[:120]])


@marketplace_work
def confirm_password(user: User, password: str, *, refusal: DomainError) -> None:
    """Raises `refusal` where the password is not this active user's; counts failures."""
    key = f"account:{user.pk}"
    count_attempt(key, ATTEMPTS_PER_ACCOUNT)
    if not user.is_active or not user.check_password(password):
        raise refusal
    forgive_attempts(key)


@marketplace_work
def check_credentials(*, email: str, password: str, address: str) -> User:
    """The active user these belong to. Takes as long for unknown addresses as for known ones.

    Failures count per account and address of the caller together, so that nobody locks a stranger out, and per
    address alone. Raises NotSignedIn, TooMany.
    """
    email = normalise_email(email)
    pair = f"pair:{hashlib.sha256(email.encode()).hexdigest()[:32]}:{address}"  # no mail address is kept
    count_attempt(pair, ATTEMPTS_PER_ACCOUNT)
    count_attempt(f"address:{address}", ATTEMPTS_PER_ADDRESS)
    user = User.objects.filter(email=email).first()
    if user is None:
        make_password(password)
        raise NotSignedIn()
    if not user.check_password(password) or not user.is_active:
        raise NotSignedIn()
    forgive_attempts(pair)
    forgive_attempts(f"address:{address}")
    return user


@marketplace_work
def sign_in(*, email: str, password: str, tenant: Tenant | None, address: str) -> TokenPair:
    """Tokens bound to `tenant` (None: the marketplace). Raises NotSignedIn, TooMany: see `check_credentials`."""
    return open_session(
        user=check_credentials(email=email, password=password, address=address), tenant=tenant
    )


@marketplace_work
def open_session(*, user: User, tenant: Tenant | None) -> TokenPair:
    """A new family of tokens for a person who has just proved who they are."""
    session = Session.objects.create(
        user=user,
        tenant=tenant,
        refresh_jti=new_jti(),
        expires_at=now() + settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"],
    )
    return _pair(session, user, session.refresh_jti)


def _pair(session: Session, user: User, refresh_jti: str) -> TokenPair:
    return TokenPair(
        access=issue_access(session=session, user=user),
        refresh=issue_refresh(session=session, user=user, jti=refresh_jti),
        user=user,
        session=session,
    )


@marketplace_work
def redeem_ticket(*, ticket: str, tenant: Tenant) -> TokenPair:
    """Trade a ticket for a session on `tenant`'s host, once: a conditional UPDATE decides. Raises TokenRefused."""
    try:
        claims = read_token(ticket, kind="ticket", tenant=tenant)
        session_id = UUID(claims["sid"])
    except (BadToken, ValueError) as error:
        raise TokenRefused() from error
    fresh = new_jti()
    if not Session.objects.filter(pk=session_id, refresh_jti=claims["jti"]).update(refresh_jti=fresh):
        raise TokenRefused()
    session = Session.objects.select_related("user").get(pk=session_id)
    if not session_stands(session, claims):
        raise TokenRefused()
    return _pair(session, session.user, fresh)


@marketplace_work
def prolong_session(*, session_id: UUID) -> None:
    """A browser that keeps coming back stays signed in."""
    Session.objects.filter(pk=session_id, revoked_at=None).update(
        expires_at=now() + settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    )


@marketplace_work
def refresh_session(*, refresh: str, tenant: Tenant | None) -> TokenPair:
    """Trade a refresh token for a new pair, exactly once however many try at the same time.

    One conditional UPDATE decides. A token that was already traded ends the whole family, unless it was traded
    within REFRESH_REUSE_GRACE (two tabs racing). Raises TokenRefused.
    """
    try:
        claims = read_token(refresh, kind="refresh", tenant=tenant)
        session_id = UUID(claims["sid"])
    except (BadToken, ValueError) as error:
        raise TokenRefused() from error
    fresh, moment = new_jti(), now()
    session = Session.objects.select_related("user").filter(pk=session_id).first()
    if session is None or not session_stands(session, claims):
        raise TokenRefused()
    won = Session.objects.filter(pk=session.pk, refresh_jti=claims["jti"], revoked_at=None).update(
        refresh_jti=fresh,
        previous_jti=claims["jti"],
        rotated_at=moment,
        expires_at=moment + settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"],
    )
    if not won:
        Session.objects.filter(pk=session.pk, revoked_at=None).exclude(
            previous_jti=claims["jti"], rotated_at__gt=moment - settings.REFRESH_REUSE_GRACE
        ).update(revoked_at=moment)
        raise TokenRefused()
    return _pair(session, session.user, fresh)


@marketplace_work
def sign_out(*, session_id: UUID) -> None:
    """End a session: its refresh and access tokens are dead with the next request."""
    Session.objects.filter(pk=session_id, revoked_at=None).update(revoked_at=now())


def sign_out_everywhere(*, user_id: UUID, tenant: Tenant | None) -> None:
    """End all sessions of a person on one host."""
    Session.objects.filter(user_id=user_id, tenant=tenant, revoked_at=None).update(revoked_at=now())


@marketplace_work
def change_password(*, user_id: UUID, old: str, new: str, tenant: Tenant | None) -> TokenPair:
    """Every token issued before is dead; the caller gets new ones. Raises NotSignedIn, Invalid."""
    from services.tenant_services import check_password

    user = User.objects.get(pk=user_id)
    confirm_password(user, old, refusal=NotSignedIn())
    check_password(new, email=user.email)
    return _set_password(user, new, tenant)


@transaction.atomic
def _set_password(user: User, password: str, tenant: Tenant | None) -> TokenPair:
    user.set_password(password)
    user.save(update_fields=["password", "token_version", "email_verified_at", "name"])
    Session.objects.filter(user=user, revoked_at=None).update(revoked_at=now())
    record_audit("user.password_set", actor_id=user.pk)
    return open_session(user=user, tenant=tenant)


class NotYourself(Conflict):
    """Operators who lock themselves out need another one to come back."""

    code = "not_yourself"
    title = "You cannot disable yourself"


@marketplace_work
def set_user_active(*, user_id: UUID, is_active: bool, actor_id: UUID, reason: str = "") -> None:
    """Disable or enable a person everywhere. A disabled person's tokens are dead with the next request.

    Raises NotYourself.
    """
    if user_id == actor_id and not is_active:
        raise NotYourself()
    with transaction.atomic():
        User.objects.filter(pk=user_id).update(is_active=is_active, token_version=new_secret())
        action = "user.enabled" if is_active else "user.disabled"
        record_audit(action, actor_id=actor_id, reason=reason, user=user_id)


@marketplace_work
@transaction.atomic
def end_all_sessions(*, user_id: UUID, actor_id: UUID, reason: str = "") -> int:
    """Sign a person out on every host, at the desk, too. Returns how many sessions stood."""
    moment = now()
    standing = Session.objects.filter(user_id=user_id, revoked_at=None, expires_at__gt=moment)
    ended = standing.update(revoked_at=moment)
    User.objects.filter(pk=user_id).update(token_version=new_secret())
    record_audit("user.signed_out", actor_id=actor_id, reason=reason, user=user_id, sessions=ended)
    return ended


# Proving a mailbox: joining and forgotten passwords ---------------------------------------------------------------


@marketplace_work
def request_mailbox_proof(*, email: str, purpose: str, address: str) -> None:
    """Mail a link to join or to set a password. The same answer, work and time whether the address is known.

    Raises TooMany after repeated requests from one network address.
    """
    count_attempt(f"proof:{address}", ATTEMPTS_PER_ADDRESS)
    enqueue("mail.mailbox_proof", email=normalise_email(email), purpose=purpose)


@marketplace_work
def mailbox_proof(*, email: str, tenant: Tenant | None) -> str:
    """A signed, one-time proof that goes into the mail: bound to the tenant and to the password it will replace."""
    user = User.objects.filter(email=email).first()
    return signing.dumps([email, user.token_version if user else ""], salt=_salt(tenant), compress=False)


@marketplace_work
def accept_mailbox_proof(*, proof: str, password: str, name: str, tenant: Tenant | None) -> TokenPair:
    """Whoever holds the proof reads that mailbox: create the account or set its password, and sign in.

    Raises Invalid for a proof that is forged, used, too old, or of another storefront.
    """
    from services.tenant_services import check_password

    try:
        email, version = signing.loads(proof, salt=_salt(tenant), max_age=PROOF_LIFETIME)
    except signing.BadSignature as error:
        raise Invalid(field="proof", reason="this link is not valid any more; ask for a new one") from error
    check_password(password, email=email)
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email=email).first()
        if (user.token_version if user else "") != version or (user is not None and not user.is_active):
            raise Invalid(field="proof", reason="this link was used already; ask for a new one")
        user = user or User(email=email)
        user.name = name or user.name
        user.email_verified_at = now()
        if user._state.adding:
            user.set_password(password)
            user.save()
            return open_session(user=user, tenant=tenant)
        return _set_password(user, password, tenant)


def _salt(tenant: Tenant | None) -> str:
    return f"mailbox-proof:{tenant.pk if tenant else 'marketplace'}"


@marketplace_work
def rename_user(*, user_id: UUID, name: str) -> str:
    """What a person wants to be called."""
    User.objects.filter(pk=user_id).update(name=name)
    return name


@marketplace_work
@transaction.atomic
def make_operator(*, email: str, password: str) -> User:
    """Make a person one of the marketplace's operators, with this password. Raises Invalid (password)."""
    from services.tenant_services import check_password

    email = normalise_email(email)
    check_password(password, email=email)
    user = User.objects.select_for_update().filter(email=email).first() or User(email=email)
    user.is_operator = user.is_superuser = True
    user.set_password(password)
    user.save()
    record_audit("user.made_operator", actor_id=user.pk)
    return user
