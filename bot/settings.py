"""The environment as one frozen value. Nothing else reads os.environ, so `agents doctor` can explain all of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from cryptography.fernet import Fernet

from patterns.core.errors import UserError

PROJECT = Path(__file__).resolve().parent.parent
REAL_SLACK = "https://slack.com/api/"
NO_HOME = "/nonexistent"
"""The home folder that systems give to users without one."""
SHIPPED_ROSTER = PROJECT / "patterns" / "roster.yml"


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, what it is for, and whether its value is secret."""

    name: str
    purpose: str
    secret: bool = False


VARIABLES = (
    Variable("SLACK_BOT_TOKEN", "The app's bot token (xoxb-…): how the bot speaks.", secret=True),
    Variable("SLACK_APP_TOKEN", "App-level token (xapp-…) for Socket Mode: no public address needed.", secret=True),
    Variable("SLACK_SIGNING_SECRET", "Checks that HTTP requests come from Slack. Needed for HTTP mode.", secret=True),
    Variable("SLACK_CLIENT_ID", "Several workspaces: the app's client id, instead of SLACK_BOT_TOKEN. HTTP mode only."),
    Variable("SLACK_CLIENT_SECRET", "Several workspaces: confirms installs to Slack.", secret=True),
    Variable(
        "AGENTS_TOKEN_KEYS",
        "Several workspaces: keys that encrypt their tokens, comma separated; the first encrypts, all of them decrypt.",
        secret=True,
    ),
    Variable(
        "AGENTS_WORKSPACES",
        "Several workspaces: ids of those that may install, T… or E…, comma separated. Unset: whoever has the link.",
    ),
    Variable("PORT", "Port of HTTP mode; setting it chooses HTTP over Socket Mode."),
    Variable("SLACK_API_URL", "Another Slack Web API address, for a local Slack. Unset: the real one."),
    Variable("DATABASE_URL", "postgresql://… when one machine is not enough. Unset: SQLite under AGENTS_DATA_DIR."),
    Variable("AGENTS_DATA_DIR", "Folder of the SQLite ledger. Unset: this system's data folder for the user."),
    Variable("AGENTS_CACHE_DIR", "Where the demo and the tests keep what they fetch. Unset: the user's cache folder."),
    Variable("AGENTS_ROSTER", "Your own roster file. Unset: the shipped patterns/roster.yml."),
    Variable(
        "AGENTS_ADMINS",
        "Slack user ids that administer budgets besides workspace admins, comma separated; T…:U… in one workspace.",
    ),
    Variable("AGENTS_TIMEZONE", "Zone in which months turn, such as Europe/Paris. Unset: the roster's."),
    Variable("AGENTS_MODEL_FAST", "litellm name of the quick model (openai/gpt-5-mini). Unset: chosen from your keys."),
    Variable("AGENTS_MODEL_STRONG", "litellm name of the strong model. Unset: chosen from your keys."),
    Variable("AGENTS_LOG_LEVEL", "debug, info, warning or error. Message text never shows at the default, info."),
    Variable("OPENAI_API_KEY", "Key of OpenAI.", secret=True),
    Variable("OPENAI_API_BASE", "Where every OpenAI model is reached instead, such as a gateway. Unset: OpenAI."),
    Variable("ANTHROPIC_API_KEY", "Key of Anthropic.", secret=True),
    Variable("ANTHROPIC_API_BASE", "Where every Anthropic model is reached instead. Unset: Anthropic."),
    Variable("GEMINI_API_KEY", "Key of Google Gemini.", secret=True),
    Variable("GEMINI_API_BASE", "Where every Gemini model is reached instead. Unset: Google."),
    Variable("OLLAMA_API_BASE", "Address of Ollama. Unset: its usual port on this machine is tried."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The operator's configuration. `env` is the whole environment, for `${…}` in the roster and providers' keys.

    Secrets are left out of its repr; the database's address can hold a password.
    """

    data_dir: Path
    database_url: str = field(repr=False)
    roster_path: Path
    admins: frozenset[str]
    timezone: str
    slack_bot_token: str = field(repr=False)
    slack_app_token: str = field(repr=False)
    slack_signing_secret: str = field(repr=False)
    slack_client_id: str
    slack_client_secret: str = field(repr=False)
    token_keys: tuple[str, ...] = field(repr=False)
    workspaces: frozenset[str]
    slack_api_url: str
    port: int | None
    log_level: str
    env: Mapping[str, str] = field(repr=False)

    @property
    def is_sqlite(self) -> bool:
        """Return True for SQLite, the default: one file and one bot."""
        return self.database_url.startswith("sqlite:")

    @property
    def own_slack_host(self) -> str:
        """Return the host of a Slack other than the real one; empty for the real one."""
        return "" if self.slack_api_url == REAL_SLACK else urlsplit(self.slack_api_url).netloc

    @property
    def serves_many(self) -> bool:
        """Return True when workspaces install the app themselves, each with its own token."""
        return bool(self.slack_client_id)

    def admits(self, *ids: str) -> bool:
        """Return True when a workspace, named by its id or its organisation's, may install the app here."""
        return not self.workspaces or not self.workspaces.isdisjoint(ids)


def ensure_home() -> None:
    """Set HOME where the user has none, as in many containers: libraries ask for it at import."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = NO_HOME


def environment() -> dict[str, str]:
    """Return the environment as it is, for commands that explain what is wrong with it."""
    return dict(os.environ)


def read_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of an environment, by default of this process.

    Raises:
        UserError: a value that cannot be used, with the variable's name.
    """
    env = environment() if env is None else dict(env)
    data_dir = _data_dir(env)
    return Settings(
        data_dir=data_dir,
        database_url=_database_url(env.get("DATABASE_URL", ""), data_dir),
        roster_path=Path(env.get("AGENTS_ROSTER") or SHIPPED_ROSTER).expanduser().resolve(),
        admins=frozenset(_listed(env.get("AGENTS_ADMINS", ""))),
        timezone=_timezone(env.get("AGENTS_TIMEZONE", "")),
        slack_bot_token=env.get("SLACK_BOT_TOKEN", ""),
        slack_app_token=env.get("SLACK_APP_TOKEN", ""),
        slack_signing_secret=env.get("SLACK_SIGNING_SECRET", ""),
        slack_client_id=env.get("SLACK_CLIENT_ID", ""),
        slack_client_secret=env.get("SLACK_CLIENT_SECRET", ""),
        token_keys=_token_keys(env.get("AGENTS_TOKEN_KEYS", "")),
        workspaces=_workspaces(env.get("AGENTS_WORKSPACES", "")),
        slack_api_url=_slack_api_url(env.get("SLACK_API_URL", "")),
        port=_port(env.get("PORT", "")),
        log_level=_log_level(env.get("AGENTS_LOG_LEVEL", "")),
        env=env,
    )


NEEDS_HTTP = "SLACK_CLIENT_ID needs HTTP mode, because people install the app in a browser: set PORT or give --port."


def setup_mistakes(settings: Settings) -> list[str]:
    """Return what does not fit together in a multi-workspace setup, one sentence each."""
    mistakes = []
    if settings.serves_many and settings.slack_bot_token:
        mistakes.append(
            "SLACK_BOT_TOKEN and SLACK_CLIENT_ID are both set: keep one, the second for several workspaces."
        )
    if settings.serves_many != bool(settings.slack_client_secret):
        mistakes.append(
            "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET go together: set both (Basic Information of the app) or neither."
        )
    if settings.serves_many and not settings.token_keys:
        mistakes.append(
            "AGENTS_TOKEN_KEYS must be set beside SLACK_CLIENT_ID, because installed tokens are kept encrypted:"
            " `agents installations key` makes a key."
        )
    unplaced = sorted(entry for entry in settings.admins if ":" not in entry)
    if settings.serves_many and unplaced:
        mistakes.append(
            f"AGENTS_ADMINS must say in which workspace {', '.join(unplaced)} administers:"
            f" write T012ABCDEF:{unplaced[0]}."
        )
    return mistakes


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _token_keys(text: str) -> tuple[str, ...]:
    keys = _listed(text)
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            raise UserError(
                f"Key {number} of AGENTS_TOKEN_KEYS is not a Fernet key. `agents installations key` makes one."
            ) from None
    return keys


def _workspaces(text: str) -> frozenset[str]:
    ids = _listed(text)
    for one in ids:
        if one[0] not in "TE" or not one.isalnum() or not one.isupper():
            raise UserError(
                f"AGENTS_WORKSPACES: {one!r} is no id of a workspace (T012ABCDEF) or organisation (E012ABCDEF). It"
                " stands in Slack's address in a browser: app.slack.com/client/T012ABCDEF."
            )
    return frozenset(ids)


def _data_dir(env: Mapping[str, str]) -> Path:
    chosen = env.get("AGENTS_DATA_DIR")
    if not chosen and not env.get("DATABASE_URL") and env.get("HOME") == NO_HOME:
        raise UserError(
            "There is no home folder to keep the ledger in. Set AGENTS_DATA_DIR to a folder that lasts, or DATABASE_URL"
            " to postgresql://…."
        )
    return Path(chosen or platformdirs.user_data_dir("agents-for-slack")).expanduser().resolve()


def _database_url(url: str, data_dir: Path) -> str:
    if not url:
        return f"sqlite:///{data_dir / 'agents.db'}"
    # Hosting platforms hand out postgres://; both schemes mean the same server.
    url = url.replace("postgres://", "postgresql://", 1)
    if not url.startswith(("postgresql://", "sqlite:///")):
        raise UserError("DATABASE_URL must start with postgresql:// (or be unset for SQLite).")
    return url


def _timezone(name: str) -> str:
    if name:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UserError(
                f"AGENTS_TIMEZONE={name!r} is not a time zone. Use a name such as Europe/Paris or UTC."
            ) from None
    return name


def _slack_api_url(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise UserError("SLACK_API_URL must start with http:// or https://.")
    return f"{url.rstrip('/')}/" if url else REAL_SLACK


def _port(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 65535:  # noqa: PLR2004 - the ports there are
        raise UserError(f"PORT={text!r} is not a port number. Use one such as 3000.")
    return int(text)


def _log_level(text: str) -> str:
    level = text.lower() or "info"
    if level not in ("debug", "info", "warning", "error"):
        raise UserError(f"AGENTS_LOG_LEVEL={text!r} is unknown. Use debug, info, warning or error.")
    return level
