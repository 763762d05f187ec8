"""A small roster and a run around it, for the tests of the patterns."""

import asyncio
from dataclasses import replace
from typing import Any

from patterns.agent import AgentRunner
from patterns.core.context import TaskContext
from patterns.core.events import PatternResult
from patterns.core.holds import Fence, Payer
from patterns.flow import Choice, resolve, run_flow
from patterns.roster.roster import Roster, load_roster
from patterns.services import Services, open_services
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel

PROMPTS = {
    "plain": (
        "You are plain.\n=== user\n{{ history }}{{ artifacts }}{{ material }}{{ request }}"
        "{{ acceptance }}{{ draft }}{{ feedback }}{{ human }}"
    ),
    "chair": "You are the chair.\n=== user\n{{ request }}{{ material }}{{ voices }}",
    "critic": "You review.\n=== user\n{{ request }}{{ acceptance }}{{ draft }}",
    "router": "You route.\n=== user\n{{ flows }}{{ agents }}{{ request }}",
}

ROSTER = """
version: 1
models:
  fast: {model: openai/fast, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
  spare: {model: openai/spare, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
agents:
  a: {description: agent a, model: fast, prompt: plain, max_output_tokens: 100, timeout_s: 5, input_bytes_max: 4000}
  b: {description: agent b, model: fast, prompt: plain, max_output_tokens: 100, timeout_s: 5, input_bytes_max: 4000}
  c: {description: agent c, model: fast, prompt: plain, max_output_tokens: 100, timeout_s: 5, input_bytes_max: 4000}
  chair: {description: chair, model: fast, prompt: chair, max_output_tokens: 100, timeout_s: 5, input_bytes_max: 4000}
  critic: {description: cr, model: fast, prompt: critic, max_output_tokens: 100, timeout_s: 5, input_bytes_max: 4000}
  form:
    description: answers in a form
    model: fast
    prompt: plain
    max_output_tokens: 100
    timeout_s: 5
    output:
      schema: {type: object, properties: {n: {type: integer}}, required: [n], additionalProperties: false}
flows:
  one: {description: one agent, agent: a}
  formal: {description: a form, agent: form}
  pick: {description: one of three, router: {agents: [a, b, c]}}
  chain: {description: a chain, pipeline: [{agent: a, share: 0.2}, {agent: b, share: 0.3}, {agent: c, share: 0.5}]}
  fan: {description: a fan, broadcast: {agents: [a, b, c], synthesizer: chair}}
  quorum: {description: a quorum, broadcast: {agents: [a, b, c], synthesizer: chair, on_failure: {quorum: 2}}}
  strict: {description: all or none, broadcast: {agents: [a, b, c], synthesizer: chair, on_failure: fail_fast}}
  listed: {description: a list, broadcast: {agents: [a, b], collect: list}}
  team: {description: a team, supervisor: {worker: a, reviewer: critic, rounds: 3, acceptance: It rhymes.}}
  signed: {description: a person signs, supervisor: {worker: a, reviewer: critic, rounds: 2, human: approve}}
  deep:
    description: everything inside everything
    pipeline:
      - {agent: a}
      - broadcast:
          agents:
            - b
            - pipeline:
                - a
                - {supervisor: {worker: c, reviewer: critic, rounds: 2}}
          synthesizer: chair
      - {router: {agents: [b, c]}}
router: {model: fast, min_confidence: 0.6, default: one, synthesizer: chair}
limits: {run_usd: 0.50, run_s: 300, steps: 30, concurrency: 4, confirm_above_usd: 0.25}
budgets: {default_channel_usd: 25, dm_user_usd: 5, workspace_usd: 100, timezone: UTC, alerts: [50]}
"""

CTX = TaskContext(
    run_id="run1", workspace="T1", channel="C1", channel_kind="channel", thread="1.1", user="U1", request="Do it."
)


LOADED = load_roster(ROSTER, file="roster.yml", env={}, prompts=PROMPTS)
SIGNERS = load_roster(
    ROSTER.replace(
        "  deep:\n",
        """\
  signers:
    description: two voices wait for a person
    broadcast:
      synthesizer: chair
      agents: &signers
        - c
        - {supervisor: {worker: a, reviewer: critic, rounds: 1, human: approve}}
        - {supervisor: {worker: b, reviewer: critic, rounds: 1, human: approve}}
  signers_or_none:
    description: the same or nothing
    broadcast: {agents: *signers, synthesizer: chair, on_failure: fail_fast}
  deep:
""",
    ),
    file="roster.yml",
    env={},
    prompts=PROMPTS,
)
"""The same with flows whose voices wait for a person."""


def roster(loaded: Roster = LOADED, **limits: Any) -> Roster:
    return replace(loaded, limits=replace(loaded.limits, **limits))


def services(model: ScriptedModel, memory: Memory, *, may_stream: bool = False, **limits: Any) -> Services:
    return open_services(
        runner=AgentRunner(model),
        ledger=memory,
        journal=memory,
        decisions=memory,
        events=memory,
        clock=memory,
        roster=roster(**limits),
        payer=Payer("T1", "C1", "channel", "U1"),
        fence=Fence("run1", memory.epoch),
        may_stream=may_stream,
    )


async def run(
    flow: str | None, model: ScriptedModel, memory: Memory, *, ctx: TaskContext = CTX, **limits: Any
) -> PatternResult:
    """The whole run of a flow, as the application does it; everything is settled at the end."""
    place = services(model, memory, **limits)
    plan = await resolve(ctx, place, Choice(flow=flow))
    async with asyncio.timeout(10):
        result = await run_flow(ctx, place, plan)
    assert memory.held_nusd == 0
    return result


def verdict(score: int, *, accepted: bool = False, change: str = "more") -> dict[str, Any]:
    return {
        "feedback": [{"criterion": "It rhymes.", "met": accepted, "change": change}],
        "score": score,
        "accepted": accepted,
    }
