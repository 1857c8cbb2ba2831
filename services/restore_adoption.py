"""From when on a restored schema is the storefront's: its row, domain, team and terms, and the numbers that are not given twice."""

from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext_noop

from core.clock import now
from core.db import marketplace_work
from core.models import OperationState
from payouts.models import Charge, SellerAccount
from services.archive_services import BadArchive, OpenArchive
from services.audit_services import record_audit
from services.export_services import ACCOUNT_COLUMNS
from services.fleet_services import applied_migrations
from services.resettling_services import Differences
from services.restore_loading import NotRestorable, shared_rows
from services.schema_recording_services import version_of
from services.schema_tables import tables_of
from services.staging_services import PAUSED
from services.tenant_services import lock_tenant
from tenants.models import Domain, DomainClaim, Membership, RetiredSchema, Role, Tenant, TenantStatus, User

INTERRUPTED = gettext_noop("The shop was restored from an archive while this was going on.")
# What a restored storefront keeps of its archived row, where its own row is gone or was emptied.
KEPT = ("name", "currency", "country", "support_email", "capture_method")
TERMS = (
    "hold_days",
    "payout_minimum_minor",
    "plan",
    "return_days",
    "reserve_basis_points",
    "reserve_days",
    "schedule",
    "schedule_day",
    "time_zone",
    "legal_name",
    "legal_address",
    "tax_id",
)


@dataclass
class RestoreReport:
    """What a restore did, and what somebody should look at before the storefront is opened."""

    slug: str
    made_at: str
    way: str
    rows: int
    tables: int
    pictures: int
    missing_pictures: int
    seconds: float = 0.0
    retired_schema: str = ""
    mails_not_sent: int = 0
    people_made: int = 0
    people_found_by_mail: int = 0
    domains_to_prove: list[str] = field(default_factory=list)
    differences: Differences | None = None

    def as_json(self) -> dict[str, Any]:
        """For machines and for operations' reports."""
        return {**asdict(self), "seconds": round(self.seconds, 2)}

    def lines(self) -> list[str]:
        """For people."""
        told = [
            (
                f"{self.slug} is restored ({self.way}) as it was at {self.made_at[:16]} UTC: {self.rows} rows in"
                f" {self.tables} tables, {self.pictures} pictures, in {self.seconds:.1f} s. It is suspended until you open it."
            )
        ]
        if self.missing_pictures:
            told.append(f"{self.missing_pictures} pictures were missing already when the archive was made.")
        if self.mails_not_sent:
            told.append(f"{self.mails_not_sent} mails that waited in the archive are not sent.")
        if self.people_made:
            told.append(f"{self.people_made} accounts were made, without passwords.")
        if self.domains_to_prove:
            told.append(f"To be proved again: {', '.join(self.domains_to_prove)}")
        return told + (self.differences.lines() if self.differences else [])


@dataclass(frozen=True)
class Way:
    """How an archive comes back: `tenant` is whose row is used; `kind` is new, erased, in place or beside."""

    kind: str
    tenant: Tenant


@marketplace_work
@transaction.atomic
def adopt(
    archive: OpenArchive, way: Way, made: Tenant, schema: str, report: RestoreReport, actor_id: UUID | None
) -> None:
    """The tenant's row names the new schema from now on. Locks the row. Raises NotRestorable where somebody was faster."""
    tenant = lock_tenant(made.pk)
    if tenant.schema_name != made.schema_name:
        raise NotRestorable(reason="Another restore of this storefront was faster.")
    reason = f"restored from an archive of {archive.manifest['made_at'][:16]}"
    report.mails_not_sent = _silence(schema)
    _end_operations(schema)
    if way.kind == "in place":
        report.retired_schema = tenant.schema_name
        retire(tenant)
        keep_invoice_numbers(tenant)
        if tenant.status == TenantStatus.ACTIVE:
            tenant.suspend(reason=reason)
    else:
        _come_back(archive, way, tenant, made, report, schema, reason)
    keep_order_numbers(tenant, schema, former=report.retired_schema)
    RetiredSchema.objects.filter(schema_name=schema).delete()
    serve_from(tenant, schema)
    record_audit(
        "storefront.restored",
        actor_id=actor_id,
        tenant=tenant,
        way=way.kind,
        made_at=archive.manifest["made_at"],
        rows=report.rows,
    )


def retire(tenant: Tenant) -> None:
    """The schema that the storefront is served from will not be any more; it is kept for RETIRED_KEPT."""
    RetiredSchema.objects.create(
        schema_name=tenant.schema_name,
        tenant=tenant,
        retired_at=now(),
        drop_after=now() + settings.RETIRED_KEPT,
    )


def serve_from(tenant: Tenant, schema: str) -> None:
    """From the next request on. Saves the whole row, which must be locked."""
    tenant.schema_name = schema
    tenant.schema_version = version_of(sorted(applied_migrations([schema])[schema] or ()))
    tenant.save()


def _silence(schema: str) -> int:
    """Mails that waited when the archive was made are not sent: most were, since then. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE \"{schema}\".shop_notification SET mail_state = 'none' WHERE mail_state = 'queued'"  # noqa: S608
        )
        return cursor.rowcount


def _end_operations(schema: str) -> None:
    """Long work that went on when the archive was made is over: its job is not in an archive."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{schema}.shop_operation"])
        if cursor.fetchone()[0]:  # a release before long work had none
            cursor.execute(
                f'UPDATE "{schema}".shop_operation SET state = %s, error = %s, finished_at = %s, input = NULL'  # noqa: S608
                " WHERE finished_at IS NULL",
                [OperationState.FAILED, INTERRUPTED, now()],
            )


def keep_order_numbers(tenant: Tenant, schema: str, *, former: str) -> None:
    """Nor are numbers of orders given twice: buyers have those that were placed after the archive was made."""
    floor = Charge.objects.filter(tenant=tenant).aggregate(most=Max("order_number"))["most"] or 0
    with connection.cursor() as cursor:
        if former:
            cursor.execute(f'SELECT last_value FROM "{former}".shop_order_number WHERE is_called')  # noqa: S608
            floor = max(floor, (cursor.fetchone() or (0,))[0])
        cursor.execute(
            f'SELECT setval(%s::regclass, %s) FROM "{schema}".shop_order_number WHERE last_value < %s',  # noqa: S608
            [f'"{schema}".shop_order_number', floor, floor],
        )


def keep_invoice_numbers(tenant: Tenant) -> None:
    """Invoices' numbers that were given after the archive was made are not given again."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT coalesce(max(number), 0) FROM "{tenant.schema_name}".shop_orderinvoice')  # noqa: S608
        tenant.invoice_floor = max(tenant.invoice_floor, cursor.fetchone()[0])


def _come_back(
    archive: OpenArchive,
    way: Way,
    tenant: Tenant,
    made: Tenant,
    report: RestoreReport,
    schema: str,
    reason: str,
) -> None:
    for name in (*KEPT, "slug", "slug_skeleton", "brand"):
        setattr(tenant, name, getattr(made, name))
    if tenant.status == TenantStatus.ERASED:
        tenant.restore(reason=reason)
    else:
        tenant.activate(at=now())
        tenant.save(update_fields=["status", "activated_at"])
        tenant.suspend(reason=reason)
    Domain.objects.get_or_create(
        domain=tenant.subdomain, defaults={"tenant": tenant, "is_primary": True, "verified_at": now()}
    )
    people = _people(archive, report)
    owners = []
    for row in shared_rows(archive, "tenants_membership"):
        if tenant.keeps_books or row["role"] in (Role.OWNER, Role.MANAGER):
            owners.append(row["role"] == Role.OWNER)
            Membership.objects.update_or_create(
                tenant=tenant, user_id=people[UUID(row["user_id"])], defaults={"role": row["role"]}
            )
    if not any(owners):
        raise BadArchive(reason="It names no owner.")
    _terms(archive, tenant)
    if tenant.keeps_books:
        for row in shared_rows(archive, "tenants_domainclaim"):
            DomainClaim.objects.get_or_create(
                tenant=tenant, domain=row["domain"], defaults={"token": row["token"]}
            )
            report.domains_to_prove.append(row["domain"])
    _rename_people(schema, {old: new for old, new in people.items() if old != new})


def _people(archive: OpenArchive, report: RestoreReport) -> dict[UUID, UUID]:
    """Accounts by the id they have in the archive. Whoever is unknown here gets one without a password; nobody is told."""
    found: dict[UUID, UUID] = {}
    rows = shared_rows(archive, "people")
    ids = {UUID(row["id"]) for row in rows}
    by_id = set(User.objects.filter(pk__in=ids).values_list("pk", flat=True))
    by_mail = dict(User.objects.filter(email__in=[row["email"] for row in rows]).values_list("email", "pk"))
    missing = []
    for row in rows:
        person = UUID(row["id"])
        if person in by_id:
            found[person] = person
        elif row["email"] in by_mail:
            found[person] = by_mail[row["email"]]
            report.people_found_by_mail += 1
        else:
            user = User(pk=person, email=row["email"], name=row["name"])
            user.set_unusable_password()
            missing.append(user)
            found[person] = person
    User.objects.bulk_create(missing, batch_size=1000)
    report.people_made = len(missing)
    return found


def _rename_people(schema: str, people: dict[UUID, UUID]) -> None:
    """Rows of people who have another account here name that one."""
    if not people:
        return
    with connection.cursor() as cursor:
        for table in tables_of(schema):
            for column in set(table.columns) & set(ACCOUNT_COLUMNS):
                cursor.execute(
                    f'UPDATE {table.place} t SET "{column}" = p.new'  # noqa: S608 - names of our own
                    f' FROM unnest(%s::uuid[], %s::uuid[]) AS p(old, new) WHERE t."{column}" = p.old',
                    [list(people), list(people.values())],
                )


def _terms(archive: OpenArchive, tenant: Tenant) -> None:
    """The seller's account, where there is none; one that is here knows better."""
    archived = next(iter(shared_rows(archive, "payouts_selleraccount")), {})
    defaults: dict[str, Any] = {
        "hold_days": settings.HOLD_DAYS,
        "payout_minimum_minor": settings.PAYOUT_MINIMUM_MINOR,
    }
    for name in TERMS:
        if name in archived:
            may_be_unknown = name == "return_days"
            defaults[name] = (archived[name] or None) if may_be_unknown else archived[name]
    account_id = archived.get("stripe_account_id") or None
    is_free = not SellerAccount.objects.filter(stripe_account_id=account_id).exists()
    if archive.is_ours and tenant.keeps_books and account_id and is_free:
        defaults["stripe_account_id"] = account_id
    if tenant.is_staging:
        defaults["payouts_paused_reason"] = PAUSED
    SellerAccount.objects.get_or_create(tenant=tenant, defaults=defaults)
