"""A run as one page that needs nothing else: a waterfall of time, money and tokens, steps to open, and no script.

Every text is escaped by the template and freed of characters that steer; the page's own policy forbids scripts,
pictures, forms and every address.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.messages import story_text
from bot.messages.markdown_html import blocks
from bot.messages.mrkdwn import clean, unescape
from bot.messages.run_text import STATE_WORDS, duration
from bot.messages.story_amounts import Amounts
from bot.messages.story_views import DecisionLine, StepLine, StoryView
from patterns.core.money import format_usd

TICKS = 4


def trace_page(view: StoryView) -> str:
    """Return the page as HTML."""
    return _template().render(view=view, words=_Words)


@cache
def _template() -> Template:
    folder = Path(__file__).resolve().parents[2] / "templates" / "pages"
    pages = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    pages.filters["clean"] = clean
    return pages.get_template("trace.html.j2")


def _plain(text: str) -> str:
    """Return one of our sentences without Slack's escapes and signs."""
    return unescape(text).replace("`", "")


class _Words:
    """What the template says and measures."""

    amounts = staticmethod(Amounts)
    attempts = staticmethod(lambda amounts, line: zip(line.attempts, amounts.attempts(line), strict=True))
    blocks = staticmethod(blocks)

    @staticmethod
    def title(view: StoryView) -> str:
        state = STATE_WORDS[view.state].partition(" ")[2]
        return f"{state[:1].upper()}{state[1:]} · {format_usd(view.cost_nusd)}"

    @staticmethod
    def why(view: StoryView) -> str:
        return _plain(story_text.why(view))

    @staticmethod
    def totals(view: StoryView) -> list[str]:
        return _plain(story_text.totals(view)).splitlines()

    @staticmethod
    def legend(view: StoryView) -> str:
        return _plain(story_text.legend(view))

    @staticmethod
    def facts(view: StoryView) -> list[tuple[str, str]]:
        facts = [
            ("paid", Amounts(view).paid if view.steps else format_usd(view.cost_nusd)),
            ("held, call by call", Amounts(view).held),
            ("worked", _plain(duration(view.seconds))),
            ("waited for people", _plain(story_text.long_time(view.waited_s))),
            ("waited for its turn", _plain(story_text.long_time(view.queued_s))),
            ("tokens", f"{view.tokens:,}"),
            ("steps", f"{len(view.steps):,}"),
        ]
        return [*facts, ("money", "play money")] if view.play_money else facts

    @staticmethod
    def step_sentence(amounts: Amounts, line: StepLine) -> str:
        parts = [
            line.path,
            *([] if line.is_tool else [_plain(story_text.tokens(line.input_tokens, line.output_tokens))]),
            _plain(story_text.money(amounts.hold(line), amounts.cost(line), unsure=bool(line.uncertain_nusd))),
            line.ended,
        ]
        return " · ".join(clean(part) for part in parts)

    @staticmethod
    def decided(line: DecisionLine) -> str:
        said = clean(line.said)
        return said if line.is_open else f"{said} · waited {_plain(story_text.long_time(line.waited_s))}"

    @staticmethod
    def rows(view: StoryView) -> Iterator[tuple[Literal["wait", "step"], DecisionLine | StepLine]]:
        """Yield steps and questions in the order in which they began."""
        rows: list[tuple[float, int, Literal["wait", "step"], DecisionLine | StepLine]] = [
            *((line.start_s, 0, "step", line) for line in view.steps),
            *((line.start_s, 1, "wait", line) for line in view.decisions),
        ]
        for _start_s, _order, kind, line in sorted(rows, key=lambda row: row[:2]):
            yield kind, line

    @staticmethod
    def ticks(view: StoryView) -> list[str]:
        return [_plain(story_text.took(_whole_s(view) * at / TICKS)) for at in range(TICKS + 1)]

    @staticmethod
    def place(view: StoryView, start_s: float) -> str:
        return f"{100 * min(1.0, start_s / _whole_s(view)):.2f}"

    @staticmethod
    def width(view: StoryView, line: StepLine) -> str:
        return f"{100 * min(1.0, line.seconds / _whole_s(view)):.2f}"

    @staticmethod
    def seconds(value: float) -> str:
        return _plain(story_text.took(value))

    @staticmethod
    def share(part: int, whole: int) -> str:
        return f"{100 * part / whole if whole else 0:.1f}"

    @staticmethod
    def most_held(view: StoryView) -> int:
        return max((max(line.held_nusd, line.cost_nusd) for line in view.steps), default=0)

    @staticmethod
    def most_tokens(view: StoryView) -> int:
        return max((line.input_tokens + line.output_tokens for line in view.steps), default=0)

    @staticmethod
    def is_shortened(view: StoryView) -> bool:
        return view.waited_s > 1 or view.owners > 1


def _whole_s(view: StoryView) -> float:
    return max((line.start_s + line.seconds for line in view.steps), default=0.0) or 1.0
