"""What the operator reads at the desk: storefronts, people, the audit log, the fleet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from core.clock import UTC
from core.errors import NotFound
from payouts.models import AccountKind, Charge, LedgerAccount
from tenants.models import (
    GONE,
    Archive,
    AuditEntry,
    Domain,
    FleetEntry,
    Membership,
    ReadySchema,
    Role,
    SchemaState,
    Session,
    Tenant,
    TenantStatus,
    User,
)

PAGE = 25
MOST_PAGES = 400
# People and storefronts that a filter of the log may mean at once.
MOST_MEANT = 50


# Storefronts --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AskedStorefronts:
    """What to find, in which order (newest, volume), and which page of it. `schema` is a SchemaState, `receives` yes or no."""

    q: str = ""
    status: str = ""
    schema: str = ""
    receives: str = ""
    sort: str = "newest"
    page: int = 1


def find_storefronts(asked: AskedStorefronts, *, version: str, since: datetime) -> tuple[list[Tenant], bool]:
    """A page of storefronts with their accounts and fleet entries, and whether there are more. One query.

    `version` is the code's. By volume: what each captured since then, in its own currency.
    """
    found = Tenant.objects.select_related("seller_account", "fleet").filter(
        _searched(asked.q), _in_schema_state(asked.schema, version)
    )
    if asked.status:
        found = found.filter(status=asked.status)
    if asked.receives:
        may = Q(
            seller_account__stripe_account_id__isnull=False,
            seller_account__payouts_enabled=True,
            seller_account__transfers_active=True,
            seller_account__payouts_paused_reason="",
        )
        found = found.filter(may if asked.receives == "yes" else ~may)
    if asked.sort == "volume":
        found = found.annotate(volume=Coalesce(_volume(since), 0)).order_by("-volume", "-created_at", "-id")
    else:
        found = found.order_by("-created_at", "-id")
    first = (min(asked.page, MOST_PAGES) - 1) * PAGE
    rows = list(found[first : first + PAGE + 1])
    return rows[:PAGE], len(rows) > PAGE


def _searched(q: str) -> Q:
    """By name, address, a domain of the seller's own, or the owner's mail."""
    if not q:
        return Q()
    mine = {"tenant": OuterRef("pk")}
    return (
        Q(name__icontains=q)
        | Q(slug__icontains=q)
        | Q(Exists(Domain.objects.filter(domain__icontains=q, **mine)))
        | Q(Exists(Membership.objects.filter(role=Role.OWNER, user__email__icontains=q, **mine)))
    )


def _in_schema_state(state: str, version: str) -> Q:
    """As the fleet's record has it; closed storefronts are not brought along and lag for good."""
    lags = ~Q(schema_version=version) & ~Q(status__in=GONE)
    broken = Q(fleet__state__in=(SchemaState.FAILED, SchemaState.MISSING))
    match state:
        case SchemaState.CURRENT:
            return Q(schema_version=version)
        case SchemaState.FAILED | SchemaState.MISSING:
            return lags & Q(fleet__state=state)
        case SchemaState.BEHIND:
            return lags & (~broken | Q(fleet=None))
    return Q()


def _volume(since: datetime) -> Subquery:
    """See tenants.desk_figures for the second condition."""
    return Subquery(
        Charge.objects.filter(
            Q(available_at__gte=since) | Q(available_at=None),
            tenant=OuterRef("pk"),
            currency=OuterRef("currency"),
            captured_at__gte=since,
        )
        .order_by()
        .values("tenant")
        .annotate(amount=Sum("amount_minor"))
        .values("amount")
    )


def schema_state(tenant: Tenant, *, version: str) -> str:
    """What the fleet's record says of a storefront's schema."""
    if tenant.schema_version == version or tenant.status in GONE:
        return SchemaState.CURRENT.value
    entry = fleet_entry(tenant)
    is_broken = entry is not None and entry.state in (SchemaState.FAILED, SchemaState.MISSING)
    return entry.state if is_broken and entry else SchemaState.BEHIND.value


def fleet_entry(tenant: Tenant) -> FleetEntry | None:
    """What the last run that touched the storefront left, if one did. The row must have been read with the tenant."""
    return getattr(tenant, "fleet", None)


def owed_to(tenant_ids: list[UUID]) -> dict[UUID, list[tuple[str, int]]]:
    """(currency, amount) that sellers are owed, available or not; below zero it is they who owe. One query."""
    rows = LedgerAccount.objects.filter(kind=AccountKind.SELLER_PAYABLE, tenant_id__in=tenant_ids).order_by(
        "currency"
    )
    found: dict[UUID, list[tuple[str, int]]] = {}
    for tenant_id, currency, balance in rows.values_list("tenant_id", "currency", "balance_minor"):
        if tenant_id is not None:
            found.setdefault(tenant_id, []).append((currency, -balance))
    return found


TROUBLES = """
SELECT t.id,
       (SELECT count(*) FROM payouts_dispute d WHERE d.tenant_id = t.id AND d.closed_at IS NULL),
       EXISTS (SELECT FROM payouts_debt b JOIN payouts_ledgeraccount a ON a.id = b.account_id WHERE a.tenant_id = t.id)
  FROM unnest(%s::uuid[]) AS t(id)
"""


def troubles_of(tenant_ids: list[UUID]) -> dict[UUID, tuple[int, bool]]:
    """How many disputes are open at a storefront, and whether it is in debt. One query."""
    with connection.cursor() as cursor:
        cursor.execute(TROUBLES, [tenant_ids])
        return {tenant_id: (disputes, has_debt) for tenant_id, disputes, has_debt in cursor.fetchall()}


def storefront_named(slug: str) -> Tenant:
    """One storefront with its account, fleet entry, domains, claims to domains, team and the addresses of its staging
    copies (`copies`). Four queries. Raises NotFound."""
    copies = Tenant.objects.filter(copied_from=OuterRef("pk"), is_staging=True).exclude(
        status__in=(*GONE, TenantStatus.REQUESTED)
    )
    team = Prefetch(
        "memberships", Membership.objects.select_related("user").order_by("created_at"), to_attr="team"
    )
    domains = Prefetch("domains", Domain.objects.order_by("-is_primary", "domain"))
    found = (
        Tenant.objects.select_related("seller_account", "fleet")
        .prefetch_related(team, domains, "domain_claims")
        .annotate(copies=ArraySubquery(copies.order_by("slug").values("slug")))
        .filter(slug=slug)
        .first()
    )
    if found is None:
        raise NotFound(what="storefront")
    return found


# The audit log ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AskedAudit:
    """Which lines: of an action (or a kind of them: "payout."), a storefront, a person, days (both included)."""

    action: str = ""
    storefront: str = ""
    person: str = ""
    since: date | None = None
    until: date | None = None


def audit_lines(asked: AskedAudit) -> QuerySet[AuditEntry]:
    """Newest first: ids are in the order of time."""
    found = AuditEntry.objects.select_related("tenant").order_by("-id")
    if asked.action:
        found = found.filter(action__startswith=asked.action)
    if asked.storefront:
        meant = Tenant.objects.filter(
            Q(slug__icontains=asked.storefront) | Q(name__icontains=asked.storefront)
        )
        found = found.filter(tenant_id__in=list(meant.values_list("pk", flat=True)[:MOST_MEANT]))
    if asked.person:
        people = list(find_people(asked.person).values_list("pk", flat=True)[:MOST_MEANT])
        found = found.filter(Q(actor_id__in=people) | Q(facts__user__in=[str(each) for each in people]))
    if asked.since:
        found = found.filter(at__gte=_midnight(asked.since))
    if asked.until:
        found = found.filter(at__lt=_midnight(asked.until + timedelta(days=1)))
    return found


def audit_of(tenant: Tenant, limit: int = 10) -> list[AuditEntry]:
    """The last lines about a storefront, but for the single pages that support views saw."""
    found = AuditEntry.objects.filter(tenant=tenant).exclude(action="support.page")
    return list(found.order_by("-at")[:limit])


def audit_about(user_id: UUID, limit: int = 20) -> list[AuditEntry]:
    """The last lines that a person left."""
    return list(AuditEntry.objects.select_related("tenant").filter(actor_id=user_id).order_by("-id")[:limit])


def mails_of(user_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """People's mail addresses. One query."""
    wanted = {user_id for user_id in user_ids if user_id is not None}
    return dict(User.objects.filter(pk__in=wanted).values_list("pk", "email")) if wanted else {}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


# People -------------------------------------------------------------------------------------------------------------------


def find_people(q: str = "", *, kind: str = "") -> QuerySet[User]:
    """Newest first. What has an @ is the beginning of a mail address; all else is looked for in names and addresses.

    `kind`: operators, sellers (members of a storefront), disabled, or "" for all.
    """
    found = User.objects.order_by("-id")
    if "@" in q:
        found = found.filter(email__startswith=q.lower())
    elif q:
        found = found.filter(Q(email__contains=q.lower()) | Q(name__icontains=q))
    match kind:
        case "operators":
            return found.filter(is_operator=True)
        case "sellers":
            return found.filter(Exists(Membership.objects.filter(user=OuterRef("pk"))))
        case "disabled":
            return found.filter(is_active=False)
    return found


def with_places(people: QuerySet[User], *, at: datetime) -> QuerySet[User]:
    """With the storefronts they work in (`places`) and how many sessions of theirs stand (`standing`)."""
    places = Prefetch(
        "memberships", Membership.objects.select_related("tenant").order_by("created_at"), to_attr="places"
    )
    sessions = Session.objects.filter(user=OuterRef("pk"), revoked_at=None, expires_at__gt=at)
    count = sessions.order_by().values("user").annotate(count=Count("pk")).values("count")
    return people.prefetch_related(places).annotate(standing=Coalesce(Subquery(count), 0))


def person(user_id: UUID, *, at: datetime) -> User:
    """One person, as `with_places`. Raises NotFound."""
    found = with_places(User.objects.filter(pk=user_id), at=at).first()
    if found is None:
        raise NotFound(what="person")
    return found


def sessions_of(user_id: UUID, *, at: datetime, limit: int = 20) -> list[Session]:
    """Those of a person that stand, newest first, with their storefronts."""
    rows = Session.objects.select_related("tenant").filter(
        user_id=user_id, revoked_at=None, expires_at__gt=at
    )
    return list(rows.order_by("-created_at")[:limit])


# The fleet ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fleet:
    """How many storefronts (not closed) record which version, how many are in which state, and the pool by version."""

    versions: list[dict[str, Any]]
    states: dict[str, int]
    pool: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.states.values())


VERSIONS = """
SELECT t.schema_version, CASE WHEN t.schema_version = %(version)s THEN 'current'
         WHEN f.state IN ('failed', 'missing') THEN f.state ELSE 'behind' END, count(*)
  FROM tenants_tenant t LEFT JOIN tenants_fleetentry f ON f.tenant_id = t.id
 WHERE t.status NOT IN ('closed', 'erased') GROUP BY 1, 2
"""


def fleet(*, version: str) -> Fleet:
    """As storefronts and runs recorded it; `fleet check` looks into the schemas themselves. Two queries."""
    versions: dict[str, int] = {}
    states: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(VERSIONS, {"version": version})
        for recorded, state, count in cursor.fetchall():
            versions[recorded] = versions.get(recorded, 0) + count
            states[state] = states.get(state, 0) + count
    pool = dict(ReadySchema.objects.values_list("version").annotate(count=Count("pk")).order_by("version"))
    ordered = sorted(versions.items(), key=lambda item: (item[0] != version, -item[1]))
    rows = [{"version": name, "count": count, "is_ours": name == version} for name, count in ordered]
    return Fleet(rows, states, pool)


def unwell(*, version: str, limit: int = 100) -> list[Tenant]:
    """Storefronts whose schema is not this code's, the broken ones first, with their fleet entries. One query."""
    rows = (
        Tenant.objects.select_related("fleet")
        .exclude(status__in=GONE)
        .exclude(schema_version=version)
        .order_by(F("fleet__error").desc(nulls_last=True), "slug")
    )
    return list(rows[:limit])


MOST_ARCHIVES = 50


def archives_of(tenant: Tenant) -> list[Archive]:
    """The latest archives of a storefront, those that were removed, too."""
    return list(Archive.objects.filter(tenant=tenant).order_by("-made_at")[:MOST_ARCHIVES])
