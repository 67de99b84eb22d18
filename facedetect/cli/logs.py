"""The service's log: one line per record, as JSON or as text."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, WrappedLogger

from facedetect.formatting import printable
from facedetect.settings import LogFormat, LogLevel

# Other loggers start at WARNING: at DEBUG some print the contents of uploads.
_OURS = ("facedetect", "uvicorn")


def set_up_logs(log_format: LogFormat, level: LogLevel) -> None:
    """Log all records and warnings to standard error; `auto` means text on a terminal."""
    is_terminal = sys.stderr.isatty()
    as_json = log_format == "json" or (log_format == "auto" and not is_terminal)
    handler = logging.StreamHandler()
    handler.setFormatter(make_formatter(as_json=as_json, colors=is_terminal))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())


def make_formatter(*, as_json: bool, colors: bool = False) -> logging.Formatter:
    """Return a formatter of one line per record; in text, an indented traceback follows."""
    rendering = [structlog.processors.JSONRenderer()] if as_json else [_escape, _text(colors)]
    return ProcessorFormatter(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.format_exc_info,
            ProcessorFormatter.remove_processors_meta,
            _order_fields,
            *rendering,
        ]
    )


def _text(colors: bool) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=colors,
        event_key="message",
        exception_formatter=structlog.dev.plain_traceback,
        pad_event_to=0,
        sort_keys=False,
    )


def _order_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put time and level first, and the text under `message`, as log collectors expect."""
    event.pop("color_message", None)  # uvicorn's coloured copy of the message
    message = str(event.pop("event")).strip()
    return {
        "timestamp": event.pop("timestamp"),
        "level": event.pop("level"),
        "message": message,
        **event,
    }


def _escape(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape untrusted text, so that it cannot break lines or move the cursor (JSON does)."""
    for key, value in event.items():
        if key == "exception":
            event[key] = "\n".join(f"    {printable(line)}" for line in value.splitlines())
        elif isinstance(value, str):
            event[key] = printable(value)
    return event
