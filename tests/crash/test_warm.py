"""A member forked from the warm parent is what a program of its own would be."""

import os
import signal
from pathlib import Path

from bot import __version__
from tests.crash.fleet import Start
from tests.crash.warm import warm


def test_a_warm_start_is_the_program_with_its_arguments_and_environment(tmp_path: Path) -> None:
    log = tmp_path / "log"
    env = {"AGENTS_DATA_DIR": str(tmp_path), "DATABASE_URL": "nothing://we.know"}
    assert warm(Start(("--version",), env, log)).wait(60) == 0
    assert warm(Start(("verify",), env, log)).wait(60) == 1
    assert log.read_text().splitlines() == [
        f"agents, version {__version__}",
        "agents: DATABASE_URL must start with postgresql:// (or be unset for SQLite).",
    ]


def test_signals_hit_the_process_itself(tmp_path: Path) -> None:
    env = {"AGENTS_DATA_DIR": str(tmp_path), "SLACK_API_URL": "http://127.0.0.1:9/"}
    process = warm(Start(("run", "--port", "1"), env, tmp_path / "log"))
    assert process.pid != os.getpid()
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert process.poll() == -signal.SIGKILL
