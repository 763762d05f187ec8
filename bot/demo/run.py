"""`agents demo`: a local Slack in the browser, a model, a ledger and the bot, all on this machine."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import click
from pydantic import SecretStr

from bot.app import GRACE_S, open_bot
from bot.demo.local_slack import APP_TOKEN, BOT_TOKEN, DANA, SIGNING_SECRET, LocalSlack
from bot.demo.once import once as run_once
from bot.demo.tiny_model import TinyModel, with_tiny_roster
from bot.demo.tour import listen_beside, open_tour, start_shop
from bot.demo.welcome import post_welcome, printed
from bot.logs import configure_logs
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import read_roster
from bot.runs.model_selection import ModelChoice, needs_choice, ollama_choice, provider_choice, tiny_choice
from bot.serve import listen, stop_on_signals
from bot.settings import Settings, read_settings
from patterns.core.money import NUSD_PER_USD

REAL_MONEY_CAP_NUSD = 1 * NUSD_PER_USD
HOME_NOTE = "#tour keeps books of its own; this page shows #try-it, #general and direct messages."


async def demo(*, port: int, once: str | None, roster: Path | None = None) -> int:
    """Start everything; with `once`, send that request, print its thread and say by the exit code how it went."""
    outside = read_settings()
    if roster is not None:
        outside = outside.model_copy(update={"roster_path": roster})
    needs_model = needs_choice(read_roster(outside, None).models)  # its mistakes are told before anything is fetched
    folder = outside.data_dir / "demo"
    # Every demo begins afresh, because its Slack forgets everything as well.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        configure_logs(outside.log_level, stream=stack.enter_context((folder / "bot.log").open("w", encoding="utf-8")))
        choice = await _model(stack, outside, folder) if needs_model else None
        slack = await stack.enter_async_context(LocalSlack(env=outside.env, folder=folder, port=0 if once else port))
        settings = with_tiny_roster(_inside(outside, slack, folder), choice)
        cap_nusd = None if choice is not None and choice.is_play_money else REAL_MONEY_CAP_NUSD
        engine = await stack.enter_async_context(open_engine(settings, choice, month_cap_nusd=cap_nusd))
        bot = await stack.enter_async_context(open_bot(engine, home_note=HOME_NOTE))
        if once:
            await stack.enter_async_context(listen(bot, settings, port=None))
            return await run_once(slack, bot, once)
        tour = await stack.enter_async_context(open_tour(settings))
        await post_welcome(bot.slack_app.client, engine.roster, choice)
        await stack.enter_async_context(listen_beside(bot, tour, settings))
        click.echo(printed(slack, choice, folder, cap_nusd=cap_nusd), nl=False)
        starting = asyncio.create_task(start_shop(tour))
        await stop.wait()
        starting.cancel()
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
