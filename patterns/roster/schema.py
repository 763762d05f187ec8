"""The shapes of a roster file, so that a mistake is found at start and not in the middle of a run.

Amounts are read from their text into integer nano-dollars; a field named `…_usd` in the file is `…_nusd` here.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from patterns.core.limits import FailurePolicy
from patterns.roster.agent_schema import AgentSpec, PromptRef, SchemaOutput
from patterns.roster.model_schema import ITEMS_MAX, Entry, ModelEntry, ModelSpec, Name, Nusd, Share, Text
from patterns.roster.suggestions import nearest
from patterns.roster.tool_schema import ToolServer

__all__ = [
    "KINDS",
    "PATTERNS",
    "AgentSpec",
    "BroadcastNode",
    "BudgetsEntry",
    "Flow",
    "ModelSpec",
    "Node",
    "RosterFile",
    "RouterEntry",
    "RouterNode",
    "SchemaOutput",
    "Stage",
    "SupervisorNode",
    "children",
]

SNAPSHOT_CODE = 8
"""The first code version (`CODE_VERSION` of storage/database/connect.py) that can read the rosters and prompts this
program stores with its runs. Raise it to the current one with whatever the roster file or the prompts' language gains:
processes of older code then leave those runs alone, instead of ending them because of a key they do not know."""

TOOLS_CODE = 16
"""The same for rosters with tools: earlier programs know nothing of them, or of dry runs, and would call what acts."""

SEARCH_CODE = 17
"""The same for rosters with the web search of a model's provider."""

WORKSPACE_CODE = 18
"""The same for rosters with the search of the Slack workspace, whose results earlier programs would store."""

PATTERNS = ("router", "pipeline", "broadcast", "supervisor")
"""The four ways agents work together."""

Composable = Literal["router", "pipeline", "broadcast", "supervisor"]
COMPOSABLE: tuple[Composable, ...] = ("router", "pipeline", "broadcast", "supervisor")
"""Those that the Router may compose itself from agents."""

KINDS = ("agent", *PATTERNS)
"""What a part of a flow can be; each part is exactly one of them."""


class _OrName:
    """Makes the JSON Schema accept the bare name of an agent for a node."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core)]}


def _part(value: object) -> object:
    return {"agent": value} if isinstance(value, str) else value


class Node(Entry):
    """A part of a flow: one agent, or a pattern over more nodes."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in KINDS]})

    agent: Name | None = None
    router: "RouterNode | None" = None
    pipeline: Annotated[tuple["StagePart", ...], Field(min_length=1, max_length=12)] | None = None
    broadcast: "BroadcastNode | None" = None
    supervisor: "SupervisorNode | None" = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "Node":
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"has {' and '.join(given) or 'none'} of {', '.join(KINDS)}; keep exactly one")
        return self

    @property
    def kind(self) -> str:
        """Return which of KINDS the node is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


Part = Annotated[Node, BeforeValidator(_part), _OrName()]


class Stage(Node):
    """A stage of a pipeline; shares that are not given split what the given ones leave."""

    share: Share | None = None


StagePart = Annotated[Stage, BeforeValidator(_part), _OrName()]


class RouterNode(Entry):
    """Chooses one of its agents; the first one when unsure."""

    agents: Annotated[tuple[Name, ...], Field(min_length=1, max_length=ITEMS_MAX)]


_POLICY_SCHEMA = {
    "anyOf": [
        {"enum": ["fail_fast", "continue"]},
        {
            "type": "object",
            "properties": {"quorum": {"type": "integer", "minimum": 1}},
            "required": ["quorum"],
            "additionalProperties": False,
        },
    ]
}
"""What `_policy` takes, for editors."""


class BroadcastNode(Entry):
    """Several voices on the same request, then a synthesis or a list."""

    agents: Annotated[tuple[Part, ...], Field(min_length=1, max_length=12)]
    synthesizer: Name | None = None
    collect: Literal["synthesis", "list"] = "synthesis"
    on_failure: Annotated[FailurePolicy, WithJsonSchema(_POLICY_SCHEMA)] = FailurePolicy()

    @field_validator("on_failure", mode="before")
    @classmethod
    def _policy(cls, value: object) -> object:
        if value in ("fail_fast", "continue"):
            return {"mode": value}
        if isinstance(value, Mapping) and set(value) == {"quorum"}:
            return {"mode": "quorum", "quorum": value["quorum"]}
        raise ValueError("write fail_fast, continue or {quorum: 2}")

    @model_validator(mode="after")
    def _complete(self) -> "BroadcastNode":
        if self.collect == "synthesis" and self.synthesizer is None:
            raise ValueError("name a synthesizer, or write collect: list")
        if self.on_failure.mode == "quorum" and self.on_failure.quorum > len(self.agents):
            raise ValueError(f"quorum {self.on_failure.quorum} is more than its {len(self.agents)} voices; lower it")
        return self


class SupervisorNode(Entry):
    """A worker and a reviewer who share one acceptance text, for a bounded number of rounds, with people if wanted."""

    worker: Part
    reviewer: Name
    rounds: Annotated[int, Field(strict=True, ge=1, le=10)] = 2
    acceptance: Text = "It answers the request completely, correctly and clearly."
    human: Literal["none", "approve", "feedback"] = "none"
    deadline_s: Annotated[int, Field(strict=True, ge=60, le=30 * 86_400)] = 86_400
    reminder_s: Annotated[int, Field(strict=True, ge=60, le=30 * 86_400)] = 14_400
    approvers: Annotated[tuple[Annotated[str, Field(pattern="^[UW][A-Z0-9]+$")], ...], Field(max_length=ITEMS_MAX)] = ()


class Flow(Node):
    """A named tree that people and the Router can choose; examples teach the Router what belongs to it."""

    description: Text
    examples: tuple[Text, ...] = Field(default=(), max_length=20)


class RouterEntry(Entry):
    """How a request without a flow is routed. `patterns` are those the Router may compose itself from agents."""

    model: Name
    min_confidence: Annotated[float, Field(ge=0, le=1)]
    default: Name
    prompt: PromptRef = "router"
    patterns: tuple[Composable, ...] = COMPOSABLE
    synthesizer: Name | None = None
    agents_max: Annotated[int, Field(strict=True, ge=1, le=12)] = 3
    max_output_tokens: Annotated[int, Field(strict=True, ge=50, le=4000)] = 200
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 20
    input_bytes_max: Annotated[int, Field(strict=True, ge=2000, le=1_000_000)] = 12_000

    def agent(self) -> AgentSpec:
        """Return the Router as an agent, so that it is held, journalled and retried like every other."""
        return AgentSpec(
            description="Chooses who answers.",
            model=self.model,
            prompt=self.prompt,
            max_output_tokens=self.max_output_tokens,
            timeout_s=self.timeout_s,
            input_bytes_max=self.input_bytes_max,
        )


class LimitsEntry(Entry):
    """The limits of one run."""

    run_nusd: Nusd = Field(alias="run_usd")
    run_s: Annotated[float, Field(gt=0, le=86_400)]
    steps: Annotated[int, Field(strict=True, ge=1, le=1000)]
    concurrency: Annotated[int, Field(strict=True, ge=1, le=64)]
    confirm_above_nusd: Nusd = Field(alias="confirm_above_usd")


def _switch(value: object) -> object:
    return ("on" if value else "off") if isinstance(value, bool) else value


NewChannelsMode = Literal["off", "trial", "on"]
"""How a channel begins: not at all, with a small limit, or with the usual one."""


class BudgetsEntry(Entry):
    """The monthly budgets that apply where nothing else is configured."""

    default_channel_nusd: Nusd = Field(alias="default_channel_usd")
    dm_user_nusd: Nusd = Field(alias="dm_user_usd")
    workspace_nusd: Nusd = Field(alias="workspace_usd")
    person_nusd: Nusd | None = Field(None, alias="person_usd")
    """What one person may spend a month in all channels together; unset, there is no such cap."""
    timezone: str
    alerts: Annotated[tuple[Annotated[int, Field(strict=True, ge=1, le=100)], ...], Field(max_length=10)]
    new_channels: Annotated[NewChannelsMode, BeforeValidator(_switch)] = "trial"

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            near = nearest(value, available_timezones())
            hint = f"did you mean {near}?" if near else "write one like Europe/Berlin or UTC"
            raise ValueError(f"{value!r} is no time zone; {hint}") from None
        return value

    @field_validator("alerts")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("write the percentages once each, in rising order")
        return value


class RosterFile(Entry):
    """A whole roster file."""

    version: Literal[1]
    models: Annotated[dict[Name, ModelEntry], Field(min_length=1, max_length=ITEMS_MAX)]
    agents: Annotated[dict[Name, AgentSpec], Field(min_length=1, max_length=ITEMS_MAX)]
    flows: Annotated[dict[Name, Flow], Field(min_length=1, max_length=ITEMS_MAX)]
    router: RouterEntry
    limits: LimitsEntry
    budgets: BudgetsEntry
    tools: dict[Name, ToolServer] = Field(default={}, max_length=ITEMS_MAX)


def children(node: Node) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """Yield the nodes directly inside a node, each with its place in the file."""
    for index, stage in enumerate(node.pipeline or ()):
        yield ("pipeline", index), stage
    if node.broadcast:
        for index, voice in enumerate(node.broadcast.agents):
            yield ("broadcast", "agents", index), voice
    if node.supervisor:
        yield ("supervisor", "worker"), node.supervisor.worker


for _shape in (Node, Stage, Flow, BroadcastNode, SupervisorNode, RosterFile):
    _shape.model_rebuild()
