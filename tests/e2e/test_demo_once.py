"""`agents demo --once` on a real model: what somebody who has just cloned the project tries first."""

import asyncio
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-c", "from bot.cli import main; main()", "demo", "--once")
REQUEST = "Compare SQLite and PostgreSQL for a small team's event log"
FOOTER = re.compile(r"\$[\d.]+ · [\d.]+ s · \d+ agents? · \$[\d.]+ left · No sources looked up · play money")
KEPT = ("PATH", "HOME", "AGENTS_CACHE_DIR", "TMPDIR")


async def test_a_request_is_answered_by_a_real_model_without_any_key(tmp_path: Path) -> None:
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {"AGENTS_DATA_DIR": str(tmp_path), "OLLAMA_API_BASE": "http://127.0.0.1:9"}
    process = await asyncio.create_subprocess_exec(
        *DEMO, REQUEST, cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    thread = out.decode()
    assert process.returncode == 0, err.decode()
    assert thread.startswith(f"*ada* asked:\n> {REQUEST}\n")
    assert "SmolLM2-135M answers: a tiny model that only shows the way of things" in thread
    assert FOOTER.search(thread) is not None
