"""What orchestration adds: a fan-out beside its slowest voice, and rounds of a supervisor that never accepts.

Run: python -m tests.bench.patterns
"""

import asyncio
import time
from dataclasses import replace

import structlog

from patterns.core.calls import Completion, ModelRequest, PreparedCall
from patterns.core.ports import OnText
from patterns.flow import Choice, resolve, run_flow
from patterns.roster.roster import load_roster
from patterns.services import Services
from tests.bench.figures import tell
from tests.fakes.memory import Memory
from tests.fakes.model import Reply, Script, ScriptedModel, system_of
from tests.support.pattern_runs import CTX, PROMPTS, ROSTER, services, verdict

VOICES = 8
VOICE_S = 1.0
ROUNDS = 10
STEPS = 2000


class Slow(ScriptedModel):
    """Every voice takes a second; the synthesis takes none."""

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        if "chair" not in system_of(call.request):
            await asyncio.sleep(VOICE_S)
        return await super().complete(call, on_text)


def wide(model: ScriptedModel, memory: Memory) -> Services:
    """The small roster of the tests with a wide fan-out and a patient supervisor."""
    names = [f"v{number}" for number in range(VOICES)]
    agents = "".join(
        f"  {name}: {{description: v, model: fast, prompt: plain, max_output_tokens: 100, timeout_s: 5}}\n"
        for name in names
    )
    text = ROSTER.replace("  chair: {desc", f"{agents}  chair: {{desc", 1)
    text = text.replace(
        "agents: [a, b, c], synthesizer: chair}", f"agents: [{', '.join(names)}], synthesizer: chair}}", 1
    )
    text = text.replace("rounds: 3", f"rounds: {ROUNDS}")
    roster = load_roster(text, file="bench", env={}, prompts=PROMPTS)
    limits = replace(roster.limits, concurrency=VOICES, steps=STEPS, run_nusd=10**12)
    return replace(
        services(model, memory, concurrency=VOICES, steps=STEPS, run_nusd=10**12), roster=roster, limits=limits
    )


async def timed(flow: str, model: ScriptedModel) -> float:
    memory = Memory()
    place = wide(model, memory)
    plan = await resolve(CTX, place, Choice(flow))
    started = time.perf_counter()
    await run_flow(CTX, place, plan)
    return time.perf_counter() - started


def never_content() -> Script:
    """A reviewer that always sees progress and never accepts."""
    scores = iter(range(ROUNDS + 1))

    def reply(request: ModelRequest) -> Reply:
        if "review" not in system_of(request):
            return "draft"
        score = next(scores)
        return verdict(score, change=f"change {score}")

    return reply


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    fan_s = await timed("fan", Slow(lambda _: "text"))
    tell("a broadcast beside its slowest voice", fan_s / VOICE_S, "times")
    print(f"{VOICES} voices of {VOICE_S:.3f} s and a synthesis: {fan_s:.3f} s, {fan_s / VOICE_S:.3f} times the slowest")
    for _ in range(2):  # the first one pays for late imports
        model = ScriptedModel(never_content())
        rounds_s = await timed("team", model)
    calls = len(model.requests)
    tell("a call of a supervisor", 1000 * rounds_s / calls, "ms")
    print(f"{ROUNDS} rounds never accepted: {calls} calls (cap {2 * ROUNDS}), {1000 * rounds_s / calls:.2f} ms each")


if __name__ == "__main__":
    asyncio.run(main())
