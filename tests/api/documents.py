"""The API documents, and whether an answer keeps what they promise."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from jsonschema_rs import Draft202012Validator

FACES = {"storefront": "config.urls_tenant_api", "marketplace": "config.urls_public_api"}


@cache
def document(face: str) -> dict[str, Any]:
    """The OpenAPI document of a face."""
    return SchemaGenerator(urlconf=FACES[face], api_version="v1").get_schema(public=True)


@cache
def _promise(face: str, route: str, method: str, status: str) -> dict[str, Draft202012Validator] | None:
    """For each kind of content, what checks it; None where such a status is not promised."""
    promised = document(face)["paths"][route][method]["responses"].get(status)
    if promised is None:
        return None
    components = {"components": document(face)["components"]}
    return {
        kind: Draft202012Validator({**content["schema"], **components})
        for kind, content in promised.get("content", {}).items()
    }


def broken_promises(answer: Any, face: str, route: str, method: str) -> list[str]:
    """How an answer differs from the document: a success that is not named, another kind or shape of content."""
    promise = _promise(face, route, method.lower(), str(answer.status_code))
    if promise is None and answer.status_code >= 400:
        promise = _promise(face, route, method.lower(), "default")
    if promise is None:
        return [f"{answer.status_code} is not in the document"]
    if not promise:
        return ["a body that is not in the document"] if answer.content else []
    kind = answer.headers["Content-Type"].split(";")[0]
    if kind not in promise:
        return [f"{kind} is not in the document"]
    return [str(error)[:300] for error in promise[kind].iter_errors(answer.json())]
