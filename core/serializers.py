"""Serializers that say what they take: unknown fields are refused, money has one shape."""

import unicodedata
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.money import Money

BIDI_AND_INVISIBLE = {
    *map(chr, range(0x7F, 0xA0)),
    *map(chr, range(0x200B, 0x2010)),
    *map(chr, range(0x2028, 0x202F)),
    *map(chr, range(0x2060, 0x2065)),
    *map(chr, range(0x2066, 0x206A)),
    "\ufeff",
}
MAX_MINOR = 10**12


class Body(serializers.Serializer):
    """A request body (or query). Checks shape; rules about state belong to services."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what is not listed, before anything else."""
        if isinstance(data, dict):
            unknown = [key for key in data if key not in self.fields or self.fields[key].read_only]
            if unknown:
                raise serializers.ValidationError(
                    {str(key)[:60]: ["This field is not known here."] for key in unknown}
                )
        return super().to_internal_value(data)

    @classmethod
    def parse(cls, data: Any, **kwargs: Any) -> dict[str, Any]:
        """The validated values. Raises ValidationError (400) naming each field."""
        body = cls(data=data.dict() if hasattr(data, "dict") else data, **kwargs)
        body.is_valid(raise_exception=True)
        return body.validated_data


class TextField(serializers.CharField):
    """A line of text as people type it: NFC, trimmed, without control, bidi or zero-width characters."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 200)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Only strings: numbers and booleans are not text."""
        if not isinstance(data, str):
            self.fail("invalid")
        text = unicodedata.normalize("NFC", super().to_internal_value(data))
        if any(char in BIDI_AND_INVISIBLE or (ord(char) < 32 and char not in "\n\t") for char in text):
            raise serializers.ValidationError(
                "This text has invisible or control characters.", code="invisible"
            )
        return text


class LineField(TextField):
    """Text on one line."""

    def to_internal_value(self, data: Any) -> str:
        """Line breaks would travel into headers and labels."""
        text = super().to_internal_value(data)
        if "\n" in text or "\t" in text:
            raise serializers.ValidationError("This must be one line.", code="one_line")
        return text


class StrictIntegerField(serializers.IntegerField):
    """An integer as JSON has it: not "1", not 1.5, not true."""

    def to_internal_value(self, data: Any) -> int:
        """Strings are taken only in queries, where there is nothing else."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class QuantityField(StrictIntegerField):
    """Units of something: 1 to 10,000."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": 10_000, **kwargs})


class MinorField(StrictIntegerField):
    """An amount in minor units of the storefront's currency, zero or more."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": MAX_MINOR, **kwargs})


@extend_schema_field(
    {
        "type": "object",
        "properties": {"amount": {"type": "integer"}, "currency": {"type": "string"}},
        "required": ["amount", "currency"],
    }
)
class MoneyField(serializers.Field):
    """Money out: {"amount": 1999, "currency": "EUR"} from Money or from (minor, currency)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"read_only": True, **kwargs})

    def to_representation(self, value: Money) -> dict[str, int | str]:
        """See `Money.as_json`."""
        return value.as_json()
