"""What the tool loop costs per call, beside the bare SDK, pydantic-ai and OpenAI's Agents SDK.

Each has a server of its own, the same program, and a model that is a function.

    .venv/bin/python -m tests.bench.tools [--calls 100] [--rounds 3]

A turn asks for one lookup; a step has as many turns as it may. Ours holds, journals and settles each call and each turn
in a SQLite file with synchronous=FULL. Milliseconds differ between machines and hours; the ratios are what to compare.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.bench.figures import tell

PROJECT = Path(__file__).resolve().parents[2]
SERVER = PROJECT / "tests" / "fakes" / "moody_tools.py"
PEERS = {"pydantic_ai": "pydantic-ai-slim[mcp]==2.68.0", "openai_agents": "openai-agents==0.24.0"}
"""They come in environments of their own."""
TURNS = 20
"""Calls of one step."""
ROWS = ("sdk", "ours", *PEERS)


async def measured(calls: int, some: Callable[[], Awaitable[int]]) -> dict[str, float]:
    """Milliseconds and CPU milliseconds of this process per call, after a first step that warms up."""
    await some()
    done, begun_s, cpu_s = 0, time.perf_counter(), time.process_time()
    while done < calls:
        done += await some()
    spent_s, used_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
    return {"ms": 1000 * spent_s / done, "cpu_ms": 1000 * used_s / done}


async def sdk(calls: int, folder: Path) -> dict[str, float]:
    """The SDK alone: a call and its answer."""
    from mcp import Client, StdioServerParameters  # noqa: PLC0415
    from mcp.client.stdio import stdio_client  # noqa: PLC0415

    parameters = StdioServerParameters(command=sys.executable, args=[str(SERVER), str(folder / "did")])
    async with Client(stdio_client(parameters)) as client:

        async def some() -> int:
            for number in range(TURNS):
                await client.call_tool("look", {"q": str(number)})
            return TURNS

        return await measured(calls, some)


async def ours(calls: int, folder: Path) -> dict[str, float]:
    """Our loop over a ledger and a journal in a file."""
    from tests.bench.tools_ours import steps  # noqa: PLC0415

    async with steps(folder, SERVER, TURNS) as some:
        return await measured(calls, some)


async def pydantic_ai(calls: int, folder: Path) -> dict[str, float]:
    """Its agent over the same server, with a model that is a function."""
    from pydantic_ai import Agent  # noqa: PLC0415
    from pydantic_ai.mcp import MCPToolset  # noqa: PLC0415
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart  # noqa: PLC0415
    from pydantic_ai.models.function import AgentInfo, FunctionModel  # noqa: PLC0415
    from pydantic_ai.usage import UsageLimits  # noqa: PLC0415

    def model(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        asked = sum(isinstance(one, ModelResponse) for one in messages)
        part: Any = ToolCallPart("look", {"q": str(asked)}) if asked < TURNS else TextPart("Done.")
        return ModelResponse(parts=[part])

    config = {"mcpServers": {"moody": {"command": sys.executable, "args": [str(SERVER), str(folder / "did")]}}}
    tools = MCPToolset(config)
    agent = Agent(FunctionModel(model), toolsets=[tools])
    async with agent:

        async def some() -> int:
            await agent.run("Look.", usage_limits=UsageLimits(request_limit=TURNS + 1))
            return TURNS

        return await measured(calls, some)


async def openai_agents(calls: int, folder: Path) -> dict[str, float]:
    """Its agent over the same server, with a model that is a function, and its traces off."""
    from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled  # noqa: PLC0415
    from agents.mcp import MCPServerStdio  # noqa: PLC0415
    from openai.types.responses import (  # noqa: PLC0415
        ResponseFunctionToolCall,
        ResponseOutputMessage,
        ResponseOutputText,
    )

    set_tracing_disabled(True)

    class Asks(Model):  # type: ignore[misc]
        async def get_response(self, *_: Any, **told: Any) -> Any:
            given = told["input"]
            results = [] if isinstance(given, str) else [one for one in given if "output" in one]
            if len(results) < TURNS:
                asked = json.dumps({"q": str(len(results))})
                call = ResponseFunctionToolCall(
                    call_id=f"c{len(results)}", name="look", arguments=asked, type="function_call"
                )
                return ModelResponse(output=[call], usage=Usage(), response_id=None)
            text = ResponseOutputText(text="Done.", type="output_text", annotations=[])
            said = ResponseOutputMessage(id="m", content=[text], role="assistant", status="completed", type="message")
            return ModelResponse(output=[said], usage=Usage(), response_id=None)

        def stream_response(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

    started = {"command": sys.executable, "args": [str(SERVER), str(folder / "did")]}
    async with MCPServerStdio(params=started, cache_tools_list=True) as server:
        agent = Agent(name="a", model=Asks(), mcp_servers=[server])

        async def some() -> int:
            await Runner.run(agent, "Look.", max_turns=TURNS + 1)
            return TURNS

        return await measured(calls, some)


def row(name: str, calls: int) -> dict[str, float] | None:
    """One row in a process of its own; None where its packages cannot be brought."""
    python = sys.executable
    if name in PEERS:
        uv = [
            str(Path(sys.executable).with_name("uv")),
            "run",
            "--quiet",
            "--no-project",
            "--with",
            PEERS[name],
            "python",
        ]
        command = [*uv, "-m", "tests.bench.tools", "--row", name, "--calls", str(calls)]
    else:
        command = [python, "-m", "tests.bench.tools", "--row", name, "--calls", str(calls)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if ended.returncode:
        print(f"{name}: {ended.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def main(options: argparse.Namespace) -> None:
    """Measure all rows in turn, round after round, and print their medians."""
    if options.row:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(asyncio.run(globals()[options.row](options.calls, Path(folder)))))
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
    for _ in range(options.rounds):
        for name in ROWS:
            if (measure := row(name, options.calls)) is not None:
                found[name].append(measure)
    print("| per call | ms | CPU ms |\n|---|---|---|")
    for name, measures in found.items():
        if measures:
            ms, cpu = (statistics.median(one[key] for one in measures) for key in ("ms", "cpu_ms"))
            tell(f"{name}, a call", ms, "ms")
            tell(f"{name}, CPU a call", cpu, "ms")
            print(f"| {name} | {ms:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tools", description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", choices=ROWS)
    main(parser.parse_args())
