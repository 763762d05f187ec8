"""Check what the shape of a roster cannot: whether its parts fit each other.

Names that refer to nothing, fallback circles, shares above 1, trees too deep, and prompts that do not show what their
place in a flow hands them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from patterns.core.limits import MAX_DEPTH
from patterns.roster.model_schema import ModelEntry, ModelSpec
from patterns.roster.prompts import Prompt
from patterns.roster.schema import AgentSpec, Flow, Node, RouterEntry, Stage, children
from patterns.roster.suggestions import nearest
from patterns.roster.tool_schema import BUILT_IN, ToolServer, ToolSpec
from patterns.roster.yaml_lines import Mistake, Place

ROUTER = "router"
"""The Router's name where agents are named, so no agent may have it."""

RESERVED = frozenset({"plan", "price", "admission", "synthesis", "closing", "outcome", "decision"})
"""Where the journal keeps what was decided beside the steps of agents, which stand there under their names."""


MENDED = "mended-by-the-check"
"""Stands where a name could not be read, which was told already; it refers to nothing and is never missed."""

_KINDS = ("model", "agent", "flow")


class RosterParts(Protocol):
    """What has to fit together: a parsed roster file, or a roster made from one."""

    @property
    def models(self) -> Mapping[str, ModelEntry | ModelSpec]:
        """Return the models by name, with their fallbacks."""
        ...

    @property
    def agents(self) -> Mapping[str, AgentSpec]:
        """Return the agents by name."""
        ...

    @property
    def flows(self) -> Mapping[str, Flow]:
        """Return the flows by name."""
        ...

    @property
    def tools(self) -> Mapping[str, ToolServer | ToolSpec]:
        """Return the tool servers by name, or the tools themselves."""
        ...

    @property
    def router(self) -> RouterEntry:
        """Return how a request without a flow is routed."""
        ...


def check(
    roster: RosterParts, prompts: Mapping[str, Prompt], *, ignored: frozenset[str] = frozenset(), hint: str = ""
) -> list[Mistake]:
    """Return every mistake between the parts of a roster.

    `ignored` are names that may be missing, because they stood in lines that could not be read; `hint` says how the
    prompt `{name}` is added.
    """
    checker = _Checker(roster, prompts, ignored, hint)
    checker.models()
    checker.agents()
    checker.tools()
    for name, flow in roster.flows.items():
        checker.node(flow, ("flows", name), depth=0)
    checker.router()
    return checker.found


def node_mistakes(roster: RosterParts, prompts: Mapping[str, Prompt], node: Node) -> list[Mistake]:
    """Return what is wrong with a tree composed at run time, by the same rules as for the trees of the file."""
    checker = _Checker(roster, prompts)
    checker.node(node, (), depth=0)
    return checker.found


@dataclass
class _Checker:
    roster: RosterParts
    prompts: Mapping[str, Prompt]
    ignored: frozenset[str] = frozenset()
    hint: str = ""
    found: list[Mistake] = field(default_factory=list)

    def say(self, place: Place, text: str) -> None:
        self.found.append(Mistake(place, text))

    def names_of(self, kind: str) -> Mapping[str, object]:
        names: Mapping[str, object] = self.prompts if kind == "prompt" else getattr(self.roster, f"{kind}s")
        return names

    def known(self, name: str, kind: str, place: Place) -> bool:
        names = self.names_of(kind)
        if name in names and name != MENDED:
            return True
        if name != MENDED and name not in self.ignored and MENDED not in names:
            self.say(place, f"there is no {kind} {name!r}; {self.instead(name, kind, names)}")
        return False

    def instead(self, name: str, kind: str, names: Mapping[str, object]) -> str:
        """Return what to write in place of a name that refers to nothing."""
        if near := nearest(name, names):
            return f"did you mean {near!r}?"
        if kind == "prompt" and self.hint:
            return self.hint.format(name=name)
        other = next((other for other in _KINDS if other != kind and name in self.names_of(other)), "")
        also = f"{name!r} is {'an' if other == 'agent' else 'a'} {other}, and " if other else ""
        return f"{also}the {kind}s are {', '.join(sorted(names)) or 'none'}"

    def models(self) -> None:
        for name, model in self.roster.models.items():
            place = ("models", name, "fallback")
            for index, other in enumerate(model.fallback):
                self.known(other, "model", (*place, index))
            if cycle := self._fallback_cycle(name):
                self.say(place, f"falls back in a circle: {' -> '.join(cycle)}; remove one")

    def _fallback_cycle(self, start: str) -> tuple[str, ...]:
        paths: list[tuple[str, ...]] = [(start,)]
        while paths:
            path = paths.pop()
            following = self.roster.models[path[-1]].fallback if path[-1] in self.roster.models else ()
            if start in following:
                return (*path, start)
            paths += [(*path, other) for other in following if other not in path]
        return ()

    def agents(self) -> None:
        if ROUTER in self.roster.agents:
            self.say(("agents", ROUTER), f"{ROUTER!r} is the Router's own name; call the agent something else")
        for name, agent in self.roster.agents.items():
            if name in RESERVED:
                self.say(("agents", name), f"{name!r} is a name the journal needs; call the agent something else")
            self.known(agent.model, "model", ("agents", name, "model"))
            self.prompt(agent.prompt, ("agents", name, "prompt"), needs=())

    def tools(self) -> None:
        """Check that the tools which agents name are there and on."""
        entries = {name: one for name, one in self.roster.tools.items() if isinstance(one, ToolServer)}
        for name, entry in entries.items():
            if name in BUILT_IN:
                self.say(("tools", name), f"{name!r} is built in; call the server something else")
            if MENDED not in entry.names and MENDED not in (entry.python or ""):
                for place, words in entry.mistakes():
                    self.say(("tools", name, *place), words)
        servers = {**{name: entry.names for name, entry in entries.items()}, **BUILT_IN}
        for agent, spec in self.roster.agents.items():
            for index, name in enumerate(spec.tools):
                self.tool(name, servers, ("agents", agent, "tools", index))

    def tool(self, name: str, servers: Mapping[str, tuple[str, ...]], place: Place) -> None:
        server, dot, tool = name.partition(".")
        if server not in servers:
            if server not in self.ignored and MENDED not in (name, *servers):
                near = nearest(server, servers)
                known = f"did you mean {near!r}?" if near else f"the servers are {', '.join(sorted(servers))}"
                self.say(place, f"there is no tool server {server!r}; {known}")
        elif dot and tool not in servers[server] and MENDED not in servers[server]:
            near = nearest(tool, servers[server])
            known = f"did you mean '{server}.{near}'?" if near else f"it has {', '.join(servers[server])}"
            self.say(place, f"{server!r} has no tool {tool!r} that is on; {known}")

    def prompt(self, name: str, place: Place, needs: Iterable[str]) -> None:
        if not self.known(name, "prompt", place):
            return
        prompt = self.prompts[name]
        wrong = prompt.mistakes
        if not needs:
            for text in wrong:
                self.say(place, f"prompt {name!r} {text}")
        missing = [] if wrong else [slot for slot in needs if slot not in prompt.slots]
        if missing:
            self.say(place, f"prompt {name!r} must show {' and '.join(f'{{{{ {slot} }}}}' for slot in missing)} here")

    def agent(self, name: str, place: Place, needs: Iterable[str]) -> None:
        if self.known(name, "agent", place) and self.roster.agents[name].prompt in self.prompts:
            self.prompt(self.roster.agents[name].prompt, place, needs)

    def node(self, node: Node, place: Place, depth: int, needs: tuple[str, ...] = ("request",)) -> None:
        """Check a node and everything below it; agents at this place must show the slots in `needs`."""
        if node.agent is not None:
            self.agent(node.agent, (*place, "agent"), needs)
            return
        if depth == MAX_DEPTH:
            self.say(place, f"patterns are nested deeper than {MAX_DEPTH}; flatten this one")
            return
        if node.router:
            self.names(node.router.agents, (*place, "router", "agents"))
            for index, name in enumerate(node.router.agents):
                self.agent(name, (*place, "router", "agents", index), needs)
        if node.pipeline:
            self.shares(node.pipeline, (*place, "pipeline"))
        if node.broadcast:
            self.names([v.agent for v in node.broadcast.agents if v.agent], (*place, "broadcast", "agents"))
            if node.broadcast.synthesizer:
                self.agent(node.broadcast.synthesizer, (*place, "broadcast", "synthesizer"), ("voices",))
        if node.supervisor:
            needs = (*needs, "draft", "feedback", "acceptance") if node.supervisor.worker.agent else needs
            self.agent(node.supervisor.reviewer, (*place, "supervisor", "reviewer"), ("draft", "acceptance"))
        for where, child in children(node):
            later = where[0] == "pipeline" and where[1] != 0
            handed = tuple(dict.fromkeys((*needs, "material"))) if later else needs
            self.node(child, (*place, *where), depth + 1, handed)

    def names(self, names: list[str] | tuple[str, ...], place: Place) -> None:
        twice = sorted({name for name in names if list(names).count(name) > 1 and name != MENDED})
        if twice:
            self.say(place, f"{', '.join(twice)} stands here twice; keep one")

    def shares(self, stages: tuple[Stage, ...], place: Place) -> None:
        given = [stage.share for stage in stages if stage.share is not None]
        total = sum(given, Decimal(0))
        if total > 1:
            self.say(place, f"the shares add up to {total}; they may not pass 1")
        elif total == 1 and len(given) < len(stages):
            self.say(place, "the given shares leave nothing for the stages without one; lower them")

    def router(self) -> None:
        router = self.roster.router
        self.known(router.model, "model", ("router", "model"))
        self.known(router.default, "flow", ("router", "default"))
        for needs in ((), ("request", "flows", "agents")):
            self.prompt(router.prompt, ("router", "prompt"), needs)
        if router.synthesizer:
            self.agent(router.synthesizer, ("router", "synthesizer"), ("voices",))


def agents_in(node: Node) -> Iterator[str]:
    """Yield every agent a tree can call, in the order it is written; an agent may come more than once."""
    if node.agent is not None:
        yield node.agent
    if node.router:
        yield from node.router.agents
    for _, child in children(node):
        yield from agents_in(child)
    if node.broadcast and node.broadcast.synthesizer:
        yield node.broadcast.synthesizer
    if node.supervisor:
        yield node.supervisor.reviewer
