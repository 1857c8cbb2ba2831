from typing import Any

from rest_framework import serializers

from core.serializers import Body, LineField


class DomainIn(Body):
    domain = LineField(max_length=300, help_text="A host name; letters beyond ASCII are kept as punycode.")


class DnsRecordOut(serializers.Serializer):
    type = serializers.CharField()
    name = serializers.CharField()
    value = serializers.CharField()


class DomainOut(serializers.Serializer):
    domain = serializers.CharField()
    state = serializers.ChoiceField(choices=["waiting", "serving", "known_as"])
    problem = serializers.ChoiceField(
        choices=["", "no_record", "other_records", "taken", "moved", "proof_missing"],
        help_text="What was found when DNS was asked last.",
    )
    claimed_at = serializers.DateTimeField()
    checked_at = serializers.DateTimeField(allow_null=True)
    verified_at = serializers.DateTimeField(allow_null=True)
    proof = serializers.SerializerMethodField(help_text="The record that proves the domain.")
    points_to = serializers.CharField(help_text="Where a CNAME or ALIAS record of the domain leads.")

    @staticmethod
    def get_proof(own: Any) -> DnsRecordOut:
        """In DNS's words."""
        return DnsRecordOut({"type": "TXT", "name": own.record, "value": own.value}).data  # type: ignore[return-value]
