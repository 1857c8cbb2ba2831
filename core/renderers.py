"""JSON out, by orjson: UUIDs and UTC times natively."""

from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer

from core.money import Money

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def _default(value: Any) -> Any:
    if isinstance(value, Money):
        return value.as_json()
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list | tuple | set):
        return list(value)
    return str(value)


def dumps(value: Any) -> bytes:
    """UTF-8 JSON. Money becomes {"amount", "currency"}, times ISO 8601 with Z."""
    return orjson.dumps(value, default=_default, option=OPTIONS)


class JSONRenderer(BaseRenderer):
    """The API's only renderer; there is no browsable API."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """Bytes pass through: selectors on hot paths let PostgreSQL write the JSON."""
        if data is None:
            return b""
        return data if isinstance(data, bytes) else dumps(data)
