"""What a step offers its model: the tools that are on, described as their servers did when it first listed them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from patterns.core.events import Noted
from patterns.core.tools import ToolBox, ToolError, ToolSchema, schema_hash
from patterns.roster.tool_schema import ToolSpec
from patterns.services import Services, join
from patterns.tools.judging import Offered
from patterns.tools.search import FIND, find_tools, is_searched, too_long

TOOLS = "tools"
"""Where a step journals what it offers, below its own path."""


class ToolsChangedError(Exception):
    """A server describes a tool otherwise than when the step first listed it."""


def allowed_tools(services: Services, agent: str) -> tuple[ToolSpec, ...]:
    """Return the tools of an agent that are on where the run works; the built-in ones are everywhere."""
    rules = services.tool_rules
    return tuple(spec for spec in services.roster.tools_of(agent) if spec.is_built_in or rules.allows(spec.name))


@dataclass(frozen=True)
class Offer:
    """The tools of one step."""

    services: Services
    toolbox: ToolBox
    agent: str
    path: str
    specs: tuple[ToolSpec, ...]

    async def offered(self) -> dict[str, Offered]:
        """Return the tools of the step with their descriptions: those of the journal, once they stand there."""
        path = join(self.path, TOOLS)
        kept = await self.services.find_decision(path)
        if kept is None:
            listed, missing = await self._listed([spec.name for spec in self.specs])
            shown = listed
            if is_searched(listed):
                missing |= {one.name: why for one in listed if (why := too_long(one))}
                shown = [find_tools(self.specs)]
            data = {"tools": [[one.name, one.description, dict(one.parameters)] for one in shown], "missing": missing}
            for one in shown:
                if one.note:
                    self.services.emit(Noted(path, f"{self.agent}: {one.note}"))
            kept = await self.services.record_decision(path, data)
        without: dict[str, list[str]] = {}
        for name, why in kept.data["missing"].items():
            without.setdefault(why, []).append(name)
        for why, names in without.items():
            self.services.emit(Noted(path, f"{self.agent} works without {', '.join(names)}: {why}"))
        specs = self.by_name
        found = (ToolSchema(name, description, parameters) for name, description, parameters in kept.data["tools"])
        # A tool that was switched off since is offered no more; the hash of the turns then ends the step plainly.
        return {schema.name: Offered(specs[schema.name], schema) for schema in found if schema.name in specs}

    @property
    def by_name(self) -> dict[str, ToolSpec]:
        """Return what the step may be offered: its tools, and the search over them."""
        return {FIND.name: FIND, **{spec.name: spec for spec in self.specs}}

    async def listed(self) -> list[ToolSchema]:
        """Return the tools of the step as those servers describe them now that answer."""
        return (await self._listed([spec.name for spec in self.specs]))[0]

    async def check_unchanged(self, offered: Mapping[str, Offered]) -> None:
        """Raise ToolsChangedError where a server that answers describes a tool otherwise than before."""
        names = [name for name in offered if name != FIND.name]
        listed, _ = await self._listed(names)  # a server that was not there at first is not waited for again
        if any(schema_hash(one) != offered[one.name].hash for one in listed if one.name in offered):
            raise ToolsChangedError

    async def _listed(self, names: Sequence[str]) -> tuple[list[ToolSchema], dict[str, str]]:
        """Return the tools as they are described now, and why others cannot be: a dead server is no failed run."""
        answers = await asyncio.gather(*(self.toolbox.schemas([name]) for name in names), return_exceptions=True)
        listed: list[ToolSchema] = []
        missing: dict[str, str] = {}
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, ToolError):
                missing[name] = str(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                listed += answer
        return listed, missing
