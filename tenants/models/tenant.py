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


class CaptureMethod(models.TextChoices):
    """When a buyer's card is charged: when they pay, or later, when the seller captures or ships."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Tenant(FSMModelMixin, TenantMixin):  # type: ignore[django-manager-missing]
    """A seller's storefront: its schema, name, brand and life.

    requested -> active -> suspended -> active ...; active or suspended -> closed. Only active ones are open to buyers.
    The schema's name is generated; the slug is the seller's choice and the first label of the first domain.
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
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.slug})"

    @property
    def is_open(self) -> bool:
        """Buyers may shop."""
        return self.status == TenantStatus.ACTIVE

    @property
    def host(self) -> str:
        """The subdomain every storefront has."""
        return f"{self.slug}.{settings.MARKETPLACE_HOST}"

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
    def close(self, *, reason: str, at: datetime) -> None:
        self.status_reason = reason
        self.closed_at = at


class Domain(DomainMixin):
    """A host name that serves a storefront: its subdomain, or a proven domain of the seller's own."""

    verified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(domain__regex=r"^[a-z0-9.-]+$"), name="domain_lower_case"),
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
