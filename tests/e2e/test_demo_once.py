"""`agents demo --once` on a real model: what somebody who has just cloned the project tries first."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from bot.settings import VARIABLES

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-c", "from bot.cli import main; main()", "demo", "--once")
REQUEST = "Compare SQLite and PostgreSQL for a small team's event log"
FOOTER = re.compile(r"\$[\d.]+ · [^·]+ s · \d+ agents? · \$[\d.]+ left · No sources looked up · play money")
OURS = frozenset(variable.name for variable in VARIABLES) - {"AGENTS_CACHE_DIR"}
"""What may not reach the demo from this machine; registries, proxies and certificates may."""


async def demo_once(request: str, folder: Path, **more: str) -> tuple[int | None, str, str]:
    """Exit code, thread and complaints."""
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    env |= {"AGENTS_DATA_DIR": str(folder), "OLLAMA_API_BASE": "http://127.0.0.1:9", **more}
    process = await asyncio.create_subprocess_exec(
        *DEMO, request, cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.timeout(400)  # a real model on a busy machine; the demo itself gives up after six minutes
async def test_a_request_is_answered_by_a_real_model_without_any_key(tmp_path: Path) -> None:
    code, thread, err = await demo_once(REQUEST, tmp_path)
    assert code == 0, err
    assert thread.startswith(f"*ada* asked:\n> {REQUEST}\n")
    assert "SmolLM2-135M answers: a tiny model that only shows the way of things" in thread
    assert FOOTER.search(thread) is not None


async def test_what_starts_nothing_ends_at_once_and_says_so(tmp_path: Path) -> None:
    # With a key no model is fetched or started, and none is asked.
    code, thread, err = await demo_once("balance", tmp_path, OPENAI_API_KEY="k", OPENAI_API_BASE="http://127.0.0.1:9")
    assert code == 1
    assert "#try-it has $1.00 free" in thread
    assert "no answer with a footer came" in err
