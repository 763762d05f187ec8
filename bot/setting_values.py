"""What a setting may be: each function turns a variable's text into its value, or raises UserError with its name."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from cryptography.fernet import Fernet

from patterns.core.errors import UserError
from storage.file_bounds import FileBounds
from storage.queue_bounds import QueueBounds

NO_HOME = "/nonexistent"
"""The home folder that systems give to users without one."""


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def token_keys(text: str) -> tuple[str, ...]:
    """Return Fernet keys from a comma-separated list."""
    keys = listed(text)
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            raise UserError(
                f"Key {number} of AGENTS_TOKEN_KEYS is not a Fernet key. `agents installations key` makes one."
            ) from None
    return keys


def workspace_ids(text: str) -> tuple[str, ...]:
    """Return ids of workspaces and organisations from a comma-separated list."""
    ids = listed(text)
    for one in ids:
        if one[0] not in "TE" or not one.isalnum() or not one.isupper():
            raise UserError(
                f"AGENTS_WORKSPACES: {one!r} is no id of a workspace (T012ABCDEF) or organisation (E012ABCDEF). It"
                " stands in Slack's address in a browser: app.slack.com/client/T012ABCDEF."
            )
    return ids


def default_data_dir(values: dict[str, Any]) -> Path:
    """Return this system's data folder for the user; raise UserError where there is none to keep a ledger in."""
    env = values["env"]
    if not env.get("DATABASE_URL") and env.get("HOME") == NO_HOME:
        raise UserError(
            "There is no home folder to keep the ledger in. Set AGENTS_DATA_DIR to a folder that lasts, or DATABASE_URL"
            " to postgresql://…."
        )
    return absolute_path(Path(platformdirs.user_data_dir("agents-for-slack")))


def absolute_path(path: Path) -> Path:
    """Return a path without `~` and relative parts."""
    return path.expanduser().resolve()


def database_url(url: str) -> str:
    """Return the address of a database that there is a driver for."""
    # Hosting platforms hand out postgres://; both schemes mean the same server.
    url = url.replace("postgres://", "postgresql://", 1)
    if not url.startswith(("postgresql://", "sqlite:///")):
        raise UserError("DATABASE_URL must start with postgresql:// (or be unset for SQLite).")
    return url


def timezone(name: str) -> str:
    """Return the name of a time zone that this system knows."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(
            f"AGENTS_TIMEZONE={name!r} is not a time zone. Use a name such as Europe/Paris or UTC."
        ) from None
    return name


def slack_api_url(url: str) -> str:
    """Return the address of a Web API, with a slash at its end."""
    if not url.startswith(("http://", "https://")):
        raise UserError("SLACK_API_URL must start with http:// or https://.")
    return f"{url.rstrip('/')}/"


def port(text: str) -> int:
    """Return the port of HTTP mode, 0 for any free one."""
    return _port(text, "PORT")


def health_port(text: str) -> int:
    """Return the port of the health pages."""
    return _port(text, "HEALTH_PORT")


def _port(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 65535:  # noqa: PLR2004 - the ports there are
        raise UserError(f"{name}={text!r} is not a port number. Use one such as 3000.")
    return int(text)


def log_level(text: str) -> str:
    """Return the name of a log level, in small letters."""
    level = text.lower()
    if level not in ("debug", "info", "warning", "error"):
        raise UserError(f"AGENTS_LOG_LEVEL={text!r} is unknown. Use debug, info, warning or error.")
    return level


def switch(name: str) -> Callable[[str], bool]:
    """Return what reads the value of a variable that is on or off."""

    def read(text: str) -> bool:
        if text.lower() not in ("on", "off"):
            raise UserError(f"{name}={text!r} is unknown. Use on or off.")
        return text.lower() == "on"

    return read


def telemetry(text: str) -> str:
    """Return how much OpenTelemetry is told."""
    wanted = text.lower()
    if wanted not in ("off", "on", "texts"):
        raise UserError(f"AGENTS_TELEMETRY={text!r} is unknown. Use on, or texts to send prompts and answers too.")
    return wanted


@dataclass(frozen=True, slots=True)
class Retention:
    """Days for which each kind of what people wrote is kept; money, times and the audit log are kept for good."""

    texts: int = 90
    """Requests, answers, what agents wrote on the way, questions and decisions, after the end of their run."""
    attachments: int = 90
    """Threads, linked messages and files that were read for a request."""
    deliveries: int = 7
    """Slack's payloads as they came."""
    ratings: int = 400
    """Who found which answer helpful."""


RETENTION_DAYS_MAX = 3650
BOUND_MAX = 100_000


def queue_bounds(text: str) -> QueueBounds:
    """Return how many requests may wait, such as `person=50 all=2000`; defaults for what is not named."""
    return QueueBounds(**_bounds("AGENTS_QUEUE", text, QueueBounds, unknown="has no queue. Use person, channel or all"))


def file_bounds(text: str) -> FileBounds:
    """Return how many megabytes of files are kept, such as `person=50`; defaults for what is not named."""
    return FileBounds(**_bounds("AGENTS_FILES", text, FileBounds, unknown="has no files. Use person or channel"))


def _bounds(variable: str, text: str, kind: type[QueueBounds | FileBounds], *, unknown: str) -> dict[str, int]:
    most = {}
    for part in text.replace(",", " ").split():
        name, _, number = part.partition("=")
        if name not in {one.name for one in fields(kind)}:
            raise UserError(f"{variable}: {name!r} {unknown}.")
        if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= BOUND_MAX:
            raise UserError(f"{variable}: write a number from 1 to {BOUND_MAX}, like {name}=100.")
        most[name] = int(number)
    return most


def retention(text: str) -> Retention:
    """Return the days that words are kept, such as `texts=30 ratings=90`; defaults for what is not named."""
    days = {}
    for part in text.replace(",", " ").split():
        name, _, number = part.partition("=")
        if name not in {one.name for one in fields(Retention)}:
            raise UserError(
                f"AGENTS_RETENTION: {name!r} is nothing that is kept. Use texts, attachments, deliveries or ratings."
            )
        if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= RETENTION_DAYS_MAX:
            raise UserError(f"AGENTS_RETENTION: write days from 1 to {RETENTION_DAYS_MAX}, like {name}=30.")
        days[name] = int(number)
    return Retention(**days)
