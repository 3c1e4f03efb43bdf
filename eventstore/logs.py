"""The log: one line per event on standard error, for people in a terminal, JSON otherwise."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

_log = structlog.get_logger("service")


def configure_logging(level: str) -> None:
    """Let everything from `level` on be written, what libraries say from warnings on."""
    if sys.stderr.isatty():
        level_and_time = [structlog.processors.add_log_level, structlog.processors.TimeStamper("iso", utc=True)]
        # Prettier tracebacks show local variables: passwords, tokens, memos.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        processors: list[Any] = [*level_and_time, renderer]
        factory: Any = structlog.PrintLoggerFactory(sys.stderr)
    else:
        processors, factory = [_render_json], structlog.BytesLoggerFactory(sys.stderr.buffer)
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_LibraryLog()], force=True)


def _render_json(logger: Any, method: str, line: dict[str, Any]) -> bytes:
    """All of structlog's usual steps in one, because every request takes them."""
    if line.get("exc_info"):
        structlog.processors.format_exc_info(logger, method, line)
    stamped = {"timestamp": datetime.now(UTC), "level": method, **line}
    return orjson.dumps(stamped, default=str, option=orjson.OPT_UTC_Z)


class _LibraryLog(logging.Handler):
    """Puts what libraries have to say into our log."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        # Of its errors, aiohttp quotes the request that it could not read, secrets and all: only their kind is kept.
        exc_info = None if record.name == "aiohttp.server" else record.exc_info
        error = kind.__name__ if kind else None
        _log.log(record.levelno, record.getMessage(), library=record.name, error=error, exc_info=exc_info)
