"""How the processes log: events with fields, JSON when not on a terminal, never a password."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from vision.core.registry import redact_url


def configure(*, process: str, level: str = "info") -> None:
    """Set up structlog for this process; `process` stands in every line."""
    on_terminal = sys.stderr.isatty()
    renderer: Any = structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    # Libraries that log by the standard module: their warnings only, through the same redaction.
    logging.basicConfig(level=logging.WARNING, handlers=[_Redacting()], force=True)


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and "://" in value:
            event[key] = redact_url(value)
    return event


class _Redacting(logging.StreamHandler[Any]):
    def format(self, record: logging.LogRecord) -> str:
        return redact_url(super().format(record))
