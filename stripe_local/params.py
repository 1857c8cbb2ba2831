"""Checks a request's parameters against the SDK's own typed parameters, as Stripe checks them."""

import difflib
import re
import sys
import typing
from functools import cache
from typing import Any

import stripe
import stripe.params.checkout
from pydantic import ConfigDict, TypeAdapter, ValidationError
from stripe import RequestOptions, StripeContext
from typing_extensions import TypedDict

from stripe_local.errors import ApiError, bad_parameter, missing_parameter
from stripe_local.forms import Nested

STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True, defer_build=True)
FIRST_TO_TELL = {"extra_forbidden": 0, "missing": 1, "literal_error": 3}


class ClosedChoice:
    """A choice that stays closed: the SDK writes `Literal['a', 'b']|str`, Stripe accepts only a and b."""

    def __init__(self, choices: tuple[Any, ...]) -> None:
        self.choices = choices

    def __or__(self, other: Any) -> Any:
        if other is str:
            return typing.Literal[self.choices]
        if isinstance(other, ClosedChoice):
            return ClosedChoice(self.choices + other.choices)
        return typing.Union[typing.Literal[self.choices], other]  # noqa: UP007, `other` may be no type

    def __ror__(self, other: Any) -> Any:
        return typing.Union[other, typing.Literal[self.choices]]  # noqa: UP007

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return handler(typing.Literal[self.choices])


class Choice:
    """Stands in for `typing.Literal` while the SDK's annotations are read."""

    def __class_getitem__(cls, choices: Any) -> ClosedChoice:
        return ClosedChoice(choices if isinstance(choices, tuple) else (choices,))


@cache
def sdk_type(name: str) -> Any:
    """The SDK's typed dictionary of that name; `checkout.` in front means the sub-package."""
    package: Any = stripe.params.checkout if name.startswith("checkout.") else stripe.params
    return getattr(package, name.removeprefix("checkout."))


@cache
def adapter(name: str) -> TypeAdapter[Any]:
    """A strict validator for one of the SDK's parameter types, without the request options it inherits."""
    source = sdk_type(name)
    own = {
        key: hint for key, hint in source.__annotations__.items() if key not in RequestOptions.__annotations__
    }
    strict: Any = TypedDict(source.__name__, own)  # type: ignore[misc]
    setattr(strict, "__pydantic_config__", STRICT)  # noqa: B010, a typed dictionary has no such attribute to mypy
    names = {
        **vars(sys.modules[source.__module__]),
        "typing": typing,
        "stripe": stripe,
        "stripe.params": stripe.params,
        "StripeContext": StripeContext,
        "Literal": Choice,
    }
    validator: TypeAdapter[Any] = TypeAdapter(strict)
    validator.rebuild(force=True, _types_namespace=names)
    return validator


def check_parameters(name: str, sent: Nested) -> Nested:
    """`sent` with numbers and booleans in their types; raises what Stripe answers to a wrong parameter."""
    try:
        checked: Nested = adapter(name).validate_python(sent)
    except ValidationError as wrong:
        raise refusal(name, sent, wrong) from None
    return checked


def refusal(name: str, sent: Nested, wrong: ValidationError) -> ApiError:
    """The most telling of several complaints, in Stripe's words."""
    errors = wrong.errors(include_url=False, include_context=False)
    error = min(errors, key=lambda error: (FIRST_TO_TELL.get(error["type"], 2), -len(error["loc"])))
    kind, value = error["type"], error["input"]
    param = parameter_name(sent, error["loc"], keep_last=kind == "missing")
    if kind == "extra_forbidden":
        message = f"Received unknown parameter: {param}{suggestion(name, error['loc'])}"
        return bad_parameter(message, param=param, code="parameter_unknown")
    if kind == "missing":
        return missing_parameter(param)
    if kind.startswith("int"):
        return bad_parameter(f"Invalid integer: {value}", param=param, code="parameter_invalid_integer")
    if kind.startswith("bool"):
        return bad_parameter(f"Invalid boolean: {value}", param=param)
    if kind == "literal_error":
        return bad_parameter(
            f"Invalid {param}: must be {error['msg'].removeprefix('Input should be ')}", param=param
        )
    if kind == "string_type":
        return bad_parameter(f"Invalid string: {value}", param=param)
    shape = "array" if kind == "list_type" else "object"
    return bad_parameter(f"Invalid {shape}: {value}", param=param)


def parameter_name(sent: Nested, location: tuple[int | str, ...], *, keep_last: bool) -> str:
    """`line_items[0][price]`: the validator's location without the union branches it names on the way."""
    here: Any = sent  # a dictionary, a list or a value
    parts: list[str] = []
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        if has_part(here, part):
            here = here[part]
        elif not (is_last and keep_last):
            continue
        parts.append(str(part))
    return parts[0] + "".join(f"[{part}]" for part in parts[1:]) if parts else ""


def has_part(value: Any, part: int | str) -> bool:
    """Whether a dictionary has that key, or a list that position."""
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def suggestion(name: str, location: tuple[int | str, ...]) -> str:
    """`. Did you mean amount?` for a misspelt parameter of the first level."""
    if len(location) != 1:
        return ""
    known = [key for key in sdk_type(name).__annotations__ if key not in RequestOptions.__annotations__]
    near = difflib.get_close_matches(re.sub(r"\W", "", str(location[0])), known, n=1)
    return f". Did you mean {near[0]}?" if near else ""
