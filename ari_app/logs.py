"""What the router says while it runs: structured lines on standard error, fit to be shown to others.

Telephone numbers are masked by default, secrets and query strings always, also in the messages of libraries.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from structlog.typing import Processor

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]

# With a plus it is a number wherever it stands. Without one, eight digits and more that no letter, dot, dash or other
# digit touches: the ids of calls and channels (20261121T012233-9f3a2c1b77aa, 1772357400.12) stay readable.
_NUMBER = re.compile(r"\+\d{7,15}(?!\d)|(?<![\w.+-])\d{8,15}(?![\w-]|\.\d)")
_QUERY = re.compile(r"\b((?:https?|wss?)://[^\s?#'\"<>]*)[?#][^\s'\"<>]*")
_USERINFO = re.compile(r"\b((?:https?|wss?)://)[^\s/@'\"<>]+@")
_TRACEBACKS = frozenset({"exception", "stack"})  # the only texts of several lines
_SECRET_KEY = re.compile(r"password|passwd|secret|token|authorization|api_?key|cookie", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(?i)\b((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer)?|bearer|api_key=)\s*[^\s'\",&]+"
)
_API_KEY = re.compile(r"\b(agr_[0-9a-f]{12}_)[0-9a-f]{16,}")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Section `log`."""

    level: Level = "info"
    format: Format = "console"
    mask_numbers: bool = True


def mask_number(number: str) -> str:
    """`+14155550177` as `+1415555****`: enough to tell two callers apart, too little to ring one."""
    return number[:-4] + "****"


def redact(text: str, *, mask_numbers: bool = True) -> str:
    """The text without secrets, query strings, credentials in URLs and, by default, without whole numbers."""
    text = _QUERY.sub(r"\1?…", _USERINFO.sub(r"\1", text))
    text = _SECRET_TEXT.sub(r"\1 ***", _API_KEY.sub(r"\1***", text))
    return _NUMBER.sub(lambda found: mask_number(found[0]), text) if mask_numbers else text


def set_up_logs(settings: LogSettings) -> None:
    """Send all log lines, the libraries' too, to standard error in this form; may be called again for another form.

    What the form decides stands in the handler: loggers keep the processors that they found at their first line.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _Redaction(settings.mask_numbers),
                _renderer(settings.format),
            ],
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    # Below warning these tell of every statement and every selector.
    for chatty in ("asyncio", "aiosqlite", "sqlalchemy", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _renderer(log_format: Format) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


def _visible(text: str, keep: str) -> str:
    """The text without characters that could begin a line of their own or steer a terminal: those are escaped."""
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


class _Redaction:
    """A processor that redacts every text of a line, at any depth, and keeps it on that line."""

    def __init__(self, mask_numbers: bool) -> None:
        self._mask_numbers = mask_numbers

    def __call__(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: value if key in {"timestamp", "level"} else self._clean(key, value) for key, value in line.items()}

    def _clean(self, key: str, value: object) -> object:
        if _SECRET_KEY.search(key):
            return "***"
        match value:
            case str():
                return _visible(redact(value, mask_numbers=self._mask_numbers), keep="\n" if key in _TRACEBACKS else "")
            case dict():
                return {name: self._clean(str(name), item) for name, item in value.items()}
            case list() | tuple():
                return [self._clean(key, item) for item in value]
            case None | bool() | int() | float():
                return value
            case _:
                return self._clean(key, str(value))
