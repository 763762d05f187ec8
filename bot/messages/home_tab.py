"""The App Home tab: pending decisions, how to begin, one's own requests, limits, month and settings; then the admins'.

Text of people and models is shown as plain_text objects, in which Slack interprets nothing.
"""

from typing import Any

from bot.messages.action_ids import MENTION_ME, OPEN_ASK_MODAL, OWN_WORDS
from bot.messages.bars import bar, week_bars
from bot.messages.flow_text import example_of
from bot.messages.home_admin import admin_blocks
from bot.messages.home_blocks import button, fine_print, header, line
from bot.messages.home_views import HomeView, OwnMonth, WaitingLine
from bot.messages.list_views import FlowLine, RunLine, RunsView
from bot.messages.mrkdwn import clip
from bot.messages.run_text import STATE_WORDS, dry_label, left
from bot.messages.views import BalanceView
from patterns.core.money import format_usd

BLOCKS_MAX = 100
REQUEST_CHARS = 300
_CHANNEL = "In a channel: /agents compare SQLite and PostgreSQL for our event log"
_ELSEWHERE = "In a thread: @agents and your request. In Messages: just write. All of it: /agents help"
_MENTION = "You are mentioned once when an answer took over a minute, in threads that a command opened: {state}."
_MENTION_WHY = "Where you wrote a message, Slack tells you of the reply by itself."


def home_tab(view: HomeView, *, example: FlowLine | None) -> dict[str, Any]:
    """Return the home tab as Slack's view payload; `example` is a flow of the roster to choose."""
    blocks = [
        *_waiting(view),
        header("Ask"),
        line(_CHANNEL),
        *([line(f"You choose the flow: /agents {example_of(example)}")] if example else []),
        line(_ELSEWHERE),
        {"type": "actions", "elements": [button("Ask the agents", OPEN_ASK_MODAL) | {"style": "primary"}]},
        *([fine_print(view.note)] if view.note else []),
        header("Your recent requests"),
        *_runs(view.runs),
        header("What is left where you ask"),
        *[_balance(one) for one in view.balances.balances],
        header(f"Your {view.month.name}"),
        *_month(view.month, play_money=view.balances.play_money),
        *_settings(is_mentioned=view.is_mentioned),
        *(admin_blocks(view.admin) if view.admin else []),
    ]
    return {"type": "home", "blocks": blocks[:BLOCKS_MAX]}


def closed_home(why: str, *, is_mentioned: bool = True) -> dict[str, Any]:
    """Return the home of somebody who may not ask directly: why, their own settings and words, and nothing else."""
    return {"type": "home", "blocks": [header("Agents for Slack"), line(why), *_settings(is_mentioned=is_mentioned)]}


def _waiting(view: HomeView) -> list[dict[str, Any]]:
    lines = [block for one in view.waiting for block in _item(one.request, _what(one), one.link, "Decide")]
    return [header("Waiting for you"), *lines] if lines else []


def _runs(runs: RunsView) -> list[dict[str, Any]]:
    lines = [block for run in runs.runs for block in _item(run.request, " · ".join(_facts(run)), run.link, "Open")]
    return lines or [line("None yet.")]


def _what(one: WaitingLine) -> str:
    return f"Dry run. {one.what}" if one.dry else one.what


def _facts(run: RunLine) -> list[str]:
    return [STATE_WORDS[run.state], *filter(None, [dry_label(dry=run.dry)]), format_usd(run.cost_nusd), run.when]


def _balance(one: BalanceView) -> dict[str, Any]:
    """Return what is left of an account, in words and as a bar."""
    rest = bar(one.free_nusd, one.limit_nusd)
    said = f"{one.name}: {left(one)} left of {format_usd(one.limit_nusd)}, resets {one.resets_on}"
    return line(f"{rest}  {said}")


def _month(month: OwnMonth, *, play_money: bool) -> list[dict[str, Any]]:
    play = " Play money." if play_money else ""
    said = f"You spent {format_usd(month.spent_nusd)}, channels and direct messages together.{play}"
    bars = week_bars(month.days, month.name[:3]) if month.spent_nusd else []
    return [line(said), *map(line, bars)]


def _settings(*, is_mentioned: bool) -> list[dict[str, Any]]:
    switch = button("Switch off", MENTION_ME) | {"value": "off"}
    if not is_mentioned:
        switch = button("Switch on", MENTION_ME) | {"value": "on"}
    return [
        header("Your settings"),
        line(_MENTION.format(state="on" if is_mentioned else "off")) | {"accessory": switch},
        fine_print(_MENTION_WHY),
        {"type": "actions", "elements": [button("What you store about me", OWN_WORDS)]},
    ]


def _item(request: str, said: str, link: str, label: str) -> list[dict[str, Any]]:
    """Return the blocks of a request with its state and a link to its thread."""
    way = {"accessory": button(label, f"open_{label.lower()}") | {"url": link}} if link else {}
    short = clip(" ".join(request.split()), REQUEST_CHARS)
    return [line(short) | way, fine_print(said)]
