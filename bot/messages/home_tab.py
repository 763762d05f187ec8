"""The App Home tab: how to begin, pending decisions, one's own spending and limits; for admins the budgets.

Text of people and models is shown as plain_text objects, in which Slack interprets nothing.
"""

from typing import Any

from bot.messages.action_ids import CHANNEL_ENABLE, HOME_BUDGET, HOME_SETTINGS, OPEN_ASK_MODAL, OWN_WORDS
from bot.messages.budget_text import books_sections
from bot.messages.budget_views import BookLine, BooksView
from bot.messages.home_views import HomeView
from bot.messages.list_views import RunsView
from bot.messages.mrkdwn import clip, literal
from bot.messages.request_form import plain
from bot.messages.run_text import STATE_WORDS
from patterns.core.money import format_left, format_spent, format_usd

BLOCKS_MAX = 100
SECTION_CHARS = 2_900
REQUEST_CHARS = 300
CHANNELS_SHOWN = 10
_BEGIN = (
    "In a channel: /agents compare SQLite and PostgreSQL for our event log",
    "You choose the flow: /agents use decide: move the launch to May?",
    "In a thread: @agents and your request. Here: just write. All of it: /agents help",
)
_ADMIN = "In each channel, /agents budget and /agents settings do the same; /agents budget all has every channel."


def home_tab(view: HomeView) -> dict[str, Any]:
    """Return the home tab as Slack's view payload."""
    blocks = [
        _header("Agents for Slack"),
        *map(_text, _BEGIN),
        {"type": "actions", "elements": [_button("Ask the agents", OPEN_ASK_MODAL) | {"style": "primary"}]},
        *_waiting(view),
        _header("This month"),
        *_money(view),
        _header("Your recent requests"),
        *_runs(view.runs),
        _OWN,
        *_admin(view.books),
    ]
    return {"type": "home", "blocks": blocks[:BLOCKS_MAX]}


def closed_home(why: str) -> dict[str, Any]:
    """Return the home of somebody who may not ask: why, and their own words, which are theirs anyway."""
    return {"type": "home", "blocks": [_header("Agents for Slack"), _text(why), _OWN]}


def _waiting(view: HomeView) -> list[dict[str, Any]]:
    lines = [block for one in view.waiting for block in _item(one.request, one.what, one.link, "Decide")]
    return [_header("Waiting for you"), *lines] if lines else []


def _money(view: HomeView) -> list[dict[str, Any]]:
    play = " Play money." if view.balances.play_money else ""
    spent = f"You spent {format_spent(view.spent_nusd)}, channels and direct messages together.{play}"
    left = [
        f"{b.name}: {format_left(b.free_nusd)} left of {format_usd(b.limit_nusd)}, resets {b.resets_on}"
        for b in view.balances.balances
    ]
    return [_text(line) for line in (spent, *left)]


def _runs(runs: RunsView) -> list[dict[str, Any]]:
    lines = [
        block
        for run in runs.runs
        for block in _item(
            run.request, f"{STATE_WORDS[run.state]} · {format_usd(run.cost_nusd)} · {run.when}", run.link, "Open"
        )
    ]
    return lines or [_text("None yet.")]


def _admin(books: BooksView | None) -> list[dict[str, Any]]:
    if books is None:
        return []
    texts = [{"type": "mrkdwn", "text": clip(part, SECTION_CHARS)} for part in books_sections(books)]
    named = [line for line in books.lines if line.channel]
    channels = sorted(named, key=lambda line: not line.is_new)[:CHANNELS_SHOWN]
    buttons = [
        {
            "type": "actions",
            "elements": [
                *_enable(line),
                _button(f"Limits of {line.name}", HOME_BUDGET) | {"value": line.channel},
                _button(f"Settings of {line.name}", HOME_SETTINGS) | {"value": line.channel},
            ],
        }
        for line in channels
    ]
    sections = [{"type": "section", "text": text} for text in texts]
    return [{"type": "divider"}, *sections, *buttons, {"type": "context", "elements": [plain(_ADMIN)]}]


def _enable(line: BookLine) -> list[dict[str, Any]]:
    if not line.is_new:
        return []
    return [_button(f"Enable {line.name}", CHANNEL_ENABLE) | {"value": line.channel, "style": "primary"}]


def _item(request: str, said: str, link: str, label: str) -> list[dict[str, Any]]:
    """Return the blocks of a request with its state and a link to its thread."""
    way = {"accessory": _button(label, f"open_{label.lower()}") | {"url": link}} if link else {}
    short = clip(" ".join(request.split()), REQUEST_CHARS)
    return [_text(short) | way, {"type": "context", "elements": [plain(said)]}]


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": plain(text)}


def _text(text: str) -> dict[str, Any]:
    return {"type": "section", "text": plain(clip(literal(text), SECTION_CHARS))}


def _button(text: str, action_id: str) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain(clip(literal(text), 75))}


_OWN = {"type": "actions", "elements": [_button("What I store about you", OWN_WORDS)]}
