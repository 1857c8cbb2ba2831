from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django_fsm import FSMField, FSMModelMixin, transition
from django_tenants.models import DomainMixin, TenantMixin

from core.ids import new_id


def url_of(host: str) -> str:
    """A host of ours as people reach it: with the port while developing."""
    port = "" if settings.SCHEME == "https" or settings.PORT == 80 else f":{settings.PORT}"
    return f"{settings.SCHEME}://{host}{port}"


class TenantStatus(models.TextChoices):
    REQUESTED = "requested"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    ERASED = "erased"


# Nobody is served; a closed one may be opened again until it is erased.
GONE = (TenantStatus.CLOSED, TenantStatus.ERASED)


class CaptureMethod(models.TextChoices):
    """When a buyer's card is charged: when they pay, or later, when the seller captures or ships."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Tenant(FSMModelMixin, TenantMixin):  # type: ignore[django-manager-missing]
    """A seller's storefront: its schema, name, brand and life.

    requested -> active -> suspended -> active ...; active or suspended -> closed; closed -> suspended until `erase_after`,
    then -> erased: the schema is gone, this row stays for the books; a restored archive leads from there to suspended. Only
    active ones are open to buyers. The schema's name is generated; the slug is the seller's choice and the first label of
    the first domain. `primary_domain` is the proved domain of the seller's own under which the storefront is known, if
    there is one. A staging copy is a storefront whose data was copied and scrubbed: it pays with Stripe's test mode, and its
    money is in nobody's books. Numbers of invoices up to `invoice_floor` were given, even where a restored archive does not
    know them.
    """

    auto_create_schema = False
    auto_drop_schema = False

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=40, unique=True)
    slug_skeleton = models.CharField(max_length=40, unique=True, editable=False)
    name = models.CharField(max_length=80)
    brand = models.JSONField(default=dict, blank=True)
    currency = models.CharField(max_length=3)
    country = models.CharField(max_length=2, default="DE")
    support_email = models.EmailField(blank=True)
    capture_method = models.CharField(
        max_length=9, choices=CaptureMethod.choices, default=CaptureMethod.AUTOMATIC
    )
    schema_version = models.CharField(max_length=64, blank=True, db_default="", editable=False)
    status = FSMField(default=TenantStatus.REQUESTED, choices=TenantStatus.choices, protected=True)
    status_reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    erase_after = models.DateTimeField(null=True, editable=False)
    erased_at = models.DateTimeField(null=True, editable=False)
    primary_domain = models.CharField(max_length=253, blank=True, db_default="", editable=False)
    is_staging = models.BooleanField(default=False, db_default=False, editable=False)
    copied_from = models.UUIDField(null=True, editable=False)
    invoice_floor = models.IntegerField(default=0, db_default=0, editable=False)

    class Meta:
        indexes = [models.Index(fields=["created_at", "id"], name="tenant_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=TenantStatus.values), name="tenant_status_known"),
            models.CheckConstraint(
                condition=Q(capture_method__in=CaptureMethod.values), name="tenant_capture_method_known"
            ),
            models.CheckConstraint(
                condition=Q(schema_name__regex=r"^t_[a-z0-9]{16,}$"), name="tenant_schema_generated"
            ),
            models.CheckConstraint(
                condition=Q(status="requested") | Q(activated_at__isnull=False), name="tenant_active_has_time"
            ),
            models.CheckConstraint(
                condition=Q(status="erased", erased_at__isnull=False)
                | ~Q(status="erased") & Q(erased_at=None),
                name="tenant_erased_has_time",
            ),
            models.CheckConstraint(
                condition=Q(is_staging=False) | Q(copied_from__isnull=False), name="tenant_staging_has_source"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.slug})"

    @property
    def is_open(self) -> bool:
        """Buyers may shop."""
        return self.status == TenantStatus.ACTIVE

    @property
    def keeps_books(self) -> bool:
        """Its money is real: charges, fees and refunds are booked, sellers are paid. A staging copy's is in nobody's books."""
        return not self.is_staging

    @property
    def subdomain(self) -> str:
        """The host every storefront has."""
        return f"{self.slug}.{settings.MARKETPLACE_HOST}"

    @property
    def host(self) -> str:
        """Where the storefront is known: the seller's own domain, else its subdomain."""
        return self.primary_domain or self.subdomain

    @property
    def url(self) -> str:
        """Where the storefront is, without a trailing slash."""
        return url_of(self.host)

    @staticmethod
    def marketplace_url() -> str:
        """Where the marketplace is, without a trailing slash."""
        return url_of(settings.MARKETPLACE_HOST)

    @transition(field=status, source=TenantStatus.REQUESTED, target=TenantStatus.ACTIVE)
    def activate(self, *, at: datetime) -> None:
        self.activated_at = at

    @transition(field=status, source=TenantStatus.ACTIVE, target=TenantStatus.SUSPENDED)
    def suspend(self, *, reason: str) -> None:
        self.status_reason = reason

    @transition(field=status, source=TenantStatus.SUSPENDED, target=TenantStatus.ACTIVE)
    def reactivate(self) -> None:
        self.status_reason = ""

    @transition(
        field=status, source=[TenantStatus.ACTIVE, TenantStatus.SUSPENDED], target=TenantStatus.CLOSED
    )
    def close(self, *, reason: str, at: datetime, erase_after: datetime) -> None:
        self.status_reason = reason
        self.closed_at, self.erase_after = at, erase_after

    @transition(field=status, source=TenantStatus.CLOSED, target=TenantStatus.SUSPENDED)
    def reopen(self, *, reason: str) -> None:
        self.status_reason = reason
        self.closed_at = self.erase_after = None

    @transition(field=status, source=TenantStatus.CLOSED, target=TenantStatus.ERASED)
    def erase(self, *, at: datetime) -> None:
        self.erased_at = at

    @transition(field=status, source=TenantStatus.ERASED, target=TenantStatus.SUSPENDED)
    def restore(self, *, reason: str) -> None:
        self.status_reason = reason
        self.erased_at = self.closed_at = self.erase_after = None


class Domain(DomainMixin):
    """A host name that serves a storefront: its subdomain, or a proved domain of the seller's own."""

    verified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(domain__regex=r"^[a-z0-9.-]+$"), name="domain_lower_case"),
        ]

    def __str__(self) -> str:
        return self.domain


class DomainClaim(models.Model):
    """A domain that a seller says is theirs, and the word that proves it once it stands in a TXT record of that domain.

    Several sellers may claim the same domain; whoever controls its DNS proves it and gets the `Domain`. The claim stays, as
    what the domain was proved with.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="domain_claims")
    domain = models.CharField(max_length=253)
    token = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "domain"], name="domain_claimed_once"),
            models.CheckConstraint(condition=Q(domain__regex=r"^[a-z0-9.-]+$"), name="claim_lower_case"),
        ]

    def __str__(self) -> str:
        return self.domain


class ReadySchema(models.Model):
    """A migrated, empty schema that waits for a storefront. `version` is the migrations it was made with."""

    schema_name = models.CharField(max_length=63, unique=True)
    version = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.schema_name
