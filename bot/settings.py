"""The environment as one frozen value. Nothing else reads os.environ, so `agents doctor` can explain all of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from bot import setting_values as values
from bot.mcp_tokens import Grantee, read_tokens
from bot.setting_values import NO_HOME, Retention
from storage.file_bounds import FileBounds
from storage.queue_bounds import QueueBounds

PROJECT = Path(__file__).resolve().parent.parent
REAL_SLACK = "https://slack.com/api/"
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - a server behind a load balancer
SHIPPED_ROSTER = PROJECT / "patterns" / "roster.yml"


def _env(name: str, purpose: str, default: Any = "", **more: Any) -> Any:  # noqa: ANN401 - as pydantic's Field
    if "default_factory" not in more:
        more["default"] = default
    return Field(validation_alias=name, description=purpose, **more)


NO_SECRET = SecretStr("")


class Settings(BaseModel):
    """The operator's configuration: each variable is declared here, once, with its name and what it is for.

    `env` is the whole environment, for `${…}` in the roster and for providers' keys, which `patterns.models` reads by
    the names in the roster. Secrets are left out of the repr; the database's address can hold a password.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    env: Mapping[str, str] = Field(repr=False)
    slack_bot_token: SecretStr = _env("SLACK_BOT_TOKEN", "The app's bot token (xoxb-…): how the bot speaks.", NO_SECRET)
    slack_app_token: SecretStr = _env(
        "SLACK_APP_TOKEN", "App-level token (xapp-…) for Socket Mode: no public address needed.", NO_SECRET
    )
    slack_signing_secret: SecretStr = _env(
        "SLACK_SIGNING_SECRET", "Checks that HTTP requests come from Slack. Needed for HTTP mode.", NO_SECRET
    )
    slack_client_id: str = _env(
        "SLACK_CLIENT_ID", "Several workspaces: the app's client id, instead of SLACK_BOT_TOKEN. HTTP mode only."
    )
    slack_client_secret: SecretStr = _env(
        "SLACK_CLIENT_SECRET", "Several workspaces: confirms installs to Slack.", NO_SECRET
    )
    token_keys: Annotated[tuple[SecretStr, ...], BeforeValidator(values.token_keys)] = _env(
        "AGENTS_TOKEN_KEYS",
        "Several workspaces: keys that encrypt their tokens, comma separated; the first encrypts, all of them decrypt.",
        (),
    )
    workspaces: Annotated[frozenset[str], BeforeValidator(values.workspace_ids)] = _env(
        "AGENTS_WORKSPACES",
        "Several workspaces: ids of those that may install, T… or E…, comma separated. Unset: whoever has the link.",
        frozenset(),
    )
    port: Annotated[int | None, BeforeValidator(values.port)] = _env(
        "PORT", "Port of HTTP mode; setting it chooses HTTP over Socket Mode.", None
    )
    health_port: Annotated[int | None, BeforeValidator(values.health_port)] = _env(
        "HEALTH_PORT", "Port of /livez and /readyz in Socket Mode and for workers. Unset: none.", None
    )
    host: str = _env(
        "AGENTS_HOST",
        "Address that HTTP mode and HEALTH_PORT listen on, such as 127.0.0.1 behind a proxy. Unset: every one.",
        EVERY_ADDRESS,
    )
    slack_api_url: Annotated[str, AfterValidator(values.slack_api_url)] = _env(
        "SLACK_API_URL", "Another Slack Web API address, for a local Slack. Unset: the real one.", REAL_SLACK
    )
    data_dir: Annotated[Path, AfterValidator(values.absolute_path)] = _env(
        "AGENTS_DATA_DIR",
        "Folder of the SQLite ledger. Unset: this system's data folder for the user.",
        default_factory=values.default_data_dir,
    )
    database_url: Annotated[str, AfterValidator(values.database_url)] = _env(
        "DATABASE_URL",
        "postgresql://… when one machine is not enough. Unset: SQLite under AGENTS_DATA_DIR.",
        default_factory=lambda values: f"sqlite:///{values['data_dir'] / 'agents.db'}",
        repr=False,
    )
    cache_dir: str = _env(
        "AGENTS_CACHE_DIR", "Where the demo and the tests keep what they fetch. Unset: the user's cache folder."
    )
    retention: Annotated[Retention, BeforeValidator(values.retention)] = _env(
        "AGENTS_RETENTION",
        "Days for which words are kept, like texts=30 attachments=7 deliveries=3 ratings=90. Unset: docs/privacy.md.",
        Retention(),
    )
    queue: Annotated[QueueBounds, BeforeValidator(values.queue_bounds)] = _env(
        "AGENTS_QUEUE",
        "How many requests may wait to begin, like person=100 channel=500 all=5000 (the defaults).",
        QueueBounds(),
    )
    files: Annotated[FileBounds, BeforeValidator(values.file_bounds)] = _env(
        "AGENTS_FILES",
        "How many MB of files are kept, of a person and in a channel, like person=100 channel=500 (the defaults).",
        FileBounds(),
    )
    roster_path: Annotated[Path, AfterValidator(values.absolute_path)] = _env(
        "AGENTS_ROSTER", "Your own roster file. Unset: the shipped patterns/roster.yml.", SHIPPED_ROSTER
    )
    admins: Annotated[frozenset[str], BeforeValidator(values.listed)] = _env(
        "AGENTS_ADMINS",
        "Slack user ids that administer budgets besides workspace admins, comma separated; T…:U… in one workspace.",
        frozenset(),
    )
    timezone: Annotated[str, AfterValidator(values.timezone)] = _env(
        "AGENTS_TIMEZONE", "Zone in which months turn, such as Europe/Paris. Unset: the roster's."
    )
    model_fast: str = _env(
        "AGENTS_MODEL_FAST", "litellm name of the quick model (openai/gpt-5-mini). Unset: chosen from your keys."
    )
    model_strong: str = _env("AGENTS_MODEL_STRONG", "litellm name of the strong model. Unset: chosen from your keys.")
    log_level: Annotated[str, AfterValidator(values.log_level)] = _env(
        "AGENTS_LOG_LEVEL", "debug, info, warning or error. Message text never shows at the default, info.", "info"
    )
    eval_collect: Annotated[bool, BeforeValidator(values.switch("AGENTS_EVAL_COLLECT"))] = _env(
        "AGENTS_EVAL_COLLECT",
        "on lets `agents eval collect` make cases of what people rated. Unset: off.",
        default=False,
    )
    metrics_token: SecretStr = _env(
        "AGENTS_METRICS_TOKEN",
        "Whoever brings it may read /metrics (Prometheus), in HTTP mode and on HEALTH_PORT. Unset: nobody.",
        NO_SECRET,
    )
    mcp_tokens: Annotated[tuple[Grantee, ...], BeforeValidator(read_tokens)] = _env(
        "AGENTS_MCP_TOKENS",
        "HTTP mode: who may ask at /mcp, TOKEN=workspace/channel/person, comma separated. Unset: nobody.",
        (),
        repr=False,
    )
    telemetry: Annotated[Literal["off", "on", "texts"], BeforeValidator(values.telemetry)] = _env(
        "AGENTS_TELEMETRY",
        "OpenTelemetry: on, or texts to send prompts and answers too. To where: OTEL_EXPORTER_OTLP_ENDPOINT.",
        "off",
    )
    openai_api_key: SecretStr = _env("OPENAI_API_KEY", "Key of OpenAI.", NO_SECRET)
    openai_api_base: str = _env(
        "OPENAI_API_BASE", "Where every OpenAI model is reached instead, such as a gateway. Unset: OpenAI."
    )
    anthropic_api_key: SecretStr = _env("ANTHROPIC_API_KEY", "Key of Anthropic.", NO_SECRET)
    anthropic_api_base: str = _env(
        "ANTHROPIC_API_BASE", "Where every Anthropic model is reached instead. Unset: Anthropic."
    )
    gemini_api_key: SecretStr = _env("GEMINI_API_KEY", "Key of Google Gemini.", NO_SECRET)
    gemini_api_base: str = _env("GEMINI_API_BASE", "Where every Gemini model is reached instead. Unset: Google.")
    ollama_api_base: str = _env("OLLAMA_API_BASE", "Address of Ollama. Unset: its usual port on this machine is tried.")

    @property
    def is_sqlite(self) -> bool:
        """Return True for SQLite, the default: one file and one bot."""
        return self.database_url.startswith("sqlite:")

    @property
    def fernet_keys(self) -> tuple[str, ...]:
        """Return the keys of AGENTS_TOKEN_KEYS in the clear; the first encrypts, all of them decrypt."""
        return tuple(key.get_secret_value() for key in self.token_keys)

    @property
    def custom_slack_host(self) -> str:
        """Return the host of a Slack other than the real one; empty for the real one."""
        return "" if self.slack_api_url == REAL_SLACK else urlsplit(self.slack_api_url).netloc

    @property
    def is_multi_workspace(self) -> bool:
        """Return True when workspaces install the app themselves, each with its own token."""
        return bool(self.slack_client_id)

    def admits(self, *ids: str) -> bool:
        """Return True when a workspace, named by its id or its organisation's, may install the app here."""
        return not self.workspaces or not self.workspaces.isdisjoint(ids)


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, what it is for, and whether its value is secret."""

    name: str
    purpose: str
    secret: bool = False


def _is_secret(annotation: object) -> bool:
    return "SecretStr" in str(annotation) or "Grantee" in str(annotation)


VARIABLES = tuple(
    Variable(str(field.validation_alias), field.description or "", _is_secret(field.annotation))
    for field in Settings.model_fields.values()
    if field.validation_alias
)
"""Every variable, in the order in which a deployment is set up."""


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
    """Return the settings of an environment, by default of this process. An empty value counts as not set.

    Raises:
        UserError: a value that cannot be used, with the variable's name.
    """
    env = environment() if env is None else dict(env)
    given = {variable.name: env[variable.name] for variable in VARIABLES if env.get(variable.name)}
    return Settings.model_validate({**given, "env": env})


NEEDS_HTTP = "SLACK_CLIENT_ID needs HTTP mode, because people install the app in a browser: set PORT or give --port."


def setup_mistakes(settings: Settings) -> list[str]:
    """Return what does not fit together in a multi-workspace setup, one sentence each."""
    mistakes = []
    if settings.is_multi_workspace and settings.slack_bot_token:
        mistakes.append(
            "SLACK_BOT_TOKEN and SLACK_CLIENT_ID are both set: keep one, the second for several workspaces."
        )
    if settings.is_multi_workspace != bool(settings.slack_client_secret):
        mistakes.append(
            "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET go together: set both (Basic Information of the app) or neither."
        )
    if settings.is_multi_workspace and not settings.token_keys:
        mistakes.append(
            "AGENTS_TOKEN_KEYS must be set beside SLACK_CLIENT_ID, because installed tokens are kept encrypted:"
            " `agents installations key` makes a key."
        )
    unplaced = sorted(entry for entry in settings.admins if ":" not in entry)
    if settings.is_multi_workspace and unplaced:
        mistakes.append(
            f"AGENTS_ADMINS must say in which workspace {', '.join(unplaced)} administers:"
            f" write T012ABCDEF:{unplaced[0]}."
        )
    return mistakes
