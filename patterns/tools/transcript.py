"""What an agent and its tools have said to each other in a step, as the journal keeps it and as the model reads it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from patterns.core.calls import Completion, Message
from patterns.core.step_record import StepRecord
from patterns.core.tools import ToolCall
from patterns.roster.prompts import cut, fence
from patterns.tools.growth import CALLS_MAX, REFUSED_MAX, SAY_BYTES, shown_whole


@dataclass(frozen=True, slots=True)
class TurnSaid:
    """One turn: the text beside the calls, the calls, and the provider's own blocks, which only its model gets back."""

    say: str
    calls: tuple[ToolCall, ...]
    model: str
    thinking: str = ""

    def text(self) -> str:
        """Return the turn as the journal keeps it."""
        calls = [[call.id, call.name, call.arguments] for call in self.calls]
        kept: dict[str, Any] = {"say": self.say, "calls": calls}
        if self.thinking:
            kept["thinking"] = self.thinking
        return json.dumps(kept, ensure_ascii=False)

    @classmethod
    def of_record(cls, record: StepRecord) -> "TurnSaid":
        """Return the turn that a journal record keeps."""
        kept = json.loads(record.text)
        calls = tuple(ToolCall(id=id_, name=name, arguments=arguments) for id_, name, arguments in kept["calls"])
        return cls(kept["say"], calls, record.model, kept.get("thinking", ""))

    @classmethod
    def of_completion(cls, completion: Completion, *, model: str, before: "Transcript") -> "TurnSaid":
        """Return what a model said, its calls with ids that are there and that no other call of the step has."""
        taken = {call.id for turn in before.turns for call in turn.said.calls}
        calls: list[ToolCall] = []
        for number, call in enumerate(completion.calls[:CALLS_MAX], start=1):
            own = f"call_{len(before.turns) + 1}_{number}"
            id_ = own if not call.id or call.id in taken else call.id
            taken.add(id_)
            calls.append(call.model_copy(update={"id": id_}))
        return cls(completion.text, tuple(calls), model, completion.thinking)


@dataclass(frozen=True)
class Answered:
    """A turn with what its calls came to; `refused` says which of them were not made, as far as that is known.

    `unstored` are results that the journal does not have, by their place: models read them instead of what it has.
    """

    said: TurnSaid
    results: tuple[str, ...]
    refused: tuple[bool, ...]
    written_bytes: int
    unstored: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def shown(self) -> tuple[tuple[ToolCall, Message], ...]:
        """The calls as later turns see them, each with its result: made once, for a turn is shown again and again."""
        fits = shown_whole(self.said.calls, self.written_bytes)
        return tuple(
            (
                call.model_copy(update={"arguments": _readable(call.arguments) if fit else "{}"}),
                self._result(place, call),
            )
            for place, (call, fit) in enumerate(zip(self.said.calls, fits, strict=True))
        )

    @cached_property
    def say(self) -> str:
        """The text beside the calls, as later turns see it."""
        return cut(self.said.say, SAY_BYTES)

    def _result(self, place: int, call: ToolCall) -> Message:
        text = self.unstored.get(place, self.results[place])
        return Message("tool", fence("result", text), answers=call.id, is_unstored=place in self.unstored)


@dataclass
class Transcript:
    """The turns of a step with their results, a hash over all of it, and the milliseconds that they took.

    Of the arguments of one turn, `written_bytes` are shown to later ones, and of refused calls the first few.
    """

    hash: str
    written_bytes: int
    turns: list[Answered] = field(default_factory=list)
    elapsed_ms: int = 0

    def add(self, said: TurnSaid, results: Sequence[str], refused: Sequence[bool]) -> None:
        """Add a turn whose calls are answered."""
        self.turns.append(Answered(said, tuple(results), tuple(refused), self.written_bytes))
        self.hash = chained(self.hash, said.text(), *results)

    def show(self, turn: int, place: int, text: str) -> None:
        """Show a result that the journal does not have; the hash is that of what it has."""
        answered = self.turns[turn]
        self.turns[turn] = replace(answered, unstored={**answered.unstored, place: text})

    def extended(self, said: TurnSaid) -> "Transcript":
        """Return the transcript with a turn whose calls are not answered yet: what the next turn has at least."""
        count = len(said.calls)
        open_turn = Answered(said, ("",) * count, (False,) * count, self.written_bytes)
        return Transcript(self.hash, self.written_bytes, [*self.turns, open_turn])

    def messages(self, model: str) -> tuple[Message, ...]:
        """Return the turns as a model reads them; the blocks of another model are left out."""
        found: list[Message] = []
        left = REFUSED_MAX
        for turn in self.turns:
            shown: list[tuple[ToolCall, Message]] = []
            for one, refused in zip(turn.shown, turn.refused, strict=True):
                left -= refused
                if not refused or left >= 0:
                    shown.append(one)
            if not shown:
                continue
            calls = tuple(call for call, _ in shown)
            thinking = turn.said.thinking if turn.said.model == model else ""
            found.append(Message("assistant", turn.say, calls=calls, thinking=thinking))
            found += [result for _, result in shown]
        return tuple(found)


def _readable(arguments: str) -> str:
    """Return arguments as a provider takes them back: a JSON object, empty where the model wrote something else."""
    try:
        is_object = isinstance(json.loads(arguments or "{}"), dict)
    except (ValueError, RecursionError):
        is_object = False
    return arguments if is_object and arguments else "{}"


def chained(first: str, *parts: str) -> str:
    """Return the hash over a hash and what follows it."""
    return hashlib.sha256(json.dumps([first, *parts]).encode()).hexdigest()
