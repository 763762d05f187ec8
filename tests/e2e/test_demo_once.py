"""`agents demo --once` on a real model: what somebody who has just cloned the project tries first."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from bot.settings import VARIABLES
from tests.fakes.provider import Provider

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-c", "from bot.cli import main; main()", "demo", "--once")
REQUEST = "Compare SQLite and PostgreSQL for a small team's event log"
FOOTER = re.compile(r"\$[\d.]+ · [^·]+ s · \d+ agents? · play money")
OURS = frozenset(variable.name for variable in VARIABLES) - {"AGENTS_CACHE_DIR"}
"""What may not reach the demo from this machine; registries, proxies and certificates may."""
OWN_ROSTER = """
version: 1
models:
  one: {model: openai/some-model, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
agents:
  lawyer: {description: Reads contracts., model: one, prompt: You read contracts., max_output_tokens: 99, timeout_s: 9}
flows:
  read: {description: Reads a contract., agent: lawyer}
router: {model: one, min_confidence: 0.5, default: read}
limits: {run_usd: 0.50, run_s: 60, steps: 5, concurrency: 2, confirm_above_usd: 0.25}
budgets: {default_channel_usd: 5, dm_user_usd: 5, workspace_usd: 50, timezone: UTC, alerts: [80]}
"""


async def demo_once(request: str, folder: Path, *options: str, **more: str) -> tuple[int | None, str, str]:
    """Exit code, thread and complaints."""
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    env |= {"AGENTS_DATA_DIR": str(folder), "OLLAMA_API_BASE": "http://127.0.0.1:9", **more}
    process = await asyncio.create_subprocess_exec(
        *DEMO, request, *options, cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.timeout(400)  # a real model on a busy machine; the demo itself gives up after six minutes
async def test_a_request_is_answered_by_a_real_model_without_any_key(tmp_path: Path) -> None:
    code, thread, err = await demo_once(REQUEST, tmp_path)
    assert code == 0, err
    assert "asked:\n" in thread.splitlines(keepends=True)[0]
    assert thread.splitlines()[1] == f"> {REQUEST}"
    assert {"sqlite", "postgresql"} & set(re.findall(r"[a-z]+", thread.partition(REQUEST)[2].lower()))
    assert "⚠" not in thread
    assert "SmolLM2-135M answers: a tiny model, readable but often wrong" in thread
    assert FOOTER.search(thread) is not None


async def test_what_starts_nothing_ends_at_once_and_says_so(tmp_path: Path) -> None:
    # With a key no model is fetched or started, and none is asked.
    code, thread, err = await demo_once("balance", tmp_path, OPENAI_API_KEY="k", OPENAI_API_BASE="http://127.0.0.1:9")
    assert code == 1
    assert "$1.00 is left in #try-it" in thread
    assert "nothing was started" in err


async def test_a_run_that_failed_is_no_answer(tmp_path: Path) -> None:
    unreachable = {"OPENAI_API_KEY": "k", "OPENAI_API_BASE": "http://127.0.0.1:9"}
    code, thread, err = await demo_once("use answer: Why is the sky blue?", tmp_path, **unreachable)
    assert code == 1
    assert "answered" not in thread
    assert "no answer came; the thread above says why" in err


async def test_a_roster_of_ones_own_is_tried_there(tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    own.write_text(OWN_ROSTER, "utf-8")
    async with Provider(["It binds us for a year."]) as provider:
        env = {"OPENAI_API_KEY": "k", "OPENAI_API_BASE": provider.api_base("openai")}
        code, thread, err = await demo_once("use read: What binds us?", tmp_path, "--roster", str(own), **env)
    assert code == 0, err
    assert "It binds us for a year." in thread
    assert "You read contracts." in provider.calls[0].system
