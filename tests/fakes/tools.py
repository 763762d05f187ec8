"""A tool box in memory: what it was asked, what it really did, and every way a server can fail."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.tools import ToolError, ToolOutput, ToolSchema

OBJECT = {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}}


@dataclass
class FakeTools:
    """A ToolBox whose tools all take `q` and `n`. `answers` says by name what a tool returns, raises or does."""

    answers: dict[str, Any] = field(default_factory=dict)
    described: dict[str, str] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    did: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    askers: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    answered: list[FormAnswers] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    listed: int = 0
    at_once: int = 0
    at_once_max: int = 0

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        self.listed += 1
        dead = [name for name in names if name.partition(".")[0] in self.dead]
        if dead:
            raise ToolError(f"{dead[0]} does not answer.", was_sent=False)
        return tuple(ToolSchema(name, self.described.get(name, f"Does {name}."), OBJECT) for name in names)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        key: str,
        timeout_s: float,
        asker: str = "",
        answers: FormAnswers = NOBODY_TO_ASK,
    ) -> ToolOutput:
        self.answered.append(answers)
        assert timeout_s > 0
        if tool.partition(".")[0] in self.dead:
            raise ToolError("It does not answer.", was_sent=False)
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        self.did.append((tool, dict(arguments)))
        self.began.set()
        self.keys.append(key)
        self.askers.append(asker)
        try:
            await asyncio.sleep(0)
            answer = self.answers.get(tool, f"{tool} says so")
            if callable(answer):
                answer = answer(arguments)
            if asyncio.iscoroutine(answer):
                answer = await answer
        except asyncio.CancelledError:
            self.stopped.append(tool)
            raise
        finally:
            self.at_once -= 1
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, ToolOutput):
            return answer
        return ToolOutput(str(answer), bytes_read=len(str(answer).encode()))

    def times(self, tool: str) -> int:
        return sum(name == tool for name, _ in self.did)


def forever() -> Callable[[Mapping[str, Any]], Any]:
    """An answer that never comes."""

    async def hang() -> str:
        await asyncio.Event().wait()
        return ""

    return lambda _: hang()
