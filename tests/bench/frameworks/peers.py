"""The frameworks that do the same work as ours, each at a version of its own environment."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.frameworks.jobs import CALLS

KEPT_IN = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "agents-for-slack" / "bench"
LEANEST = "agent-framework"
OURS = "ours"
OUR_CALLS = {**CALLS, "supervisor": 6}


@dataclass(frozen=True)
class Peer:
    """A framework: the module that drives it, and what is installed for it."""

    module: str
    packages: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """Return its interpreter; ours and the floor use this one."""
        return KEPT_IN / self.module / "bin" / "python" if self.packages else Path(sys.executable)


PEERS = {
    OURS: Peer("ours"),
    LEANEST: Peer("with_agent_framework", ("agent-framework-core==1.23.0", "agent-framework-openai==1.17.0")),
    "LangGraph": Peer("with_langgraph", ("langgraph==1.2.22", "langchain-openai==1.7.3")),
    "pydantic-ai": Peer("with_pydantic_ai", ("pydantic-ai-slim[openai]==2.68.0",)),
    "litellm": Peer("with_litellm", ("litellm==1.106.2",)),
    "raw aiohttp": Peer("raw_aiohttp"),
}


def versions() -> Mapping[str, str]:
    """Return what is installed for the peers, and at which version."""
    return dict(package.split("==") for peer in PEERS.values() for package in peer.packages)


def install(peer: Peer) -> None:
    """Bring the peer's environment, unless it is there at these versions."""
    wanted, mark = "\n".join(peer.packages), peer.python.parent / "ready"
    if not peer.packages or (mark.exists() and mark.read_text("utf-8") == wanted):
        return
    uv = Path(sys.executable).with_name("uv")
    folder = peer.python.parents[1]
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", peer.python, *peer.packages], check=True)
    mark.write_text(wanted, "utf-8")
