"""A roster whose agents have tools, and one step of it, for the tests of the tool loop."""

from dataclasses import replace
from typing import Any

from patterns.core.step_record import StepRecord
from patterns.core.tools import ToolRules
from patterns.handoff import EMPTY_HANDOFF
from patterns.roster.roster import Roster, load_roster
from patterns.services import Services
from tests.fakes.memory import Memory
from tests.fakes.model import Say, ScriptedModel, asks
from tests.fakes.tools import FakeTools
from tests.support.pattern_runs import CTX, PROMPTS, ROSTER, services

TOOLS = """
tools:
  shop:
    mcp: {command: [shop]}
    allow: [find, order, status, secret]
    read_only: [find]
    retry_safe: [status]
    price_usd: {order: 0.01, find: 0.001}
    timeout_s: 5
    output_bytes_max: 300
    schema_bytes_max: 500
  vault: {mcp: {command: [vault]}, allow: [read], read_only: [read], private: true, tell_asker: true}
  web: {mcp: {command: [web]}, allow: [fetch], read_only: [fetch], reach: anywhere}
"""
AGENT = "agent a, tools: [shop, vault, web, clock, arithmetic], turns_max: 4, tool_calls_max: 6,"
EVERYTHING = ToolRules(enabled=None)


def ask_for(*calls: tuple[str, Any], say: str = "", thinking: str = "") -> Say:
    """A turn that asks for calls: each a tool and its arguments."""
    return replace(asks(*calls, text=say), thinking=thinking)


def roster_with(agent: str = AGENT, tools: str = TOOLS) -> Roster:
    text = ROSTER.replace("agent a,", agent).replace("answers in a form", "answers in a form\n    tools: [shop, clock]")
    return load_roster(text + tools, file="roster.yml", env={}, prompts=PROMPTS)


LOADED = roster_with()


def place(
    model: ScriptedModel,
    memory: Memory,
    tools: FakeTools,
    *,
    roster: Roster = LOADED,
    rules: ToolRules = EVERYTHING,
    **changes: Any,
) -> Services:
    whole = services(model, memory)
    return replace(whole, roster=roster, toolbox=tools, tool_rules=rules, **changes)


async def step(where: Services, *, agent: str = "a", path: str = "a") -> StepRecord:
    return await where.runner.step(CTX, where, agent=agent, path=path, handoff=EMPTY_HANDOFF)
