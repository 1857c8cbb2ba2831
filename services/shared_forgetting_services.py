"""Taking people of one storefront out of the tables that all storefronts share.

Accounts stay, since they are the whole marketplace's; so do the books, which name orders and charges by their ids, and nobody.
"""

from typing import Any

from django.db import connection

from core.db import as_marketplace
from core.jobs import MAIL
from core.models import JobState
from payouts.models import Dispute, StripeEvent
from services.forgetting_services import Trail
from services.forgotten_words import Words, blot_table
from services.personal_data import Kind
from services.stripe_privacy import without_person
from shop.models import Payment, PaymentAttempt, Refund
from tenants.models import Session, Tenant

JOB_WORDS = {"args": Kind.FACTS, "last_error": Kind.WORDS}
AUDIT_WORDS = {"reason": Kind.WORDS, "facts": Kind.FACTS}
JOBS_WITH_MAIL = """
DELETE FROM public.core_job j WHERE tenant_id = %s AND state <> %s AND priority = %s
   AND EXISTS (SELECT FROM jsonb_each_text(j.args) AS a WHERE lower(a.value) = ANY(%s))
"""


def stripe_objects_of(trail: Trail, tenant: Tenant) -> set[str]:
    """What Stripe calls the payments of these orders, and what became of them. Ask before the trail is forgotten."""
    payments = Payment.objects.filter(order__in=trail.orders)
    found: set[Any] = set()
    for ids in payments.values_list("transaction_id", "intent_id", "session_id"):
        found.update(ids)
    found.update(
        PaymentAttempt.objects.filter(payment__order__in=trail.orders).values_list(
            "transaction_id", flat=True
        )
    )
    found.update(Refund.objects.filter(order__in=trail.orders).values_list("transaction_id", flat=True))
    disputes = Dispute.objects.filter(tenant=tenant, order_id__in=trail.orders)
    found.update(disputes.values_list("dispute_id", flat=True))
    return {name for name in found if name}


def forget_in_shared(trail: Trail, tenant: Tenant) -> dict[str, int]:
    """What Stripe told of these people's payments, mails that wait to be sent to them, what operators and staff wrote of
    them in the log of what was done here, and their sessions here. Returns how many of each.

    Call in the transaction of `forget_in_storefront`.
    """
    objects = stripe_objects_of(trail, tenant)
    words = Words(trail.proved)
    with as_marketplace():
        sessions = 0
        if trail.until is None:
            sessions, _ = Session.objects.filter(
                user__in=trail.users, tenant=tenant, is_support=False
            ).delete()
        return {
            "events": _forget_events(objects),
            "jobs": _forget_jobs(trail, words, tenant),
            "log": blot_table(
                words, "public.tenants_auditentry", AUDIT_WORDS, where="tenant_id = %s", params=[tenant.pk]
            )
            if words
            else 0,
            "sessions": sessions,
        }


def _forget_events(objects: set[str]) -> int:
    """Bodies of events that were stored whole; what comes in today is stripped before it is stored."""
    count = 0
    for event in StripeEvent.objects.filter(object_id__in=objects).only("body").iterator(chunk_size=500):
        if (stripped := without_person(event.body)) != event.body:
            StripeEvent.objects.filter(pk=event.pk).update(body=stripped)
            count += 1
    return count


def _forget_jobs(trail: Trail, words: Words, tenant: Tenant) -> int:
    """Mails to them are not sent any more; of other jobs that failed, what the error said of them goes."""
    if not words:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            JOBS_WITH_MAIL, [tenant.pk, JobState.RUNNING, MAIL, [email.lower() for email in trail.proved]]
        )
        dropped = cursor.rowcount
    place, mine = "public.core_job", "tenant_id = %s AND state <> %s"
    return dropped + blot_table(words, place, JOB_WORDS, where=mine, params=[tenant.pk, JobState.RUNNING])
