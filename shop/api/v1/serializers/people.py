from rest_framework import serializers

from core.serializers import Body, LineField
from shop.api.v1.serializers.orders import AddressIn


class AddressSaveIn(AddressIn):
    is_default = serializers.BooleanField(required=False)


class AddressOut(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    company = serializers.CharField()
    line1 = serializers.CharField()
    line2 = serializers.CharField()
    postal_code = serializers.CharField()
    city = serializers.CharField()
    region = serializers.CharField()
    country = serializers.CharField()
    phone = serializers.CharField()
    is_default = serializers.BooleanField()


class NotificationOut(serializers.Serializer):
    id = serializers.UUIDField()
    type = serializers.CharField()
    title = serializers.CharField()
    message = serializers.CharField()
    order_id = serializers.UUIDField(allow_null=True)
    is_read = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class MarkReadIn(Body):
    ids = serializers.ListField(
        child=serializers.UUIDField(), max_length=200, required=False, help_text="Left out: all of them."
    )


class MarkedOut(serializers.Serializer):
    marked = serializers.IntegerField()


class ProfileOut(serializers.Serializer):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    role = serializers.CharField(allow_null=True, help_text="The person's role in this storefront, if any.")


class ProfileIn(Body):
    name = LineField(max_length=120, allow_blank=True)
