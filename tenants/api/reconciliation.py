"""The operator's differences between our books and Stripe's."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.clock import now
from core.pagination import cursor_page
from core.serializers import Body, LineField
from core.views import PageQuery, describe, page_of
from payouts.models import Difference, DifferenceKind, DifferenceState
from services.difference_services import differences, explain_difference
from tenants.api.marketplace import OperatorView


class DifferenceQuery(PageQuery):
    state = serializers.ChoiceField(
        choices=DifferenceState.choices, required=False, default="", allow_blank=True
    )


class ExplainIn(Body):
    note = LineField(max_length=300)


class DifferenceOut(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=DifferenceKind.choices)
    subject = serializers.CharField()
    currency = serializers.CharField()
    day = serializers.DateField()
    ours_minor = serializers.IntegerField(allow_null=True)
    theirs_minor = serializers.IntegerField(allow_null=True)
    detail = serializers.CharField()
    state = serializers.ChoiceField(choices=DifferenceState.choices)
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    age_days = serializers.SerializerMethodField()
    note = serializers.CharField()
    explained_by = serializers.UUIDField(allow_null=True)
    solved_by = serializers.CharField(source="solved_by.key", allow_null=True, default=None)
    solved_at = serializers.DateTimeField(allow_null=True)

    def get_age_days(self, row: Difference) -> int:
        return row.age_days(now())


class DifferenceListView(OperatorView):
    @describe(parameters=[DifferenceQuery], responses=page_of(DifferenceOut))
    def get(self, request: Request) -> Response:
        """Where our books and Stripe's balance transactions disagree, found last first. `solved_by` is a booking's key."""
        query = DifferenceQuery.parse(request.query_params)
        found = differences(state=query.pop("state")).select_related("solved_by")
        rows, cursor = cursor_page(found, fields=("first_seen_at", "pk"), **query)
        return Response({"results": DifferenceOut(rows, many=True).data, "next_cursor": cursor})


class DifferenceExplainView(OperatorView):
    @describe(request=ExplainIn, responses={200: DifferenceOut})
    def post(self, request: Request, difference_id: int) -> Response:
        """Say why a difference stands. It opens again when its amount changes; nothing is booked."""
        note = ExplainIn.parse(request.data)["note"]
        explained = explain_difference(difference_id=difference_id, note=note, actor_id=self.user_id)
        return Response(DifferenceOut(explained).data)
