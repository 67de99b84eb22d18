"""The service's log: one line for each thing said, as JSON for machines or as text for people."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, WrappedLogger

from facedetect.settings import LogFormat, LogLevel

# Those of others are heard from WARNING on: at DEBUG some of them tell what is in an upload.
_OURS = ("facedetect", "uvicorn")


def set_up_logs(log_format: LogFormat, level: LogLevel) -> None:
    """Send what all loggers and warnings say to standard error; `auto` is text on a terminal."""
    is_terminal = sys.stderr.isatty()
    as_json = log_format == "json" or (log_format == "auto" and not is_terminal)
    handler = logging.StreamHandler()
    handler.setFormatter(make_formatter(as_json=as_json, colors=is_terminal))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())


def make_formatter(*, as_json: bool, colors: bool = False) -> logging.Formatter:
    """One line a record, whatever is in it; a traceback follows a line of text indented."""
    rendering = [structlog.processors.JSONRenderer()] if as_json else [_plain, _text(colors)]
    return ProcessorFormatter(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.format_exc_info,
            ProcessorFormatter.remove_processors_meta,
            _tidy,
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


def _tidy(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Time and level first; the words as `message`, which is what collectors of logs look for."""
    event.pop("color_message", None)  # uvicorn says everything twice
    words = str(event.pop("event")).strip()
    return {
        "timestamp": event.pop("timestamp"),
        "level": event.pop("level"),
        "message": words,
        **event,
    }


def _plain(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Nothing that strangers send may end a line or move the cursor; JSON escapes it by itself."""
    for key, value in event.items():
        if key == "exception":
            event[key] = "\n".join(f"    {_printable(line)}" for line in value.splitlines())
        elif isinstance(value, str):
            event[key] = _printable(value)
    return event


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
