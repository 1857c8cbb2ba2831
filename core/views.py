"""What every API view shares."""

from functools import cache
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from core.requests import tenant_of
from core.serializers import Body, LineField

describe = extend_schema


class View(APIView):
    """An API view: reads as who asks, what they sent, which service, what to show."""

    @property
    def user_id(self) -> UUID:
        """The signed-in person's id."""
        user: Any = self.request.user
        return user.pk

    @property
    def tenant(self) -> Any:
        """The storefront this request is for, or None on the marketplace host."""
        return tenant_of(self.request)


class PublicView(View):
    """Anybody may ask; a token is honoured where it is sent."""

    permission_classes = [AllowAny]


class PageQuery(Body):
    """Cursor pages."""

    cursor = LineField(required=False, default="", max_length=300, allow_blank=True)
    limit = serializers.IntegerField(required=False, default=20, min_value=1, max_value=100)


@cache
def page_of(item: type[serializers.Serializer]) -> Any:
    """The document of a cursor page of `item`."""
    return inline_serializer(
        f"{item.__name__}Page",
        {"results": item(many=True), "next_cursor": serializers.CharField(allow_null=True)},
    )
