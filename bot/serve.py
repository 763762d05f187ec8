"""`agents run`, `web` and `worker`: the bot over Socket Mode or HTTP, from the first check to the drained exit."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping

import structlog
from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from bot.app import CONCURRENCY, GRACE_S, LATE_REQUESTS_S, Bot, open_bot
from bot.instance_lock import single_instance_lock
from bot.logs import configure_logs
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.settings import NEEDS_HTTP, VARIABLES, Settings, read_settings, setup_mistakes
from patterns.core.errors import UserError

log = structlog.get_logger()


async def serve(*, port: int | None, host: str | None = None) -> int:
    """Run until SIGTERM or Ctrl-C and return the exit code; a second signal exits at once."""
    settings = _at(host)
    port = settings.port if port is None else port
    check_tokens(settings, port=port)
    with contextlib.ExitStack() as stack:
        if settings.is_sqlite:
            stack.enter_context(single_instance_lock(settings))
        return await _run(settings, port=port, receives=True, concurrency=CONCURRENCY)


async def web(*, port: int | None, host: str | None = None) -> int:
    """Receive what Slack sends; workers execute it. Return the exit code. Runs behind a load balancer."""
    settings = _at(host)
    _check_shared(settings)
    port = settings.port if port is None else port
    check_tokens(settings, port=port)
    return await _run(settings, port=port, receives=True, concurrency=0)


async def worker(*, concurrency: int) -> int:
    """Execute runs that others accept, `concurrency` at once. Return the exit code."""
    settings = read_settings()
    _check_shared(settings)
    _check_set(_slack_tokens(settings))
    return await _run(settings, port=None, receives=False, concurrency=concurrency)


def _at(host: str | None) -> Settings:
    """Return the settings of the environment, with another address to listen on if one is given."""
    settings = read_settings()
    return settings if host is None else settings.model_copy(update={"host": host})


def _check_shared(settings: Settings) -> None:
    if settings.is_sqlite:
        raise UserError(
            "Several processes need PostgreSQL: set DATABASE_URL to postgresql://…, or start the bot with `agents run`."
        )


async def _run(settings: Settings, *, port: int | None, receives: bool, concurrency: int) -> int:
    secrets = [
        settings.env[variable.name] for variable in VARIABLES if variable.secret and variable.name in settings.env
    ]
    configure_logs(
        settings.log_level,
        secrets=[*secrets, *settings.fernet_keys, *(one.token.get_secret_value() for one in settings.mcp_tokens)],
        stream=sys.stdout,
    )
    stop, is_ready = stop_on_signals(), asyncio.Event()
    serving = asyncio.create_task(
        _serve(settings, stop, is_ready, port=port, receives=receives, concurrency=concurrency), name="serving"
    )
    stopping = asyncio.create_task(stop.wait(), name="told to leave")
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done() and not is_ready.is_set():
        log.info("stopped_before_ready")
        serving.cancel()
        await asyncio.wait({serving})
        if serving.cancelled():
            return 0
    await serving
    return 0


async def _serve(
    settings: Settings,
    stop: asyncio.Event,
    is_ready: asyncio.Event,
    *,
    port: int | None,
    receives: bool,
    concurrency: int,
) -> None:
    """Open the bot, serve until `stop` is set, drain."""
    async with (
        open_engine(settings, await choose_models(settings)) as engine,
        open_bot(engine, concurrency=concurrency) as bot,
    ):
        async with listen(bot, settings, port=port) if receives else _health(bot, settings):
            mode = "worker" if not receives else "socket" if port is None else "http"
            log.info("ready", mode=mode, database=engine.db.dialect)
            is_ready.set()
            bot.connected.set()
            await _until(stop, bot.loading)
            log.info("draining", grace_s=GRACE_S)
            await bot.drain(GRACE_S)
        # Payloads of the last moment have been acknowledged and must be finished.
        await bot.background.drain(LATE_REQUESTS_S)


async def _until(stop: asyncio.Event, loading: asyncio.Task[None]) -> None:
    """Wait for `stop`; raise what keeps the models from being loaded, because no request could be answered then."""
    stopping = asyncio.create_task(stop.wait(), name="until told to leave")
    try:
        await asyncio.wait({stopping, loading}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            loading.result()
        await stopping
    finally:
        stopping.cancel()


def check_tokens(settings: Settings, *, port: int | None) -> None:
    """Check that the tokens of this mode are set; raise UserError naming every missing one."""
    needed = _slack_tokens(settings)
    if settings.is_multi_workspace and port is None:
        raise UserError(NEEDS_HTTP)
    if port is None:
        needed["SLACK_APP_TOKEN"] = settings.slack_app_token
    else:
        needed["SLACK_SIGNING_SECRET"] = settings.slack_signing_secret
    _check_set(needed)


def _slack_tokens(settings: Settings) -> dict[str, SecretStr]:
    """Return the variables needed to speak in one workspace or in many; raise UserError when both are set."""
    if mistakes := setup_mistakes(settings):
        raise UserError(" ".join(mistakes))
    return {} if settings.is_multi_workspace else {"SLACK_BOT_TOKEN": settings.slack_bot_token}


def _check_set(needed: Mapping[str, SecretStr]) -> None:
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} must be set. docs/install.md shows where to find them; `agents demo` needs none."
        )


def stop_on_signals() -> asyncio.Event:
    """Return an event that the first SIGTERM or SIGINT sets; the second one ends the process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def leave() -> None:
        if stop.is_set():
            for name in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(name)
            # Nothing is lost: interrupted runs are resumed at the next start.
            signal.raise_signal(signal.SIGKILL)
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, leave)
    return stop


@contextlib.asynccontextmanager
async def listen(bot: Bot, settings: Settings, *, port: int | None) -> AsyncIterator[None]:
    """Receive what Slack sends while the block runs, over Socket Mode or HTTP."""
    if port is None:
        async with _socket_mode(bot.slack_app, settings) as client, _health(bot, settings, client):
            bot.connected.set()
            yield
    else:
        from bot.http_server import http_server  # noqa: PLC0415 - Socket Mode does without uvicorn and Starlette

        _check_set({"SLACK_SIGNING_SECRET": settings.slack_signing_secret})  # whoever knows an empty one could sign
        async with http_server(bot, settings, port), _health(bot, settings):
            bot.connected.set()
            yield


@contextlib.asynccontextmanager
async def _health(bot: Bot, settings: Settings, client: SocketModeClient | None = None) -> AsyncIterator[None]:
    """Answer `/livez` and `/readyz` on a port of their own while the block runs, where one is set."""
    if settings.health_port is None:
        yield
        return
    from bot.health_server import health_pages, health_server  # noqa: PLC0415 - most do without uvicorn and Starlette

    pages = health_pages(bot, None if client is None else client.is_connected)
    async with health_server(pages, settings, settings.health_port):
        yield


@contextlib.asynccontextmanager
async def _socket_mode(slack_app: AsyncApp, settings: Settings) -> AsyncIterator[SocketModeClient]:
    """Connect to Slack while the block runs; yields the client, which connects again by itself."""
    client = AsyncWebClient(token=settings.slack_app_token.get_secret_value(), base_url=settings.slack_api_url)
    handler = AsyncSocketModeHandler(slack_app, settings.slack_app_token.get_secret_value(), web_client=client)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        yield handler.client
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
