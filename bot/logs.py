"""Structured logs, one JSON object per line, bound to the run id; secrets are scrubbed last, whatever logged them."""

import logging
import re
import sys
from collections.abc import Collection
from typing import IO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.log_throttle import ThrottledLines

_TALKATIVE = frozenset({
    "agents", "slack_bolt", "slack_sdk", "apscheduler", "aiosqlite", "LiteLLM", "httpx", "httpx2", "httpcore2", "mcp",
    "asyncio",
})  # fmt: skip
"""Libraries whose debug and info lines carry payloads, message text and tokens. Bolt's app logger is called `agents`.
"""
_TOKENS = re.compile(r"xox[a-z]-[\w-]+|xapp-[\w-]+|sk-[\w-]{12,}|Bearer\s+[\w.~+/-]+=*", re.IGNORECASE)


def configure_logs(level: str, *, secrets: Collection[str] = (), stream: IO[str] | None = None) -> None:
    """Send every log of ours and of the libraries, from `level` up, to `stream` (standard error by default).

    `secrets` are values that never appear in a line, whatever a library logs.
    """
    scrub = _scrubber([secret for secret in secrets if len(secret) > 7])  # noqa: PLR2004 - shorter values match ordinary words
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                scrub,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    handler.addFilter(_without_payloads)
    # A chore that is still running when its next turn comes is expected: it waits for Slack's rate limit.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    for name in ("uvicorn.error", "asyncio"):
        # Whoever reaches the port can have these write a line, or a traceback, per bad connection.
        logging.getLogger(name).addFilter(_STRANGERS)


_STRANGERS = ThrottledLines()


def _without_payloads(record: logging.LogRecord) -> bool:
    """Return True when a line may be shown. Matched by name, because Bolt sets a level of its own on each logger.

    What the client of tool servers could not read stands in its exceptions: of those only the class is shown.
    """
    if record.name.startswith("mcp.client") and record.exc_info and record.exc_info[0]:
        record.msg, record.args = f"{record.getMessage()} ({record.exc_info[0].__name__})", None
        record.exc_info = record.exc_text = None
    return record.levelno >= logging.WARNING or re.split(r"[.:]", record.name, maxsplit=1)[0] not in _TALKATIVE


def _scrubber(secrets: list[str]) -> Processor:
    def clean(value: object) -> object:
        if isinstance(value, str):
            for secret in secrets:
                value = value.replace(secret, "[secret]")
            return _TOKENS.sub("[secret]", value)
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [clean(item) for item in value]
        return value

    def processor(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        return cast("EventDict", clean(dict(event)))

    return processor
