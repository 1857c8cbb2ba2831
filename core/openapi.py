"""What drf-spectacular cannot see by itself: problem documents, Idempotency-Key headers, tags by noun."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; more members carry the facts of the refusal.",
    "properties": {
        "type": {"type": "string"},
        "code": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "code", "title", "status"],
}
PROBLEM_ANSWER = {
    "description": "Refused, or not possible now.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular hook: every operation may answer with a problem document."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("default", PROBLEM_ANSWER)
    return result


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="1 to 255 visible ASCII characters; new for each request, the same for its retries.",
)


class SoukSchema(AutoSchema):
    """Documents errors and idempotency the same way everywhere."""

    def get_override_parameters(self) -> list[Any]:
        """The header, on methods that require it."""
        action = getattr(self.view, self.method.lower(), None)
        return [IDEMPOTENCY_KEY] if getattr(action, "is_idempotent", False) else []

    def get_tags(self) -> list[str]:
        """The noun of the path: /api/v1/seller/orders -> seller orders."""
        parts = [part for part in self.path.removeprefix("/api/v1/").split("/") if part and "{" not in part]
        return [" ".join(parts[:2]) if parts[0] in ("seller", "me", "operator") else parts[0]]

    def get_operation_id(self) -> str:
        """Unique by construction: the view and the method."""
        name = type(self.view).__name__.removesuffix("View")
        return f"{self.method.lower()}{name}"
