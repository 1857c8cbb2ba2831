from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F

from tenants.models.tenant import Tenant


class ListedStorefront(models.Model):
    """What the marketplace's directory shows of a storefront, beside what the tenant itself says.

    Written by services.directory_services only, from the storefront's own tables; can be rebuilt at any time.
    """

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="listing")
    products = models.IntegerField(default=0)
    pictures = ArrayField(models.CharField(max_length=200), default=list)
    refreshed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.products} products"


class ListedProduct(models.Model):
    """A product for sale somewhere on the marketplace, as its search shows it. Repeats what the storefront's tables say."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="listed_products")
    product_id = models.UUIDField()
    slug = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    vendor = models.CharField(max_length=120, blank=True)
    category = models.CharField(max_length=80, blank=True)
    price_from_minor = models.BigIntegerField()
    price_to_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    thumbnail = models.CharField(max_length=200, blank=True)
    rating_count = models.IntegerField(default=0)
    rating_sum = models.IntegerField(default=0)
    in_stock = models.BooleanField()
    created_at = models.DateTimeField()
    search = models.GeneratedField(
        expression=SearchVector("title", weight="A", config="simple")
        + SearchVector("vendor", weight="B", config="simple")
        + SearchVector("category", weight="B", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            GinIndex(fields=["search"], name="listed_search"),
            models.Index(F("created_at").desc(), F("id").desc(), name="listed_newest"),
        ]
        constraints = [models.UniqueConstraint(fields=["tenant", "product_id"], name="listed_once")]

    def __str__(self) -> str:
        return self.title
