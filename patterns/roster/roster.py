"""The roster: agents, models, flows, limits and budgets of one deployment, checked as a whole before anything starts.

`load_roster` reads the YAML text; every mistake is in one RosterError, with file, line and the fix. A run keeps
`Roster.snapshot()`, so that it ends under the roster and the prompts it began with.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from patterns.core.errors import RosterError
from patterns.core.limits import RunLimits
from patterns.roster.consistency import ROUTER, check
from patterns.roster.inline_prompts import with_named_prompts
from patterns.roster.layers import layered
from patterns.roster.model_schema import ModelSpec
from patterns.roster.prompt_files import FOLDER, SUFFIX, prompt_files
from patterns.roster.prompts import Prompt, prompt
from patterns.roster.schema import (
    SEARCH_CODE,
    SNAPSHOT_CODE,
    TOOLS_CODE,
    WORKSPACE_CODE,
    AgentSpec,
    BudgetsEntry,
    Flow,
    RosterFile,
    RouterEntry,
)
from patterns.roster.shape import Shape, read_shape
from patterns.roster.tool_schema import ToolServer, ToolSpec, tool_specs, tools_named
from patterns.roster.yaml_lines import Place, build

__all__ = ["AgentSpec", "Flow", "ModelSpec", "Roster", "from_snapshot", "load_roster"]

MISTAKES_SHOWN, LINE_CHARS = 50, 400
"""As much of a report as somebody reads."""


@dataclass(frozen=True)
class Roster:
    """A checked roster. `source` is the file as written: environment variables unexpanded, so without secrets."""

    models: Mapping[str, ModelSpec]
    agents: Mapping[str, AgentSpec]
    flows: Mapping[str, Flow]
    router: RouterEntry
    limits: RunLimits
    budgets: BudgetsEntry
    prompts: Mapping[str, Prompt]
    source: str
    file: str
    servers: Mapping[str, ToolServer] = field(default_factory=dict)

    def snapshot(self) -> str:
        """Return the roster and its prompts as JSON, for the run to keep."""
        return self._snapshot

    @cached_property
    def _snapshot(self) -> str:
        prompts = {name: prompt.source for name, prompt in sorted(self.prompts.items())}
        return json.dumps({"file": self.file, "source": self.source, "prompts": prompts}, ensure_ascii=False)

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the snapshot in hex."""
        return hashlib.sha256(self.snapshot().encode()).hexdigest()

    def agent(self, name: str) -> AgentSpec:
        """Return an agent by name; ROUTER is the Router itself."""
        return self.router.agent() if name == ROUTER else self.agents[name]

    @cached_property
    def tools(self) -> Mapping[str, ToolSpec]:
        """Return every tool by name, the built-in ones first."""
        return tool_specs(self.servers)

    def tools_of(self, agent: str) -> tuple[ToolSpec, ...]:
        """Return the tools that an agent may use, as far as they are on where it works."""
        return tools_named(self.agent(agent).tools, self.tools)

    @property
    def needs_code(self) -> int:
        """Return the first code version that can execute runs of this roster."""
        if any(entry.workspace_search for entry in self.servers.values()):
            return WORKSPACE_CODE
        if any(entry.provider_search for entry in self.servers.values()):
            return SEARCH_CODE
        return TOOLS_CODE if self.has_tools else SNAPSHOT_CODE

    @property
    def has_tools(self) -> bool:
        """Return whether there are tool servers, or agents with tools."""
        return bool(self.servers) or any(agent.tools for agent in self.agents.values())

    def with_models(self, models: Mapping[str, ModelSpec]) -> "Roster":
        """Return the roster with other models under the same names; models that are not named stay."""
        return replace(self, models={**self.models, **models})


def load_roster(
    text: str,
    *,
    file: str,
    env: Mapping[str, str],
    prompts: Mapping[str, str] | None = None,
    folder: Path | None = None,
    is_read_back: bool = False,
) -> Roster:
    """Read and check a roster.

    Args:
        text: the YAML.
        file: its name, for the report.
        env: what `${NAME}` and `${NAME:-default}` expand to.
        prompts: template sources by name; without them, those in `folder` and those shipped with the program.
        folder: where the roster stands, with a folder of its own prompts beside it.
        is_read_back: nothing is run with it, so variables in the addresses and commands of servers need not be set.

    Raises:
        RosterError: with every mistake, a line each.
    """
    layers = layered(text, file=file)
    files = prompt_files(folder, shipped=layers.base.files if layers.base else None)
    if prompts is not None:
        files = replace(files, sources=prompts)
    leaves_unset = _is_server if is_read_back else None
    document = build(layers.composed, env=env, file=file, leaves_unset=leaves_unset)
    shape = read_shape(document) if document.value is not None else Shape(None, ())
    found = [*document.mistakes, *shape.mistakes]
    sources: dict[str, Prompt] = {}
    parsed = shape.roster
    inline: dict[str, str] = {}
    if parsed is not None:
        parsed, texts, inline = with_named_prompts(parsed, files)
        sources = {name: prompt(name, source) for name, source in texts.items()}
        hint = "" if folder is None else f"write it to {FOLDER}/{{name}}{SUFFIX} beside the roster"
        found += check(parsed, sources, ignored=document.composed.lost_names, hint=hint)
    if found or files.mistakes or parsed is None:
        lines = sorted({document.told(mistake) for mistake in found})
        raise RosterError(_report([*(f"{line}: {words}" for line, words in lines), *files.mistakes]))
    # What a run keeps must be read by programs that know nothing of layers, which may work beside this one.
    kept = layers.text(inline) if layers.base or inline or layers.says_what_no_run_needs else text
    return _assemble(parsed, text=kept, file=file, prompts=sources)


def _is_server(place: Place) -> bool:
    """Return whether a place says how a tool server is reached."""
    return len(place) > len(("tools", "name", "mcp")) and place[0] == "tools" and place[2] == "mcp"


def _report(mistakes: list[str]) -> str:
    """Return the mistakes, a line each; a file with hundreds has one, made hundreds of times."""
    lines = (" ".join(mistake.split()) for mistake in mistakes[:MISTAKES_SHOWN])
    shown = [line if len(line) <= LINE_CHARS else f"{line[:LINE_CHARS]}…" for line in lines]
    more = len(mistakes) - len(shown)
    return "\n".join([*shown, f"… and {more:,} more like these."] if more else shown)


def _assemble(parsed: RosterFile, *, text: str, file: str, prompts: Mapping[str, Prompt]) -> Roster:
    used = {agent.prompt for agent in parsed.agents.values()} | {parsed.router.prompt}
    limits = parsed.limits
    return Roster(
        models={name: entry.spec(name) for name, entry in parsed.models.items()},
        agents=parsed.agents,
        flows=parsed.flows,
        router=parsed.router,
        limits=RunLimits(
            run_nusd=limits.run_nusd,
            run_s=limits.run_s,
            steps=limits.steps,
            concurrency=limits.concurrency,
            confirm_above_nusd=limits.confirm_above_nusd,
        ),
        budgets=parsed.budgets,
        prompts={name: prompts[name] for name in sorted(used)},
        source=text,
        file=file,
        servers=parsed.tools,
    )


def from_snapshot(snapshot: str, *, env: Mapping[str, str], is_read_back: bool = False) -> Roster:
    """Return the roster a run began with; raise RosterError when today's program or environment cannot read it.

    With `is_read_back` nothing is run with it: variables that say how its servers are reached need not be set.
    """
    try:
        kept = json.loads(snapshot)
        source, file, prompts = kept["source"], kept["file"], kept["prompts"]
    except (ValueError, KeyError, TypeError):
        raise RosterError("The roster this run was accepted under is damaged in the database.") from None
    return load_roster(source, file=file, env=env, prompts=prompts, is_read_back=is_read_back)
