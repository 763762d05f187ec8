"""Measure how well the Router routes a team's own examples, so that descriptions can be tuned by figures."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import AliasChoices, Field, ValidationError

from patterns.core.context import Frozen, TaskContext
from patterns.core.errors import UserError
from patterns.core.money import format_usd
from patterns.roster.roster import Roster
from patterns.roster.schema import PATTERNS
from patterns.router import RouteDecision, decide
from patterns.services import Meter, Services
from patterns.trees import kind_of, runnable_or_default

SAMPLE_FLOW = '{"text": "Move the launch to May?", "flow": "decide"}'
SAMPLE_PATTERN = (
    '{"text": "Have an engineer and an analyst look", "pattern": "broadcast", "agents": ["engineer", "analyst"]}'
)
"""A line for a flow of the roster, and one for a pattern that the Router should compose of agents."""


class Example(Frozen):
    """A request with what the Router should choose: a `flow` of the roster, or a `pattern` of `agents`.

    Both are read into `pattern`, because the Router too answers with one name.
    """

    text: str = Field(min_length=1)
    pattern: str = Field(min_length=1, validation_alias=AliasChoices("flow", "pattern"))
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The Router's decision on one example, its cost in nano-dollars and its latency in milliseconds."""

    example: Example
    decision: RouteDecision
    said: str
    cost_nusd: int
    elapsed_ms: int


def read_examples(text: str) -> list[Example]:
    """Return the examples of a JSONL file; raise UserError with the line that cannot be read."""
    examples: list[Example] = []
    # Not splitlines: a line separator of Unicode may stand inside a JSON string as it is.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.strip():
            try:
                examples.append(Example.model_validate(json.loads(line)))
            except ValidationError as error:
                wrong = error.errors(include_url=False)[0]
                where = ".".join(map(str, wrong["loc"])) or "it"
                raise UserError(
                    f"Line {number} is no example with text, flow (or pattern) and agents: {where}: {wrong['msg']}."
                ) from None
            except (ValueError, RecursionError) as error:
                raise UserError(f"Line {number} is not JSON: {error}. Write one object a line.") from None
    if not examples:
        raise UserError(f"The file has no examples. Write lines like {SAMPLE_FLOW} or {SAMPLE_PATTERN}.")
    return examples


def check_examples(roster: Roster, examples: Sequence[Example]) -> None:
    """Raise UserError for an expected answer that is not in the roster, which would count against the Router."""
    for example in examples:
        if example.pattern not in roster.flows and example.pattern not in PATTERNS:
            known = ", ".join([*sorted(roster.flows), *PATTERNS])
            raise UserError(f"There is no flow or pattern {example.pattern[:40]!r}. Write one of {known}.")
        unknown = next((agent for agent in example.agents if agent not in roster.agents), None)
        if unknown is not None:
            raise UserError(f"There is no agent {unknown[:40]!r}. The agents are {', '.join(sorted(roster.agents))}.")


async def evaluate_routes(ctx: TaskContext, services: Services, examples: Sequence[Example]) -> list[Outcome]:
    """Ask the Router about each example, one after the other, under the limits of one run."""
    outcomes: list[Outcome] = []
    for number, example in enumerate(examples, start=1):
        place = replace(services.child("eval", number), meter=Meter(services.limits), flow="eval")
        asked = ctx.model_copy(update={"request": example.text, "history": (), "artifacts": ()})
        started = services.clock.monotonic()
        routing = await decide(asked, place)
        elapsed_ms = int(1000 * (services.clock.monotonic() - started))
        # What would really run: a decision that cannot work takes the default, in a run as here.
        decision, _ = runnable_or_default(services.roster, routing.decision)
        name = decision.flow or decision.pattern
        kind = kind_of(services.roster, decision)
        said = kind if example.pattern not in services.roster.flows and example.pattern == kind else name
        outcomes.append(Outcome(example, decision, said, routing.took.cost_nusd, elapsed_ms))
    return outcomes


def report(outcomes: Sequence[Outcome]) -> str:
    """Return accuracy per flow and pattern, confusions, agreement on agents, cost and latency as text."""
    right = [outcome for outcome in outcomes if outcome.said == outcome.example.pattern]
    lines = [
        f"{len(right)} of {len(outcomes)} right ({_percent(len(right), len(outcomes))})",
        "",
        "flow or pattern  right  of",
    ]
    classes = Counter(outcome.example.pattern for outcome in outcomes)
    hits = Counter(outcome.example.pattern for outcome in right)
    lines += [
        f"{name}  {hits[name]}  {count}  {_percent(hits[name], count)}" for name, count in sorted(classes.items())
    ]
    wrong = Counter((o.example.pattern, o.said) for o in outcomes if o.said != o.example.pattern)
    lines += ["", "taken for another"] if wrong else []
    lines += [f"{expected} -> {said}  {count}" for (expected, said), count in wrong.most_common()]
    named = [outcome for outcome in outcomes if outcome.example.agents]
    if named:
        alike = sum(_overlap(o.example.agents, o.decision.agents) for o in named) / len(named)
        lines += ["", f"agents alike: {alike:.2f} (1.00 means the same agents)"]
    times = sorted(outcome.elapsed_ms for outcome in outcomes)
    unsure = sum(outcome.decision.chosen_by == "default" for outcome in outcomes)
    lines += [
        "",
        f"default flow taken: {unsure}",
        f"cost: {format_usd(sum(outcome.cost_nusd for outcome in outcomes))}",
        f"latency: {times[len(times) // 2]} ms median, {times[-1]} ms at most",
    ]
    return "\n".join(lines)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


def _overlap(expected: Sequence[str], actual: Sequence[str]) -> float:
    return len(set(expected) & set(actual)) / len(set(expected) | set(actual))
