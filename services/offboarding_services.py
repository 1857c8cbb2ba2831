"""What the shared tables forget of a storefront that is erased, and what they keep.

Kept, for the books and by law: the ledger, charges, disputes, reserves, payouts with their figures, commission invoices as
they were issued (documents of the marketplace, made out to a business), write-offs and reversals with the operator's
reasons, Stripe's ids, who did what when, and which persons had asked to be forgotten. The accounts of people are the
marketplace's and stay; that they worked or bought here is forgotten.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Q

from core.ids import new_id
from core.models import Job, OperationState
from payouts.models import Charge, CommissionRule, Dispute, Payout, SellerAccount
from services.schema_names import must_be_generated
from services.stripe_event_services import reduce_events
from tenants.models import (
    Domain,
    DomainClaim,
    FleetEntry,
    ListedProduct,
    ListedStorefront,
    Membership,
    Operation,
    Session,
    Tenant,
)
from tenants.slugs import retired_skeleton, skeleton

ERASED_NAME = "Erased storefront"
# Facts of the audit log that are ids, figures and words of our own; what people typed is in others.
KEPT_FACTS = [
    "amount_minor",
    "archive",
    "basis_points",
    "before",
    "bytes",
    "count",
    "currency",
    "fields",
    "found",
    "hold_days",
    "job",
    "kind",
    "of",
    "operation",
    "page",
    "payout",
    "payout_minimum_minor",
    "requested",
    "reserve_basis_points",
    "reserve_days",
    "return_days",
    "role",
    "rule",
    "schedule",
    "schedule_day",
    "session",
    "subject",
    "task",
    "user",
]
FORGET_AUDIT = """
UPDATE public.tenants_auditentry SET reason = '', facts = (
  SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(facts) f WHERE f.key = ANY(%s))
 WHERE tenant_id = %s
"""
FORGET_STATEMENTS = """
UPDATE public.payouts_payout SET statement = jsonb_set(statement, '{seller}', %s::jsonb)
 WHERE tenant_id = %s AND statement ? 'seller'
"""
NO_SELLER = f'{{"name": "{ERASED_NAME}", "address": "", "tax_id": ""}}'
IDS_AT_STRIPE = """
SELECT intent_id FROM "{schema}".shop_payment WHERE intent_id IS NOT NULL
 UNION SELECT session_id FROM "{schema}".shop_payment WHERE session_id IS NOT NULL
 UNION SELECT transaction_id FROM "{schema}".shop_paymentattempt
 UNION SELECT transaction_id FROM "{schema}".shop_refund WHERE transaction_id IS NOT NULL
"""
BATCH = 1_000


def forget_storefront(tenant: Tenant) -> None:
    """Take people, names and words out of the shared tables, and empty the storefront's row, which the caller saves.

    Call in the transaction that marks it as erased, while its schema is still there: that says which of Stripe's events
    were about it. Its address is not given to anybody again (tenant_services.is_slug_taken).
    """
    reduce_events(object_ids=_known_at_stripe(tenant), account=_account_of(tenant))
    _forget_operations(tenant)
    # A mail that still waits is not sent: who would read it has no more to do with this storefront.
    Job.objects.filter(Q(tenant_id=tenant.pk) | Q(args__opened_for=str(tenant.pk))).delete()
    for rows in (ListedProduct, ListedStorefront, Session, Membership, DomainClaim, Domain, FleetEntry):
        rows._default_manager.filter(tenant=tenant).delete()
    CommissionRule.objects.filter(tenant=tenant).delete()
    _empty_account(tenant)
    with connection.cursor() as cursor:
        cursor.execute(FORGET_AUDIT, [KEPT_FACTS, tenant.pk])
        cursor.execute(FORGET_STATEMENTS, [NO_SELLER, tenant.pk])
    tenant.name, tenant.brand, tenant.support_email, tenant.status_reason = ERASED_NAME, {}, "", ""
    was_called, tenant.slug = tenant.slug, f"erased-{new_id().hex[-12:]}"
    # Nobody has links to a staging copy: its address is free again.
    tenant.slug_skeleton = tenant.slug if tenant.is_staging else retired_skeleton(skeleton(was_called))
    tenant.primary_domain = ""


def _empty_account(tenant: Tenant) -> None:
    """Its id at Stripe stays, to compare the books with; what was typed about a pause goes, and the pause stays."""
    accounts = SellerAccount.objects.filter(tenant=tenant)
    accounts.update(legal_name="", legal_address="", tax_id="", requirements={}, plan="")
    accounts.exclude(payouts_paused_reason="").update(payouts_paused_reason="Paused before it was erased.")


def _forget_operations(tenant: Tenant) -> None:
    """Long work that names the storefront in what was asked or what came of it."""
    over = Operation.objects.filter(state__in=(OperationState.DONE, OperationState.FAILED))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM public.tenants_operation WHERE params::text ~ %(name)s OR report::text ~ %(name)s",
            {"name": re.escape(f'"{tenant.slug}"')},
        )
        over.filter(pk__in=[row[0] for row in cursor.fetchall()]).delete()


def _account_of(tenant: Tenant) -> str:
    found = SellerAccount.objects.filter(tenant=tenant).values_list("stripe_account_id", flat=True).first()
    return found or ""


def _known_at_stripe(tenant: Tenant) -> Iterator[list[str]]:
    """Ids of Stripe's objects that were about this storefront, in batches."""
    schema = must_be_generated(tenant.schema_name)
    for model, name in ((Charge, "charge_id"), (Dispute, "dispute_id"), (Payout, "transfer_id")):
        rows = model._default_manager.filter(tenant=tenant).exclude(**{f"{name}__isnull": True})
        yield from _batches(rows.values_list(name, flat=True).iterator(BATCH))
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{schema}.shop_refund"])
        if not cursor.fetchone()[0]:
            return
        cursor.execute(IDS_AT_STRIPE.format(schema=schema))
        found = [row[0] for row in cursor.fetchall()]
    yield from _batches(found)


def _batches(ids: Iterable[Any]) -> Iterator[list[str]]:
    rest = iter(ids)
    while part := list(islice(rest, BATCH)):
        yield part
