"""JSON in, strictly: what two parsers could read in two ways is refused."""

import codecs
import json
import math
from typing import Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 20
MAX_INTEGER = 2**63 - 1


class StrictJSONParser(BaseParser):
    """UTF-8 JSON objects of bounded size and depth; no duplicate keys, NaN, numbers beyond 64 bits, NUL or lone surrogates."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Raises ParseError (400) with the reason."""
        raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise ParseError("The body is larger than 1 MB.")
        return parse_json(raw)


def parse_json(raw: bytes) -> Any:
    """Raises ParseError with the reason."""
    if raw.startswith(codecs.BOM_UTF8):
        raw = raw[len(codecs.BOM_UTF8) :]
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise ParseError("The body is not UTF-8.") from error
    except RecursionError as error:
        raise ParseError("The body is nested too deeply.") from error
    except ValueError as error:
        raise ParseError(f"The body is not JSON: {str(error)[:120]}") from error
    _check(value, 0)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ParseError("The body is nested too deeply.")
    if isinstance(value, str):
        if "\x00" in value:
            raise ParseError("The body contains the character U+0000.")
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise ParseError("The body contains half of a surrogate pair.")
    elif isinstance(value, int | float):
        if abs(value) > MAX_INTEGER if isinstance(value, int) else math.isinf(value):
            raise ParseError("The body contains a number that is too large.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
