"""How a provider can fail, as a table, and runs over such a provider whose money is checked to the last nano-dollar."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from patterns.agent import AgentRunner
from patterns.core.events import PatternResult
from patterns.core.money import Price, Usage
from patterns.flow import Choice, resolve, run_flow
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import Roster, load_roster
from patterns.services import open_services
from storage.database.database import Database
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from tests.fakes.memory import Memory
from tests.fakes.provider import Call, Fault, Provider, Reply, ShapeName
from tests.integration.test_model_faults import KEY, MODELS
from tests.support.ledgers import Asking, account, open_run, rows
from tests.support.pattern_runs import CTX, PROMPTS, verdict

RUN_S = 10.0
PATIENT_S, HASTY_S = 8.0, 1.5
"""How long a call may take, and how long where the fault is silence."""
AGENT = "prompt: plain, model: m, max_output_tokens: 60, timeout_s: 8, input_bytes_max: 2000"
ROSTER = f"""
version: 1
models:
  m: {{model: openai/x, api_key_env: K, price: {{input_usd_per_mtok: 1, output_usd_per_mtok: 2}}}}
agents:
  a: {{description: agent a, {AGENT}}}
  b: {{description: agent b, {AGENT}}}
  chair: {{description: chair, {AGENT.replace("plain", "chair")}}}
  critic: {{description: critic, {AGENT.replace("plain", "critic")}}}
flows:
  router: {{description: one of two, router: {{agents: [a, b]}}}}
  pipeline: {{description: two in a row, pipeline: [a, b]}}
  broadcast: {{description: two at once, broadcast: {{agents: [a, b], synthesizer: chair}}}}
  supervisor: {{description: a team, supervisor: {{worker: a, reviewer: critic, rounds: 2}}}}
router: {{model: m, min_confidence: 0.6, default: router, timeout_s: 8}}
limits: {{run_usd: 1, run_s: {RUN_S}, steps: 12, concurrency: 4, confirm_above_usd: 1}}
budgets: {{default_channel_usd: 25, dm_user_usd: 5, workspace_usd: 100, timezone: UTC, alerts: [50]}}
"""
PATTERNS = ("router", "pipeline", "broadcast", "supervisor")
LOADED = load_roster(ROSTER, file="roster.yml", env={}, prompts=PROMPTS)
PRICE = Price(10**9, 2 * 10**9)
TEXT = "One. Two, three; four: five. Six seven eight."


@dataclass
class Hurried:
    """The real clock, with the waits between attempts left out."""

    waited_s: list[float] = field(default_factory=list)

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        self.waited_s.append(seconds)


@dataclass(frozen=True)
class Row:
    """A fault: what it does to a reply, the reason of a step that meets it, and whether the same model is asked again.

    No `reason` means that the step goes well all the same. `shows` means that a stream breaks after some text.
    """

    name: str
    reason: str = ""
    again: bool = True
    shows: bool = False
    reply: Reply = field(default_factory=Reply)
    fault: Fault | None = None

    def spoil(self, good: Reply) -> Reply:
        if self.fault is not None:
            return replace(good, fault=self.fault)
        kept = good.text if self.reply.status == 200 and self.name != "empty" else ""
        return replace(self.reply, text=kept)

    @property
    def patience_s(self) -> float:
        """Short where a call is left only because its time is over."""
        return HASTY_S if self.fault in ("stall", "hang") else PATIENT_S


def status(code: int, reason: str, *, again: bool = False, error: str = "scripted", name: str = "") -> Row:
    reply = Reply(status=code, error=error, retry_after_s=0.5 if code == 429 else None)
    return Row(name or str(code), reason, again=again, reply=reply)


ROWS = [
    status(400, "bad_request"),
    status(401, "auth"),
    status(403, "auth"),
    status(404, "bad_request"),
    status(408, "timeout", again=True),
    status(429, "rate_limit", again=True),
    status(429, "rate_limit", error="insufficient_quota", name="quota"),
    status(500, "server", again=True),
    status(502, "server", again=True),
    status(503, "overloaded", again=True),
    status(504, "timeout", again=True),
    status(529, "overloaded", again=True),
    status(400, "context_length", error="maximum context length is 8192 tokens", name="context"),
    status(400, "content_policy", error="rejected by our safety system", name="policy"),
    Row("filtered", "content_policy", again=False, reply=Reply(finish="content_filter")),
    Row("cut at its length", reply=Reply(finish="length")),
    Row("empty", "empty", reply=Reply("")),
    Row("no usage", fault="no_usage"),
    Row("not JSON", "malformed", fault="garbage"),
    Row("reset before", "truncated", fault="drop"),
    Row("reset half-way", "truncated", fault="drop_mid", shows=True),
    Row("ends early", "truncated", fault="truncate", shows=True),
    Row("stalls", "timeout", fault="stall", shows=True),
    Row("hangs", "timeout", fault="hang"),
]
STREAMS = [
    *(
        row
        for row in ROWS
        if row.name in {"500", "empty", "no usage", "not JSON", "reset before", "hangs"} or row.shows
    ),
    Row("filtered", "content_policy", again=False, shows=True, reply=Reply(finish="content_filter")),
    Row("bad chunk", "malformed", fault="bad_chunk", shows=True),
    Row("error event", "server", fault="error_event", shows=True),
    Row("repeats", "malformed", fault="repeat", shows=True),
]


def good(call: Call) -> Reply:
    """A sound answer of whoever is asked."""
    if "You route" in call.system:
        return Reply(json.dumps({"agent": "b", "confidence": 0.9, "reason": "r"}))
    if "You review" in call.system:
        return Reply(json.dumps(verdict(9, accepted=True)))
    return Reply(TEXT)


@dataclass(frozen=True)
class Case:
    """A pattern over models of one provider."""

    pattern: str
    shape: ShapeName

    def __str__(self) -> str:
        return f"{self.pattern}-{self.shape}"

    def ends_with(self, call: Call, number: int) -> bool:
        """Whether it is the step that the pattern ends with."""
        ends = {"router": "You are plain", "broadcast": "You are the chair", "supervisor": "You review"}
        return ends[self.pattern] in call.system if self.pattern in ends else number > 1

    def roster(self, provider: Provider, *, patience_s: float, run_s: float) -> Roster:
        """The roster of these tests, with the provider behind its model."""
        model = replace(LOADED.models["m"], model=MODELS[self.shape], api_base=provider.api_base(self.shape))
        agents = {name: agent.model_copy(update={"timeout_s": patience_s}) for name, agent in LOADED.agents.items()}
        router = LOADED.router.model_copy(update={"timeout_s": patience_s})
        limits = replace(LOADED.limits, run_s=run_s)
        return replace(LOADED, models={"m": model}, agents=agents, router=router, limits=limits)


@dataclass
class Scene:
    """Runs over providers and one ledger, and what is true of every such run."""

    database: Database
    ledger: SqlLedger
    clock: Hurried

    async def run(
        self,
        case: Case,
        script: Callable[[Call], Reply],
        *,
        patience_s: float = PATIENT_S,
        stream: bool = False,
        run_s: float = RUN_S,
    ) -> PatternResult:
        people, asking = Memory(), Asking(run_id=str(case))
        await open_run(self.database, asking)
        async with Provider(script) as provider:
            roster = case.roster(provider, patience_s=patience_s, run_s=run_s)
            async with LiteLLMClient(roster.models, {"K": KEY}) as client:
                services = open_services(
                    runner=AgentRunner(client),
                    ledger=self.ledger,
                    journal=SqlJournal(self.database, self.clock),
                    decisions=people,
                    events=people,
                    clock=self.clock,
                    roster=roster,
                    payer=asking.payer,
                    fence=asking.fence,
                    may_stream=stream,
                )
                ctx = CTX.model_copy(update={"run_id": asking.run_id})
                async with asyncio.timeout(run_s + 1):
                    result = await run_flow(ctx, services, await resolve(ctx, services, Choice(case.pattern)))
            await self._settled_truthfully(provider, asking.run_id, result.cost_nusd)
        assert KEY not in result.model_dump_json()
        return result

    async def _settled_truthfully(self, provider: Provider, run_id: str, cost_nusd: int) -> None:
        """Every bill is in the ledger, to the nano-dollar where the provider told it, and the whole hold where not."""
        sql = "SELECT state, hold_nusd, actual_nusd FROM call WHERE attempt > 0 AND run_id = :id"
        calls = await rows(self.database, sql, id=run_id)
        billed = [PRICE.cost_nusd(Usage(bill.input_tokens, bill.output_tokens)) for bill in provider.bills]
        known = [call["actual_nusd"] for call in calls if call["state"] == "settled"]
        unknown = [call for call in calls if call["state"] == "uncertain"]
        assert len(provider.calls) == len(calls)
        assert all(call["actual_nusd"] == call["hold_nusd"] for call in unknown)
        unsettled = Counter(billed) - Counter(known)
        assert Counter(known) <= Counter(billed)
        assert unsettled.total() <= len(unknown)
        assert sum(billed) <= sum(known) + sum(call["actual_nusd"] for call in unknown) == cost_nusd
        assert await account(self.database, f"T1/run/{run_id}/") == (cost_nusd, 0)
