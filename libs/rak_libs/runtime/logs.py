"""Structured logs: one JSON object a line on stderr, the standard library's loggers included.

Every line holds `timestamp` (RFC 3339, UTC), `level`, `event` (a stable dotted name), `service`
and `logger`; everything else is a field. An exception becomes `error_class`, `error` and
`traceback`. Lines of other libraries have the event `library.log` and their text in `message`; one
that is said over and over is written now and then, with the number of those left out in `repeats`.
"""

import json
import logging
import sys
import traceback
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from rak_libs.runtime.repeated_lines import OnceInAWhile
from rak_libs.runtime.settings import LoggingSettings

FIRST_FIELDS = ("timestamp", "level", "event", "service", "logger")
QUIET_LIBRARIES = ("aiokafka", "asyncio", "uvicorn", "uvicorn.error", "uvicorn.access")

# They raise every failure that they log: whoever catches it says it once, in our words.
SILENT_LIBRARIES = ("clickhouse_driver",)

_PER_RECORD: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# One list for the life of the process: loggers keep the list they were first used with.
_PROCESSORS: list[Processor] = [
    structlog.stdlib.filter_by_level,
    *_PER_RECORD,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


def configure_logging(
    service: str, settings: LoggingSettings, stream: TextIO | None = None
) -> None:
    """Send every log line of this process to `stream` (stderr) in the form that is configured.

    Calling it again replaces what it set up before. Other libraries are heard from `warning` on,
    and not over and over, unless the level is `debug`.
    """
    output = stream or sys.stderr
    handler = logging.StreamHandler(output)
    handler.setFormatter(_formatter(service, settings, colors=output.isatty()))
    if settings.level != "debug":
        handler.addFilter(OnceInAWhile())
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    quiet = logging.NOTSET if settings.level == "debug" else logging.WARNING
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(quiet)
    silent = logging.NOTSET if settings.level == "debug" else logging.CRITICAL
    for name in SILENT_LIBRARIES:
        logging.getLogger(name).setLevel(silent)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def of_problems_alone(settings: LoggingSettings) -> LoggingSettings:
    """Log what goes wrong alone: what a subcommand does, it prints. `debug` stays."""
    level = settings.level if settings.level in {"debug", "error"} else "warning"
    return msgspec.structs.replace(settings, level=level)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: `log.info("writer.batch_inserted", rows=5000)`; cheap when the level is off."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _formatter(
    service: str, settings: LoggingSettings, *, colors: bool
) -> structlog.stdlib.ProcessorFormatter:
    def with_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    final: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        with_service,
    ]
    if settings.format == "json":
        final += [_exception_fields, _ordered, structlog.processors.JSONRenderer(_json_text)]
    else:
        final += [
            structlog.dev.ConsoleRenderer(
                colors=colors, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_PER_RECORD, _library_message],
        processors=final,
    )


def _library_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["message"] = event["event"]
    event["event"] = "library.log"
    repeats = getattr(event["_record"], "repeats", 0)
    return {**event, "repeats": repeats} if repeats else event


def _exception_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error_class"] = type(error).__qualname__
        event["error"] = str(error)
        event["traceback"] = "".join(traceback.format_exception(error))
    return event


def _ordered(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first: EventDict = {name: event[name] for name in FIRST_FIELDS if name in event}
    return {**first, **event}


def _json_text(fields: EventDict, **options: Any) -> str:
    try:
        return json.dumps(fields, allow_nan=False, **options)
    except (TypeError, ValueError):
        return json.dumps({str(name): _shown(value) for name, value in fields.items()})


def _shown(value: object) -> object:
    return value if isinstance(value, (str, int, bool, type(None))) else repr(value)
