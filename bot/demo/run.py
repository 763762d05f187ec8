"""`agents demo`: a local Slack in the browser, a model, a ledger and the bot, all on this machine."""

import asyncio
import contextlib
import re
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import click
from pydantic import SecretStr

from bot.app import GRACE_S, Bot, open_bot
from bot.demo.local_slack import ADA, APP_TOKEN, BOT_TOKEN, DANA, SIGNING_SECRET, TEAM, LocalSlack
from bot.demo.tiny_model import TinyModel
from bot.demo.tour import listen_beside, open_tour
from bot.logs import configure_logs
from bot.messages.action_ids import RUN_CONFIRM
from bot.runs.bootstrap import open_engine
from bot.runs.engine import Engine
from bot.runs.model_selection import ModelChoice, ollama_choice, provider_choice, tiny_choice
from bot.serve import listen, stop_on_signals
from bot.settings import Settings, read_settings
from patterns.core.money import NUSD_PER_USD, format_usd

REAL_MONEY_CAP_NUSD = 1 * NUSD_PER_USD
ONCE_MARGIN_S = 60.0
_POLL_S = 0.3
_LAST_EDITS_S = 5.0
_FOOTER = re.compile(r"\$[\d.,]+ · [^·\n]+ · \d+ agents? · \$[\d.,]+ left")


async def demo(*, port: int, once: str | None) -> int:
    """Start everything; with `once`, send that request, print its thread and return 0 for an answer."""
    outside = read_settings()
    folder = outside.data_dir / "demo"
    # Every demo starts afresh, because its Slack forgets everything as well.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        configure_logs(outside.log_level, stream=stack.enter_context((folder / "bot.log").open("w", encoding="utf-8")))
        choice = await _model(stack, outside, folder)
        slack = await stack.enter_async_context(LocalSlack(env=outside.env, folder=folder, port=0 if once else port))
        settings = _inside(outside, slack, folder)
        cap_nusd = None if choice.is_play_money else REAL_MONEY_CAP_NUSD
        engine = await stack.enter_async_context(open_engine(settings, choice, month_cap_nusd=cap_nusd))
        bot = await stack.enter_async_context(open_bot(engine))
        if once:
            await stack.enter_async_context(listen(bot, settings, port=None))
            return await _once(slack, bot, once)
        tour = await stack.enter_async_context(open_tour(settings))
        await stack.enter_async_context(listen_beside(bot, tour, settings))
        _welcome(slack, choice, folder)
        await stop.wait()
        await asyncio.gather(bot.drain(GRACE_S), tour.drain(GRACE_S))
        return 0


async def _model(stack: AsyncExitStack, settings: Settings, folder: Path) -> ModelChoice:
    choice = provider_choice(settings.env) or await ollama_choice(settings.env, play_money=True)
    if choice is not None:
        return choice
    click.echo("No key and no Ollama: starting the tiny model (the first time it is fetched, about 130 MB) …", err=True)
    tiny = await stack.enter_async_context(TinyModel(env=settings.env, folder=folder))
    return tiny_choice(tiny.api_base)


def _inside(outside: Settings, slack: LocalSlack, folder: Path) -> Settings:
    """Return the demo's own settings: its own ledger and nothing of a real workspace."""
    return outside.model_copy(
        update={
            "data_dir": folder,
            "database_url": f"sqlite:///{folder / 'agents.db'}",
            "slack_bot_token": SecretStr(BOT_TOKEN),
            "slack_app_token": SecretStr(APP_TOKEN),
            "slack_signing_secret": SecretStr(SIGNING_SECRET),
            "slack_api_url": slack.api_url,
            "admins": frozenset({DANA}),
            "port": None,
        }
    )


def _welcome(slack: LocalSlack, choice: ModelChoice, folder: Path) -> None:
    money = (
        "The money is play money."
        if choice.is_play_money
        else f"This spends real money with your key: each channel stops at {format_usd(REAL_MONEY_CAP_NUSD)}."
    )
    network = (
        "Only this machine can reach the page."
        if slack.is_isolated
        else "This system would not let me keep the page off your network: others there can open it."
    )
    click.echo(
        f"\n  Open {slack.url} and type in #try-it:\n\n"
        "    /agents use decide: should a small team use SQLite or PostgreSQL for its event log?\n\n"
        f"  {choice.note}. {money}\n  {network}\n"
        "  What it is like with a good model is in #tour: four requests to copy, with answers written beforehand.\n"
        f"  Ledger and logs: {folder}. Ctrl-C ends everything.\n"
    )


async def _once(slack: LocalSlack, bot: Bot, request: str) -> int:
    """Return 0 when an answer with its footer is in the thread, 1 otherwise."""
    engine = bot.engine
    await slack.command(request)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(engine.roster.limits.run_s + ONCE_MARGIN_S):
            while not await _is_over(slack, engine):
                await engine.clock.sleep(_POLL_S)
    # The last edits follow the answer.
    await bot.drain(_LAST_EDITS_S)
    messages = await slack.messages()
    for message in messages:
        is_reply = message.get("thread_ts") not in (None, message["ts"])
        text = str(message.get("text") or "")
        click.echo("".join(f"{'  ' if is_reply else ''}{line}\n" for line in text.splitlines()))
    if any(_FOOTER.search(str(message.get("text"))) for message in messages):
        return 0
    click.echo("agents: no answer with a footer came; the thread above says why.", err=True)
    return 1


async def _is_over(slack: LocalSlack, engine: Engine) -> bool:
    """Return True when nothing more will come. A price question is answered with yes, as the demo's user would."""
    runs = await engine.store.recent(TEAM, ADA, most=1)
    if not runs:
        return any(message.get("subtype") == "ephemeral" for message in await slack.messages())
    for message in await slack.messages():
        if runs[0].status == "parked":
            with contextlib.suppress(KeyError):
                await slack.click(message, RUN_CONFIRM)
    return runs[0].status == "done" and not await engine.store.undelivered_ids()
