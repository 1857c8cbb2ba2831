"""Structured logs: one JSON object a line on standard error, each with the request or job id and the tenant.

Our own lines are written as they are made. Those of libraries pass through `logging` and leave in the same shape.
"""

import json
import logging
import logging.config
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from core.renderers import dumps

# PostgreSQL's DETAIL repeats the row that it refused; in a traceback it is a line of its own, up to the next that is known.
ROW = re.compile(
    r"(?m)^DETAIL:.*(?:\n(?! |\w[\w.]*(?:Error|Exception|Violation)\b|The above|During|Traceback|CONTEXT:|$).*)*"
)
EMAIL_ADDRESS = re.compile(r"[^\s<>()'\"=,;:]+@[^\s<>()'\"=,;:]+\.[^\s<>()'\"=,;:]+")


def without_people(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What errors say, without the rows and mail addresses that they repeat: logs are kept, and nobody is forgotten there."""
    for key, value in event.items():
        if isinstance(value, str) and ("@" in value or "DETAIL:" in value):
            event[key] = EMAIL_ADDRESS.sub("[e-mail]", ROW.sub("DETAIL: [row]", value))
    return event


BEFORE_RENDERING: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    without_people,
]


def configure(options: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: structlog for our own lines, a formatter that looks the same for the standard library's."""
    render = structlog.processors.JSONRenderer(serializer=_json)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processor": render,
                    "foreign_pre_chain": [structlog.stdlib.add_logger_name, *BEFORE_RENDERING],
                }
            },
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["console"], "level": options["level"]},
            "loggers": {"stripe": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
        }
    )
    structlog.configure(
        processors=[_add_name, *BEFORE_RENDERING, render],
        wrapper_class=structlog.make_filtering_bound_logger(options["level"]),
        logger_factory=Lines,
        cache_logger_on_first_use=True,
    )


class Lines:
    """Writes finished lines to standard error, each in one piece."""

    def __init__(self, name: str = "souk") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """One line."""
        sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = exception = msg


def _add_name(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["logger"] = logger.name
    return event


def _json(event: dict[str, Any], **_: Any) -> str:
    try:
        return dumps(event).decode()
    except TypeError:  # what orjson does not write: half a surrogate pair, a number beyond 64 bits
        return json.dumps(event, default=str)
