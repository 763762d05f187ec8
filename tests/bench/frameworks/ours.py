"""The product below Slack: accept, claim, plan, hold, call, settle, journal, finish, on a synced SQLite file."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, cast

import structlog
from jobs import PROMPTS, REQUEST, VOICES, Runs

from bot.logs import configure_logs
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.runs.executor import Executor
from bot.runs.outcome import RunOutcome
from bot.settings import read_settings
from patterns.core.events import StopReason
from storage.outbox import Outbox
from storage.run_rows import NewRun
from tests.bench.runs import Nobody

log = structlog.get_logger()
GIVEN = "{{ request }}{{ material }}{{ acceptance }}{{ draft }}{{ feedback }}"
AGENT = "{{description: {name}, model: m, prompt: {prompt}, max_output_tokens: 300, timeout_s: 60}}"
OTHERS = ", ".join(f"{role}{number}" for number, role in enumerate(VOICES))
ROSTER = f"""
version: 1
models:
  m: {{model: openai/gpt-4o, api_key_env: OPENAI_API_KEY, price: {{input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.1}}}}
agents:
%s
flows:
  one: {{description: one, agent: worker}}
  three: {{description: three, pipeline: [worker, checker, editor]}}
  voices: {{description: voices, broadcast: {{agents: [{OTHERS}], synthesizer: chair}}}}
  team:
    description: a draft and its reviews
    supervisor: {{worker: worker, reviewer: reviewer, rounds: 3, acceptance: It is short.}}
router: {{model: m, min_confidence: 0.5, default: one, synthesizer: chair}}
limits: {{run_usd: 1, run_s: 300, steps: 30, concurrency: 6, confirm_above_usd: 1}}
budgets:
  {{default_channel_usd: 90000, dm_user_usd: 90, workspace_usd: 90000, new_channels: on, alerts: [50], timezone: UTC}}
"""
FLOWS = {"single": "one", "router": None, "pipeline": "three", "broadcast": "voices", "supervisor": "team"}


def roster_in(folder: Path) -> Path:
    """Write the roster with its prompts."""
    (folder / "prompts").mkdir()
    names = {**dict.fromkeys(PROMPTS), **dict.fromkeys(OTHERS.split(", "))}
    lines = []
    for name in names:
        role = name.rstrip("0123456789")
        given = "{{ request }}{{ voices }}" if role == "chair" else GIVEN
        (folder / "prompts" / f"{name}.md.j2").write_text(f"{PROMPTS[role]}\n=== user\n{given}")
        if role != "router":
            lines.append("  " + name + ": " + AGENT.format(name=name, prompt=name))
    (folder / "prompts/router.md.j2").write_text(
        "ROUTER: choose a flow.\n=== user\n{{ flows }}{{ agents }}{{ request }}"
    )
    path = folder / "roster.yml"
    path.write_text(ROSTER % "\n".join(lines))
    return path


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Runs]:
    """Open the engine over a new file."""
    configure_logs("error")
    with tempfile.TemporaryDirectory() as name:
        folder, numbers = Path(name), count()
        env = {"AGENTS_DATA_DIR": f"{name}/data", "AGENTS_ROSTER": str(roster_in(folder)), "HOME": name}
        settings = read_settings({**env, "OPENAI_API_KEY": "k", "OPENAI_API_BASE": url})
        async with open_engine(settings, await choose_models(settings)) as engine:
            nobody: Any = Nobody(Outbox(engine.db, engine.clock))
            executor = Executor(engine, nobody, nobody, owner="bench")

            async def run(flow: str | None) -> str:
                number = next(numbers)
                new = NewRun(
                    workspace="T1",
                    channel=f"C{number % 20}",
                    channel_kind="channel",
                    thread_ts=f"{number}.1",
                    user="U1",
                    kind="terminal",
                    request=REQUEST,
                    flow=flow or "",
                    options={"flow": flow},
                    roster_hash=engine.roster.hash,
                    roster_json=engine.roster.snapshot(),
                    delivery_key=f"bench:{number}",
                )
                run_id, _ = await engine.store.accept(new)
                await executor.execute(run_id)
                result = RunOutcome.model_validate_json(cast("str", await engine.store.text(run_id, "result"))).result
                if result.stop_reason not in {StopReason.COMPLETED, StopReason.PARTIAL, StopReason.LIMIT}:
                    log.error("bench_run_failed", result=result.model_dump_json())
                return result.output

            def one(flow: str | None) -> Callable[[], Awaitable[str]]:
                return lambda: run(flow)

            yield {pattern: one(flow) for pattern, flow in FLOWS.items()}
