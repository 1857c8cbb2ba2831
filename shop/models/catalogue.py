from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Q

from core.ids import new_id
from shop.models.base import TenantModel


class Category(TenantModel):
    """A shelf. Categories may stand inside one another."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=80)
    position = models.IntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Product(TenantModel):
    """What a buyer looks at. What is bought is a variant of it.

    `price_from_minor`, `price_to_minor` and `cover` repeat facts of variants and images for lists, `rating_count` and
    `rating_sum` those of published reviews; the services keep them true in the same transaction.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=120, unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    vendor = models.CharField(max_length=120, blank=True)
    category = models.ForeignKey(
        Category, on_delete=models.SET_NULL, null=True, blank=True, related_name="products"
    )
    tags = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    option_names = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    is_published = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    price_from_minor = models.BigIntegerField(default=0, editable=False)
    price_to_minor = models.BigIntegerField(default=0, editable=False)
    currency = models.CharField(max_length=3)
    cover = models.JSONField(null=True, editable=False)
    rating_count = models.IntegerField(default=0, db_default=0, editable=False)
    rating_sum = models.IntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search = models.GeneratedField(
        expression=SearchVector("title", weight="A", config="simple")
        + SearchVector("description", weight="C", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            models.Index(
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(is_published=True, archived_at=None),
                name="product_newest",
            ),
            models.Index(
                fields=["price_from_minor", "id"],
                condition=Q(is_published=True, archived_at=None),
                name="product_price",
            ),
            models.Index(
                fields=["title", "id"], condition=Q(is_published=True, archived_at=None), name="product_title"
            ),
            GinIndex(fields=["search"], name="product_search"),
            GinIndex(fields=["tags"], name="product_tags"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="product_has_title"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_for_sale(self) -> bool:
        """Shown to buyers."""
        return self.is_published and self.archived_at is None


class Variant(TenantModel):
    """One thing that can be bought: a SKU with a price. Never deleted once it exists, only made inactive."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    sku = models.CharField(max_length=80, unique=True)
    barcode = models.CharField(max_length=40, blank=True)
    option_values = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    price_minor = models.BigIntegerField()
    compare_at_price_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    weight_grams = models.IntegerField(default=0)
    position = models.IntegerField(default=0)
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["product", "option_values"], name="variant_options_once"),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="variant_price_not_negative"),
            models.CheckConstraint(
                condition=Q(compare_at_price_minor=None) | Q(compare_at_price_minor__gt=F("price_minor")),
                name="variant_compare_at_above_price",
            ),
            models.CheckConstraint(condition=Q(weight_grams__gte=0), name="variant_weight_not_negative"),
        ]

    def __str__(self) -> str:
        return self.sku

    @property
    def title(self) -> str:
        """The chosen options, or "" for a product without options."""
        return " / ".join(self.option_values)


class ProductImage(TenantModel):
    """A picture of a product, re-encoded by us; or, while it is fetched after an import, where it comes from."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    variant = models.ForeignKey(
        Variant, on_delete=models.SET_NULL, null=True, blank=True, related_name="images"
    )
    file = models.CharField(max_length=200, blank=True)
    thumbnail = models.CharField(max_length=200, blank=True)
    width = models.IntegerField(default=0)
    height = models.IntegerField(default=0)
    alt = models.CharField(max_length=300, blank=True)
    position = models.IntegerField(default=0)
    source_url = models.CharField(max_length=2000, blank=True)
    fetch_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.alt or str(self.pk)
