"""The demo's `#tour`: a second bot with its own ledger whose model recites, to show what a good one is like.

Everything but the texts is real: the same patterns, prices, holds, cards and refusals.
"""

import contextlib
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.app import Bot, open_bot
from bot.demo.local_slack import TOUR
from bot.demo.scripted_model import scripted_model
from bot.demo.tour_script import TourScript, read_tour
from bot.messages.mrkdwn import escape
from bot.people.channel_rules import StoredRules
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import read_roster
from bot.runs.engine import Engine
from bot.runs.model_selection import PLAY_PRICE, ModelChoice
from bot.settings import Settings
from patterns.core.tools import ToolError
from storage.channels import ChannelSettings

BUDGET_NUSD = 40_000_000
"""Four cents a month: enough for four of the stops, and by design not for the fifth."""
SHOP = Path(__file__).with_name("shop")
_MODEL = "openai/scripted"


@asynccontextmanager
async def open_tour(demo: Settings, *, pace: float = 1.0) -> AsyncIterator[Bot]:
    """Open the tour's bot, with its list posted in the channel. `demo` are the settings of the bot beside it."""
    script = read_tour()
    folder = demo.data_dir / "tour"
    settings = demo.model_copy(
        update={
            "data_dir": folder,
            "database_url": f"sqlite:///{folder / 'agents.db'}",
            "roster_path": SHOP / "roster.yml",
            "env": _shop(folder),  # neither keys nor models of the real world
        }
    )
    async with AsyncExitStack() as stack:
        prompts = read_roster(settings, None).prompts
        api_base = await stack.enter_async_context(scripted_model(script, prompts, pace=pace))
        choice = ModelChoice("A script", _MODEL, _MODEL, api_base=api_base, price=PLAY_PRICE, script=script)
        engine = await stack.enter_async_context(open_engine(settings, choice, month_cap_nusd=BUDGET_NUSD))
        bot = await stack.enter_async_context(open_bot(engine))
        await _switch_tools_on(engine, bot.slack_app.client)
        await _post_list(bot.slack_app.client, script)
        yield bot


def _shop(folder: Path) -> dict[str, str]:
    """Return what the roster has to know of this machine to start the shop's server."""
    state = folder.resolve() / "shop.json"
    return {"SHOP_PYTHON": sys.executable, "SHOP_SERVER": str(SHOP / "server.py"), "SHOP_STATE": str(state)}


async def start_shop(tour: Bot) -> None:
    """Start the shop's server before somebody asks; one that does not start says why when it is used."""
    roster, servers = tour.engine.roster, tour.engine.tools.servers
    with contextlib.suppress(ToolError):
        await servers.toolbox(roster.servers).listed("shop")


async def _switch_tools_on(engine: Engine, client: AsyncWebClient) -> None:
    """Switch the shop's tools on in the channel, as an admin does with `/agents tools`, with an entry in the log."""
    own = frozenset(spec.name for spec in engine.roster.tools.values() if spec.server == "shop")
    rules, team = StoredRules(ChannelSettings(engine.db, engine.clock)), str((await client.auth_test())["team_id"])
    await rules.change_rules(lambda now: replace(now, tools=own), workspace=team, channel=TOUR, actor="agents")


async def _post_list(client: AsyncWebClient, script: TourScript) -> None:
    head = (
        "*The tour: what it is like with a good model.* Scripted: no AI ran, play money; everything but the words is "
        "real. Copy a line and send it:"
    )
    stops = [f"*{number}. {stop.title}*\n`{escape(stop.command)}`" for number, stop in enumerate(script.stops, 1)]
    tail = (
        "The fourth works on a small shop that runs on this machine: what you approve there is really done, once. "
        "Deny the refund first if you like, then ask again and approve: each start of the demo begins afresh. The "
        "fifth is refused, because this channel has four cents a month. Only what the next calls can cost must be "
        "free, not the most of the whole run. Act as Dana, who looks after the budget, type `/agents budget set 1`, "
        "and ask again as Ada. Your own requests belong in #try-it."
    )
    for text in (head, *stops, tail):
        await client.chat_postMessage(channel=TOUR, text=text)


@asynccontextmanager
async def listen_beside(bot: Bot, tour: Bot, settings: Settings) -> AsyncIterator[None]:
    """Open one connection for both bots: what happens in #tour is the tour's."""
    handler = _Doorman(bot, tour, settings)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    for one in (bot, tour):
        one.connected.set()
    try:
        yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


class _Doorman(AsyncSocketModeHandler):
    def __init__(self, bot: Bot, tour: Bot, settings: Settings) -> None:
        client = AsyncWebClient(token=settings.slack_app_token.get_secret_value(), base_url=settings.slack_api_url)
        super().__init__(bot.slack_app, settings.slack_app_token.get_secret_value(), web_client=client)
        self._tour = tour.slack_app

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        started_s = time.time()
        app = self._tour if channel_of(req.payload) == TOUR else self.app
        await send_async_response(client, req, await run_async_bolt_app(app, req), started_s)


def channel_of(payload: Mapping[str, Any]) -> str:
    """Return the channel of a payload; empty for one without. Our forms keep theirs in their metadata."""
    event, view = payload.get("event") or {}, payload.get("view") or {}
    if TOUR in str(view.get("private_metadata")):
        return TOUR
    places = (
        payload.get("channel_id"),
        (payload.get("channel") or {}).get("id"),
        (payload.get("container") or {}).get("channel_id"),
        event.get("channel"),
        (event.get("item") or {}).get("channel"),
    )
    return next((str(place) for place in places if place), "")
