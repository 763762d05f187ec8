"""Views into Slack messages, through templates whose every value is JSON-encoded and whose every text is escaped.

Layout lives in `templates/messages`, sentences in the `*_text` modules, models' Markdown in `markdown` and
`pagination`.
"""

import json
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.messages import (
    action_ids,
    budget_text,
    budget_views,
    dry_run_text,
    flow_text,
    list_text,
    outcome_text,
    remedy_buttons,
    run_text,
    server_form_text,
    source_text,
    stats_text,
    story_text,
    tool_menu,
    tool_text,
    used_text,
    welcome_text,
)
from bot.messages.mrkdwn import Mrkdwn, clip, escape, join, literal, size
from bot.messages.pagination import Profile, paginate, split
from bot.messages.views import AnswerView, SlackMessage, View

SECTION_MAX = 3_000
TEXT_MAX = 5_000
"""Characters, as JSON, of one sentence or list; no message of ours has more than two long ones."""


def templates_folder() -> Path:
    """Return the folder of the message templates: beside the package `bot`, in a checkout and in a wheel."""
    return Path(__file__).resolve().parents[2] / "templates" / "messages"


class Renderer:
    """Turns views into Slack messages, in one profile."""

    def __init__(self, profile: Profile = "rich", folder: Path | None = None) -> None:
        self.profile: Profile = profile
        sources = {path.name: path.read_text("utf-8") for path in (folder or templates_folder()).glob("*.j2")}
        self._templates = ImmutableSandboxedEnvironment(
            loader=DictLoader(sources), undefined=StrictUndefined, autoescape=True
        )
        words = (
            budget_text,
            dry_run_text,
            flow_text,
            list_text,
            outcome_text,
            run_text,
            server_form_text,
            source_text,
            stats_text,
            story_text,
            used_text,
            tool_text,
            welcome_text,
        )
        modules = (action_ids, budget_views, remedy_buttons, tool_menu, *words)
        self._templates.globals.update({one.__name__.rpartition(".")[2]: one for one in modules}, profile=profile)
        self._templates.filters.update(mrkdwn=_mrkdwn, plain=_plain, parts=_parts)

    def warm(self) -> None:
        """Compile every template, which the first use would do: a process out of files must still be able to speak."""
        for name in self._templates.list_templates():
            self._templates.get_template(name)
        size("")  # finds its codec

    def message(self, view: View) -> SlackMessage:
        """Return one message for any view but an answer."""
        return self._render(view.template, view=view)

    def answer(self, view: AnswerView) -> tuple[SlackMessage, ...]:
        """Return the answer as one or more messages, in order: the first has the headline, the last the footer."""
        pages = [[]] if view.is_above else paginate(view.result.output, self.profile)
        messages = []
        for at, page in enumerate(pages):
            first, last = at == 0, at == len(pages) - 1
            text = join(
                "\n\n",
                [
                    outcome_text.headline(view) if first else Mrkdwn(),
                    *(unit.text for unit in page),
                    dry_run_text.under_answer(view) if last else Mrkdwn(),
                    source_text.numbered(view.sources) if last else Mrkdwn(),
                    outcome_text.footer(view) if last else Mrkdwn(),
                ],
            )
            blocks = [unit.block for unit in page]
            rendered = self._render("answer", view=view, page=blocks, text_of_page=text, first=first, last=last)
            messages.append(rendered)
        return tuple(messages)

    def _render(self, name: str, **values: Any) -> SlackMessage:  # noqa: ANN401 - a template takes what it names
        source = self._templates.get_template(f"{name}.json.j2").render(values)
        message = _without_nulls(json.loads(source))
        return SlackMessage(text=message["text"], blocks=tuple(message["blocks"]))


def _without_nulls(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value without the `null` that ends each list of a template and spares it the comma handling."""
    if isinstance(node, list):
        return [_without_nulls(item) for item in node if item is not None]
    if isinstance(node, dict):
        return {key: _without_nulls(value) for key, value in node.items()}
    return node


def _mrkdwn(text: str, limit: int = SECTION_MAX) -> str:
    return clip(escape(text), limit)


def _plain(text: str, limit: int) -> str:
    return clip(literal(text), limit)


def _parts(text: str) -> tuple[Mrkdwn, ...]:
    """Return our own text as sections, visibly cut at the limit of a message."""
    safe = escape(text)
    limit = TEXT_MAX
    while size(json.dumps(safe, ensure_ascii=False)) > TEXT_MAX:
        safe = Mrkdwn(clip(safe, limit))
        limit = limit * 3 // 4
    return tuple(Mrkdwn(part) for part in split(safe, SECTION_MAX))
