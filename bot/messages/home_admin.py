"""The admins' part of the App Home tab: what is set up, every budget, and the buttons of each channel."""

from typing import Any

from bot.messages.action_ids import CHANNEL_ENABLE, HOME_BUDGET, HOME_SETTINGS, TEST_REQUEST
from bot.messages.budget_text import books_sections
from bot.messages.budget_views import BookLine, BooksView
from bot.messages.home_blocks import SECTION_CHARS, button, fine_print, header, line
from bot.messages.home_views import AdminView
from bot.messages.mrkdwn import clip

CHANNELS_SHOWN = 10
_CHANNELS = "In each channel, /agents budget and /agents settings do the same; /agents budget all has every channel."
_TEST = "One short question in our direct messages, paid like every other; its answer shows that all of it works."


def admin_blocks(view: AdminView) -> list[dict[str, Any]]:
    """Return the blocks that only admins get."""
    test = button("Send a test request", TEST_REQUEST) | {"value": "test"}
    return [
        {"type": "divider"},
        header("For admins: what is set up"),
        *[line(f"{'✅' if check.is_fine else '⚠️'} {check.text}") for check in view.checks],
        {"type": "actions", "elements": [test]},
        fine_print(_TEST),
        header("For admins: every budget"),
        *_books(view.books),
        fine_print(_CHANNELS),
    ]


def _books(books: BooksView) -> list[dict[str, Any]]:
    sections = [
        {"type": "section", "text": {"type": "mrkdwn", "text": clip(part, SECTION_CHARS)}}
        for part in books_sections(books)
    ]
    named = [one for one in books.lines if one.channel]
    channels = sorted(named, key=lambda one: not one.is_new)[:CHANNELS_SHOWN]
    return [*sections, *map(_channel, channels)]


def _channel(book: BookLine) -> dict[str, Any]:
    enable = button(f"Enable {book.name}", CHANNEL_ENABLE) | {"value": book.channel, "style": "primary"}
    return {
        "type": "actions",
        "elements": [
            *([enable] if book.is_new else []),
            button(f"Limits of {book.name}", HOME_BUDGET) | {"value": book.channel},
            button(f"Settings of {book.name}", HOME_SETTINGS) | {"value": book.channel},
        ],
    }
