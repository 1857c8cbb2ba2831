from rest_framework import serializers

from core.serializers import MAX_MINOR, Body, LineField, MinorField, MoneyField, StrictIntegerField, TextField
from shop.selectors.catalogue import SORTS


class ListingQuery(Body):
    """Filters of the catalogue."""

    q = LineField(required=False, default="", max_length=100, allow_blank=True)
    category = serializers.SlugField(required=False, default="", max_length=80, allow_blank=True)
    tag = LineField(required=False, default="", max_length=80, allow_blank=True)
    min_price = serializers.IntegerField(required=False, default=None, min_value=0, max_value=MAX_MINOR)
    max_price = serializers.IntegerField(required=False, default=None, min_value=0, max_value=MAX_MINOR)
    in_stock = serializers.BooleanField(required=False, default=False)
    sort = serializers.ChoiceField(required=False, default="newest", choices=list(SORTS))
    limit = serializers.IntegerField(required=False, default=20, min_value=1, max_value=100)
    cursor = LineField(required=False, default="", max_length=400, allow_blank=True)


class ImageOut(serializers.Serializer):
    url = serializers.CharField(allow_null=True)
    large_url = serializers.CharField(allow_null=True)
    alt = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class RatingOut(serializers.Serializer):
    """What buyers gave, of 5."""

    count = serializers.IntegerField()
    average = serializers.FloatField(allow_null=True, help_text="1 to 5, two decimals; null without reviews.")


class ProductCardOut(serializers.Serializer):
    """A product in a list."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    title = serializers.CharField()
    vendor = serializers.CharField()
    price_from = MoneyField()
    price_to = MoneyField()
    compare_at_price = MoneyField(allow_null=True)
    available = serializers.IntegerField()
    in_stock = serializers.BooleanField()
    rating = RatingOut()
    image = ImageOut(allow_null=True)


class OptionOut(serializers.Serializer):
    name = serializers.CharField()
    values = serializers.ListField(child=serializers.CharField())


class VariantOut(serializers.Serializer):
    id = serializers.UUIDField()
    sku = serializers.CharField()
    option_values = serializers.ListField(child=serializers.CharField())
    weight_grams = serializers.IntegerField()
    price = MoneyField()
    compare_at_price = MoneyField(allow_null=True)
    available = serializers.IntegerField(
        allow_null=True, help_text="Units to be had; null where stock is not counted."
    )
    in_stock = serializers.BooleanField()


class CategoryRefOut(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()


class ProductOut(serializers.Serializer):
    """A product with all there is to choose."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(help_text="Sanitised HTML.")
    vendor = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    rating = RatingOut()
    category = CategoryRefOut(allow_null=True)
    options = OptionOut(many=True)
    variants = VariantOut(many=True)
    images = ImageOut(many=True)


class CategoryOut(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    parent_id = serializers.UUIDField(allow_null=True)
    products = serializers.IntegerField()


# The seller's side --------------------------------------------------------------------------------------------------


class VariantIn(Body):
    id = serializers.UUIDField(required=False)
    sku = LineField(required=False, max_length=80, allow_blank=True)
    option_values = serializers.ListField(child=LineField(max_length=80), max_length=3, required=False)
    price_minor = MinorField()
    compare_at_price_minor = MinorField(required=False, allow_null=True)
    weight_grams = StrictIntegerField(required=False, min_value=0, max_value=10_000_000)
    barcode = LineField(required=False, max_length=40, allow_blank=True)
    is_active = serializers.BooleanField(required=False)


class ProductChangeIn(Body):
    title = LineField(required=False, max_length=200)
    slug = serializers.SlugField(required=False, max_length=120)
    description = TextField(required=False, max_length=50_000, allow_blank=True)
    vendor = LineField(required=False, max_length=120, allow_blank=True)
    category_id = serializers.UUIDField(required=False, allow_null=True)
    tags = serializers.ListField(child=LineField(max_length=80), max_length=50, required=False)
    option_names = serializers.ListField(child=LineField(max_length=60), max_length=3, required=False)
    is_published = serializers.BooleanField(required=False)
    variants = VariantIn(many=True, required=False)


class ProductIn(ProductChangeIn):
    title = LineField(max_length=200)
    variants = VariantIn(many=True)


class SellerVariantOut(serializers.Serializer):
    id = serializers.UUIDField()
    sku = serializers.CharField()
    barcode = serializers.CharField()
    option_values = serializers.ListField(child=serializers.CharField())
    price_minor = serializers.IntegerField()
    compare_at_price_minor = serializers.IntegerField(allow_null=True)
    weight_grams = serializers.IntegerField()
    is_active = serializers.BooleanField()
    current_stock = serializers.IntegerField(source="inventory.current_stock")
    reserved_stock = serializers.IntegerField(source="inventory.reserved_stock")
    available_stock = serializers.IntegerField(source="inventory.available_stock")


class SellerImageOut(serializers.Serializer):
    id = serializers.UUIDField()
    file = serializers.CharField()
    thumbnail = serializers.CharField()
    alt = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    position = serializers.IntegerField()
    source_url = serializers.CharField()
    fetch_error = serializers.CharField()


class SellerProductRowOut(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    title = serializers.CharField()
    is_published = serializers.BooleanField()
    archived_at = serializers.DateTimeField(allow_null=True)
    price_from_minor = serializers.IntegerField()
    price_to_minor = serializers.IntegerField()
    currency = serializers.CharField()
    created_at = serializers.DateTimeField()


class SellerProductOut(SellerProductRowOut):
    description = serializers.CharField()
    vendor = serializers.CharField()
    category_id = serializers.UUIDField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    option_names = serializers.ListField(child=serializers.CharField())
    variants = SellerVariantOut(many=True)
    images = SellerImageOut(many=True)


class CategoryIn(Body):
    name = LineField(max_length=80)
    slug = serializers.SlugField(required=False, max_length=80)
    position = StrictIntegerField(required=False, min_value=0, max_value=100_000)
    parent_id = serializers.UUIDField(required=False, allow_null=True)


class ImageIn(serializers.Serializer):
    """multipart/form-data."""

    file = serializers.FileField()
    alt = LineField(required=False, default="", max_length=300, allow_blank=True)
    variant_id = serializers.UUIDField(required=False)


class ImportIn(serializers.Serializer):
    """multipart/form-data."""

    file = serializers.FileField()
    dry_run = serializers.BooleanField(required=False, default=False)


class ImportProblemOut(serializers.Serializer):
    line = serializers.IntegerField()
    column = serializers.CharField()
    message = serializers.CharField()
    value = serializers.CharField()
    handle = serializers.CharField()


class ImportReportOut(serializers.Serializer):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rejected = serializers.IntegerField()
    variants = serializers.IntegerField()
    units = serializers.IntegerField()
    images = serializers.IntegerField()
    is_dry_run = serializers.BooleanField()
    problems = ImportProblemOut(many=True)


class InventoryOut(serializers.Serializer):
    variant_id = serializers.UUIDField()
    sku = serializers.CharField(source="variant.sku")
    product_title = serializers.CharField(source="product.title")
    variant_title = serializers.CharField(source="variant.title")
    is_tracked = serializers.BooleanField()
    current_stock = serializers.IntegerField()
    reserved_stock = serializers.IntegerField()
    available_stock = serializers.IntegerField()
    low_stock_threshold = serializers.IntegerField()
    low_stock_since = serializers.DateTimeField(allow_null=True)
    last_restocked = serializers.DateTimeField(allow_null=True)


class ReceiveIn(Body):
    quantity = StrictIntegerField(min_value=1, max_value=1_000_000)
    reason = LineField(required=False, default="", allow_blank=True)


class AdjustIn(Body):
    delta = StrictIntegerField(min_value=-1_000_000, max_value=1_000_000)
    reason = LineField()


class StockRulesIn(Body):
    low_stock_threshold = StrictIntegerField(required=False, min_value=0, max_value=1_000_000)
    is_tracked = serializers.BooleanField(required=False)


class MovementOut(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    current_delta = serializers.IntegerField()
    reserved_delta = serializers.IntegerField()
    current_after = serializers.IntegerField()
    reserved_after = serializers.IntegerField()
    order_id = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField()
    actor_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
