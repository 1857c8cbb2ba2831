"""Jobs about storefronts and people."""

from datetime import timedelta

from django.core.mail import EmailMessage

import services.fleet_operations
import services.lifecycle_operations
import services.staging_operations  # noqa: F401 - their operations are run here
from core.clock import now
from core.db import as_marketplace, tenant_connection
from core.idempotency import LIFETIME
from core.jobs import MAIL, MAIL_ATTEMPTS, NORMAL, task
from services.auth_services import mailbox_proof
from services.domain_watch_services import look_at_all_domains, look_at_domains, tell_of_domain
from services.expiry_services import sweep_expired
from services.fleet_services import migrate_stragglers
from services.housekeeping_services import forget_old_answers
from services.lifecycle_services import erase_closed
from services.notification_services import may_be_mailed
from services.provisioning_services import fill_pool
from tenants.context import current_tenant
from tenants.models import IdempotencyKey, LoginAttempt, Session, Tenant, User


@task("tenant.fill_pool", priority=NORMAL, max_attempts=5, cron="*/5 * * * *")
def fill_pool_job() -> None:
    fill_pool()


@task("fleet.stragglers", priority=NORMAL, max_attempts=3, cron="* * * * *")
def migrate_stragglers_job() -> None:
    migrate_stragglers()


@task("mail.mailbox_proof", priority=MAIL, max_attempts=MAIL_ATTEMPTS)
def send_mailbox_proof(*, email: str, purpose: str) -> None:
    """The link that proves a mailbox. For a known address that asks to join: how to sign in instead."""
    tenant = tenant_connection.tenant if isinstance(tenant_connection.tenant, Tenant) else None
    place = tenant.name if tenant else "Souk"
    with as_marketplace():
        is_known = User.objects.filter(email=email).exists()
    if purpose in ("reset", "invite") and not is_known:
        return
    if tenant and not may_be_mailed(tenant, email):
        return
    host = tenant.url if tenant else Tenant.marketplace_url()
    link = f"{host}/account/confirm#{mailbox_proof(email=email, tenant=tenant)}"
    end = "The link works once, for 24 hours."
    if purpose == "invite":
        subject = f"{place} invites you to its team"
        body = (
            f"You can work at {place} from now on. Choose a password, and sign in at {host}/dashboard afterwards.\n\n"
            f"{link}\n\n{end} If you do not know {place}, do nothing."
        )
    else:
        subject = f"Your account at {place}" if is_known else f"Join {place}"
        body = (
            f"Somebody, hopefully you, asked to {'set a new password' if is_known else 'open an account'} at {place}.\n\n"
            f"{link}\n\n{end} If it was not you, do nothing."
        )
    EmailMessage(subject=" ".join(subject.split()), body=body, to=[email]).send()


@task("mail.operator", priority=MAIL, max_attempts=MAIL_ATTEMPTS)
def send_operator_mail(*, email: str, subject: str, body: str) -> None:
    EmailMessage(subject=" ".join(subject.split()), body=body, to=[email]).send()


@task("domain.recheck", max_attempts=3, cron="43 4 * * *")
def recheck_domains_job() -> None:
    look_at_all_domains()


@task("domain.look", max_attempts=3)
def look_at_domains_job() -> None:
    look_at_domains(tenant_id=current_tenant().pk, at=now())


@task("domain.tell", priority=MAIL, max_attempts=MAIL_ATTEMPTS)
def tell_of_domain_job(*, what: str, domain: str, day: str) -> None:
    tell_of_domain(what=what, domain=domain, day=day)


@task("tenant.housekeeping", cron="17 3 * * *")
def forget_expired() -> None:
    """Sessions, attempts and keys that can matter no more; archives and schemas that were kept for long enough."""
    moment = now()
    Session.objects.filter(expires_at__lt=moment - timedelta(days=1)).delete()
    LoginAttempt.objects.filter(window_ends_at__lt=moment - timedelta(days=1)).delete()
    IdempotencyKey.objects.filter(created_at__lt=moment - LIFETIME).delete()
    forget_old_answers()
    sweep_expired()


@task("tenant.erase_closed", max_attempts=3, cron="45 3 * * *")
def erase_closed_job() -> None:
    erase_closed()
