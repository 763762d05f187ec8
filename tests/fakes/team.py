"""What the model double says for each agent of the shipped roster: an answer worth reading, for tests that look."""

import json
from dataclasses import dataclass

from tests.fakes.provider import Call, Reply
from tests.fakes.provider_shapes import sample

ANSWER = "**PostgreSQL**, once two programs write. Until then SQLite is one file, no server and nothing to run."
RECOMMENDATION = """\
**Take SQLite now, and write the export that lets you leave it.** A small team with one service that writes gains \
nothing from a server it has to run.

**Why**
- Every voice agrees that the log has one writer today.
- Operations counts no pager duty for a file, and two nights a year for a server.
- The file costs a backup; a managed server costs about 60 dollars a month.

**Dissent:** the sceptic would start on PostgreSQL, because the second writer comes without asking. \
Decide again when it does, or at 50 GB."""
VOICES = {
    "You are the advocate": "SQLite: one file, no server, nothing to patch. It serves one writer for years.",
    "You are the sceptic": "A second writer appears sooner than planned, and then SQLite makes it wait.",
    "You are the voice of cost": "A managed PostgreSQL is about 60 dollars a month; the file costs a backup.",
    "You are the voice of operations": "A file is copied; a server is watched, upgraded and restored.",
    "You chair a decision": RECOMMENDATION,
}


@dataclass
class Team:
    """The script of a provider: routes to `agent` by `flow`, lets everybody say their part after `delay_s`."""

    delay_s: float = 0.0
    flow: str = "answer"
    agent: str = "researcher"

    def __call__(self, call: Call) -> Reply:
        if call.schema is not None:
            chosen = {"flow": self.flow, "agents": [self.agent], "agent": self.agent, "confidence": 0.9}
            asked = call.schema["properties"]
            return Reply(json.dumps({**sample(call.schema), **{k: v for k, v in chosen.items() if k in asked}}))
        text = next((said for opening, said in VOICES.items() if opening in call.system), ANSWER)
        return Reply(text, delay_s=self.delay_s)
