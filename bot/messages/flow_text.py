"""Sentences about flows: what each is for and costs, and its picture."""

import json
from collections.abc import Sequence
from itertools import accumulate

from bot.messages.code_text import code
from bot.messages.list_views import FlowLine
from bot.messages.mrkdwn import Mrkdwn, clip, join, mrkdwn, size
from bot.messages.price_text import price_note, price_words
from bot.messages.run_text import short

NO_FLOWS = Mrkdwn("The roster has no flows.")
ANY_REQUEST, EXAMPLE_MAX = "move the launch to May?", 100
"""A request for a flow without an example of its own, and the characters shown of one."""
AGENTS_NAMED = 2
DRAWN_MAX, DRAWN_FLOWS = 5_500, 20
"""Characters, as JSON, of the flows that are drawn in one message, and how many; the others are listed."""


def flows(lines: Sequence[FlowLine]) -> Mrkdwn:
    """Return the flows with their prices, one per line, then where the prices come from."""
    return join("\n", [*([flow(line) for line in lines] or [NO_FLOWS]), flows_note(lines)])


def flow(line: FlowLine) -> Mrkdwn:
    """Return one flow: its name, what it is for, its price."""
    what = mrkdwn("`{name}`: {what}", name=short(line.name, 60), what=short(line.description, 200))
    return join(" · ", [what, Mrkdwn(price_words(line.price) if line.price else "")])


def example_of(line: FlowLine, *, agents: Sequence[str] = ()) -> str:
    """Return what to type for a flow, and for agents of it: `use decide with cost: move the launch to May?`."""
    request = clip(" ".join(line.example.split()), EXAMPLE_MAX) or ANY_REQUEST
    whom = f" with {', '.join(agents)}" if agents else ""
    return f"use {line.name}{whom}: {request}"


def examples(line: FlowLine, *, command: str) -> Mrkdwn:
    """Return lines on how to choose that flow, and agents of it where it has a choice."""
    said = [mrkdwn("`{c} {example}`: you choose the flow", c=command, example=example_of(line))]
    if line.choices:
        chosen = example_of(line, agents=line.choices[:AGENTS_NAMED])
        said.append(mrkdwn("`{c} {example}`: and the agents", c=command, example=chosen))
    return join("\n", said)


def flows_note(lines: Sequence[FlowLine]) -> Mrkdwn:
    """Return where the prices come from."""
    return short(price_note({f"`{line.name}`": line.price for line in lines}), 1000)


def flows_drawn(lines: Sequence[FlowLine]) -> list[Mrkdwn]:
    """Return the flows as parts of one message: each with its diagram while there is room, the others in a list."""
    parts = [join("\n", [flow(line), code("\n".join(line.diagram))]) for line in lines]
    sizes = accumulate(size(json.dumps(part, ensure_ascii=False)) for part in parts)
    drawn = [part for part, so_far in zip(parts, sizes, strict=True) if so_far <= DRAWN_MAX][:DRAWN_FLOWS]
    rest = [flow(line) for line in lines[len(drawn) :]]
    return [*drawn, *([join("\n", rest)] if rest else [])] or [NO_FLOWS]
