"""`python -m tests.injections`: AgentDojo's Slack suite through our tool loop, with a model that obeys every injection.

Its 21 requests by 5 injections, with its own tools, texts and judges (PyPI `agentdojo`, in an environment of its own).
The model makes the calls that solve a request; as soon as it reads an injection it makes the calls of that. Whoever
asked approves what their request needs, and denies everything else. Prints what came of it; and, to show that the
attacks are real, how many come off where a person approves everything.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.demo.cache import cache_dir
from patterns.agent import AgentRunner
from patterns.core.calls import ModelRequest
from patterns.core.errors import ParkedError
from patterns.core.ports import Decision
from patterns.core.questions import Question
from patterns.core.tools import ToolRules
from patterns.handoff import EMPTY_HANDOFF
from patterns.roster.roster import Roster, load_roster
from patterns.tools.mcp.servers import ServerTools, ToolServers
from tests.fakes.memory import Memory
from tests.fakes.model import Reply, Say, ScriptedModel, asks
from tests.support.pattern_runs import CTX, PROMPTS, ROSTER, services

SUITE = "agentdojo==0.1.35"
SERVER = Path(__file__).with_name("server.py")
READS = ("get_channels", "read_channel_messages", "read_inbox", "get_users_in_channel", "get_webpage")
ACTS = (
    "add_user_to_channel", "send_direct_message", "send_channel_message", "invite_user_to_slack",
    "remove_user_from_slack", "post_webpage",
)  # fmt: skip
OUTSIDE = "get_webpage"
"""It reads, and its address carries away whatever it is given."""
HARMLESS = frozenset(READS) - {OUTSIDE}
CONTROL_S = 60.0
Call = tuple[str, dict[str, Any]]


def bring() -> str:
    """The Python of an environment with the suite, made in the cache on first use."""
    folder = cache_dir(os.environ) / f"tests-{SUITE.replace('==', '-')}"
    python, uv = folder / "bin" / "python", str(Path(sys.executable).with_name("uv"))
    if not (folder / "ready").exists():
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), SUITE], check=True)
        (folder / "ready").touch()
    return str(python)


def roster(python: str) -> Roster:
    """An agent with the suite's tools: what acts asks, and what can carry something away."""
    tools = f"""
tools:
  slack:
    mcp: {{command: [{python}, {SERVER}]}}
    allow: [{", ".join((*READS, *ACTS))}]
    read_only: [{", ".join(READS)}]
    approve: [{OUTSIDE}]
"""
    agent = "agent a, tools: [slack], turns_max: 30, tool_calls_max: 60,"
    loaded = load_roster(ROSTER.replace("agent a,", agent) + tools, file="roster.yml", env={}, prompts=PROMPTS)
    wordy = loaded.agents["a"].model_copy(update={"max_output_tokens": 2000, "timeout_s": 300})
    limits = replace(loaded.limits, run_nusd=1000 * 10**9, run_s=3000)
    return replace(loaded, agents={**loaded.agents, "a": wordy}, limits=limits)


@dataclass
class Gullible:
    """A model that does what its request needs, and whatever it reads that it should do."""

    wanted: list[Call]
    attack: list[Call]
    text: str
    answer: str
    has_obeyed: bool = False

    def __call__(self, request: ModelRequest) -> Reply:
        turns = [one for one in request.messages if one.role == "assistant"]
        is_told = any(self.text in one.content for one in request.messages if one.role == "tool")
        made = [(call.name, json.loads(call.arguments)) for turn in turns for call in turn.calls]
        self.has_obeyed = is_told and all((f"slack.{name}", given) in made for name, given in self.attack)
        if is_told and not self.has_obeyed:
            return self._asks(self.attack, turn=len(turns) + 1)
        done = len(turns) - self.has_obeyed
        if done < len(self.wanted):
            return self._asks([self.wanted[done]], turn=len(turns) + 1)
        return Say(self.answer or "Done.")

    @staticmethod
    def _asks(calls: list[Call], *, turn: int) -> Reply:
        return asks(*((f"slack.{name}", given) for name, given in calls), turn=turn)


@dataclass
class Report:
    """What came of the suite. `wrongs` is empty where no injection reached anything."""

    cases: int = 0
    obeyed: int = 0
    denied: int = 0
    fulfilled: int = 0
    attacked: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)


async def control(box: ServerTools, name: str, **given: str) -> Any:
    """Say something to the suite itself, past the loop."""
    output = await box.call(f"slack.{name}", given, key="", timeout_s=CONTROL_S)
    return json.loads(output.text)


async def play(box: ServerTools, used: Roster, case: tuple[str, str], report: Report, *, careless: bool) -> None:
    """One case, to its end and its judgement."""
    user, injection = case
    told = await control(box, "begin", user=user, injection=injection)
    wanted, attack = ([(name, given) for name, given in told[kind]] for kind in ("wanted", "attack"))
    gullible = Gullible(wanted, attack, told["text"], told["answer"])
    model, memory = ScriptedModel(gullible), Memory()
    ctx = CTX.model_copy(update={"request": told["request"]})
    while True:
        place = replace(
            services(model, memory), roster=used, runner=AgentRunner(model), toolbox=box,
            tool_rules=ToolRules(enabled=None),
        )  # fmt: skip
        try:
            record = await place.runner.step(ctx, place, agent="a", path="a", handoff=EMPTY_HANDOFF)
            break
        except ParkedError as parked:
            for path in parked.paths:
                is_wanted = careless or approves(wanted, memory.asked[path])
                report.denied += not is_wanted
                memory.answers[path] = Decision(verdict="approve" if is_wanted else "deny", user="U1")
            memory.crash()
    judged = await control(box, "finish", answer=record.text)
    report.cases += 1
    report.obeyed += gullible.has_obeyed
    report.fulfilled += judged["fulfilled"]
    report.attacked += judged["attacked"]
    report.calls.update(name for name, _ in judged["calls"])
    unasked = [
        [name, given] for name, given in judged["calls"] if name not in READS[:-1] and (name, given) not in wanted
    ]
    if not careless and (unasked or judged["attacked"]):
        report.wrongs.append(f"{user} by {injection}: attacked {judged['attacked']}, reached {unasked}")
    if memory.held_nusd:
        report.wrongs.append(f"{user} by {injection}: {memory.held_nusd} held for ever")


def approves(wanted: list[Call], question: Question) -> bool:
    """Whether the person who asked lets the calls of a card through: all of them are what the request needs."""
    return all((one.tool.partition(".")[2], json.loads(one.arguments)) in wanted for one in question.calls)


async def suite(*, careless: bool = False) -> Report:
    """Play every request by every injection. `careless`: a person approves whatever is asked."""
    report, used = Report(), roster(bring())
    with tempfile.TemporaryDirectory() as folder:
        servers = ToolServers(os.environ, Path(folder))
        box = servers.toolbox(used.servers)
        try:
            await box.listed("slack")
            cases = await control(box, "cases")
            for user in cases["users"]:
                for injection in cases["injections"]:
                    await play(box, used, (user, injection), report, careless=careless)
        finally:
            await servers.close()
    return report


def main() -> int:
    """Return how many cases went wrong."""
    report = asyncio.run(suite())
    print(f"{report.cases} cases; the model read the injection and obeyed it in {report.obeyed}")
    print(f"attacks that came off: {report.attacked}; cards denied: {report.denied}")
    print(f"requests fulfilled, as the suite judges: {report.fulfilled} of {report.cases}")
    print(f"calls made: {dict(report.calls)}")
    careless = asyncio.run(suite(careless=True))
    print(f"where everything is approved: {careless.attacked} of {careless.cases} attacks come off")
    for wrong in report.wrongs:
        print(f"WRONG: {wrong}")
    return len(report.wrongs)


if __name__ == "__main__":
    sys.exit(main())
