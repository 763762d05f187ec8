"""What is stored about a person, as they see it in the App Home: a list, a download, a way to erase it."""

from dataclasses import dataclass
from typing import Any

from bot.messages.action_ids import OWN_WORDS_DOWNLOAD, OWN_WORDS_ERASE
from bot.messages.mrkdwn import literal
from bot.messages.request_form import plain
from bot.messages.run_text import count


@dataclass(frozen=True, slots=True)
class OwnWords:
    """How much of a person is stored, by kind. `texts` are requests, answers and what agents wrote for them.

    `rules` says what is kept of anybody, where it goes, and for how long.
    """

    requests: int
    texts: int
    attachments: int
    decisions: int
    ratings: int
    deliveries: int
    settings: int = 0
    rules: str = ""


def own_words_view(stored: OwnWords) -> dict[str, Any]:
    """Return the view with the list and its two buttons."""
    lines = (
        f"{count(stored.requests, 'request')}: where, when and what it cost. These figures stay.",
        f"{count(stored.texts, 'text')}: your requests, their answers and what agents wrote on the way.",
        f"{count(stored.attachments, 'reading')} of threads and files that came with them.",
        f"{count(stored.decisions, 'decision')} that you made on drafts and prices.",
        f"{count(stored.ratings, 'rating')} of answers.",
        f"{count(stored.deliveries, 'message')} of Slack's as they came, kept for some days.",
        f"{count(stored.settings, 'setting')} that you changed in my home.",
    )
    sure = {
        "title": plain("Erase all of it?"),
        "text": plain(
            "Your texts, readings, decisions, ratings and settings go for good, and your threads no longer know what"
            " was said. What it cost stays, without text. Messages in Slack stay."
        ),
        "confirm": plain("Erase"),
        "deny": plain("Keep"),
        "style": "danger",
    }
    buttons = [
        _button("Send me a copy", OWN_WORDS_DOWNLOAD),
        {**_button("Erase my words", OWN_WORDS_ERASE), "style": "danger", "confirm": sure},
    ]
    rules = (stored.rules,) if stored.rules else ()
    sections = [{"type": "section", "text": plain(literal(line))} for line in (*rules, "Stored about you:", *lines)]
    return {
        "type": "modal",
        "callback_id": "own_words",
        "title": plain("What I store about you"),
        "close": plain("Close"),
        "blocks": [*sections, {"type": "actions", "elements": buttons}],
    }


def _button(text: str, action_id: str) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain(text)}
