"""What a storm left, counted: every promise that broke, with the run and enough facts to find out why."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.messages.run_text import STATE_WORDS
from bot.messages.views import RunState
from patterns.core.money import Price, Usage
from storage.database.database import Database
from storage.database.statements import Query, Row, single
from storage.ledger.verify import verify
from tests.crash.storm_slack import StormSlack, buttons, looks, named, number_of
from tests.fakes.provider import Bill

LOST_REASON = "the process that sent it ended before an answer"
CUT_REASONS = frozenset({"connection", "truncated", "malformed", "the provider sent no usage"})
LIVE = (
    "run_stop", "run_confirm", "run_cancel", "review_approve", "review_changes", "review_stop",
    "tool_approve", "tool_deny", "outcome_done", "outcome_again",
)  # fmt: skip
"""Buttons that nobody may see once all runs are over."""


async def ask(db: Database, sql: str, **values: object) -> list[Row]:
    """Rows of a question of the storm's own."""
    return await db.read(lambda: single(Query("storm", sql)(**values)))


def answered_by(message: Mapping[str, Any]) -> str:
    """The run whose answer ends in this message: it has the button for the details."""
    details = re.search(
        r'"action_id": "run_details", "value": "(\w+)"|"value": "(\w+)", "action_id": "run_details"',
        json.dumps(message),
    )
    return (details[1] or details[2]) if details else ""


PAID_AGAIN = """
    SELECT later.id, later.run_id, later.path FROM step
    JOIN call AS first ON first.id = step.call_id
    JOIN call AS later ON later.run_id = step.run_id AND later.path = step.path AND later.attempt > 0
    WHERE later.opened_us > first.closed_us
"""
"""Sent although the step stood in the journal. An owner that stalled past its lease may have a call out beside its
successor's: that one is paid, and its result is nobody's."""


@dataclass
class Report:
    """What the storm found. `wrongs` is empty when every promise held."""

    kills: int = 0
    seconds: float = 0.0
    ways: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    accepted: int = 0
    runs: int = 0
    replayed: int = 0
    replayed_nusd: int = 0
    calls: int = 0
    billed_nusd: int = 0
    recorded_nusd: int = 0
    uncertain: Counter[str] = field(default_factory=Counter)
    """Calls whose bill nobody knows, by reason."""
    cuts: int = 0
    refusals: int = 0
    wrongs: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Accounts:
    """Compares what stands in Slack, in the ledger and in the provider's books."""

    db: Database
    slack: StormSlack
    report: Report
    killed_owners: set[tuple[str, int]]
    """Run and epoch of every owner that was ended."""
    withdrawn: set[int]
    """Requests that their authors deleted."""
    cut_reasons: frozenset[str] = CUT_REASONS
    """Why a call may be uncertain whose process lived."""

    def wrong(self, name: str, fact: str) -> None:
        """A promise that broke."""
        self.report.wrongs.setdefault(name, []).append(fact)

    async def count(self, bills: Sequence[Bill], prices: Mapping[str, Price]) -> None:
        """Fill the report."""
        runs = await ask(
            self.db,
            "SELECT run.id, run.status, run.stop_reason, run.root_ts, run.epoch, run.flow, run.cancel_requested_by,"
            " run.channel, COALESCE(content.text, '') AS text"
            " FROM run LEFT JOIN content ON content.id = run.request_content",
        )
        self.report.runs = len(runs)
        self.report.endings = Counter(run["stop_reason"] or run["status"] for run in runs)
        self._count_requests(runs, await self._words_on_drafts() | await self._told_privately() | self.withdrawn)
        await self._count_messages({run["id"]: run for run in runs})
        await self._count_money(runs, bills, prices)
        await self._count_leftovers()

    async def _words_on_drafts(self) -> set[int]:
        """Requests typed into a thread whose draft waits for people: there a reply is a word on the draft."""
        rows = await ask(self.db, "SELECT decision_json FROM question WHERE decision_json LIKE '%storm number%'")
        return {number_of(row["decision_json"]) for row in rows}

    async def _told_privately(self) -> set[int]:
        """Requests whose person was told privately why nothing was started, or asked what a reply to a draft means."""
        rows = await ask(self.db, "SELECT payload_json FROM inbox WHERE note = 'refused'")
        said = map(json.dumps, self.slack.calls("chat.postEphemeral"))
        asked = (words for words in said if "a yes to the draft" in words)
        return {number_of(words) for words in (*(row["payload_json"] for row in rows), *asked)}

    def _count_requests(self, runs: Sequence[Row], answered: set[int]) -> None:
        numbers = Counter(number_of(run["text"]) for run in runs)
        for number in sorted(self.slack.accepted - set(numbers) - answered):
            said = [
                words
                for words in map(json.dumps, self.slack.calls("chat.postEphemeral"))
                if f"number {number}" in words
            ]
            self.wrong("lost", f"request {number}; privately: {said}")
        for number, count in numbers.items():
            if number and count > 1:
                ids = [run["id"] for run in runs if number_of(run["text"]) == number]
                self.wrong("answered twice", f"request {number}: {ids}")

    async def _count_messages(self, runs: Mapping[str, Row]) -> None:
        rows = await ask(self.db, "SELECT run_id, name, state, ts, channel FROM slack_out")
        out = {(row["run_id"], row["name"]): row for row in rows}
        stopped = {row["run_id"] for row in await ask(self.db, _STOPPED_IN_REVIEW)}
        balance_line = {(channel.id, message["ts"]): message for channel, message in self.slack.shown()}
        for message, count in self.slack.posted().items():
            if count > 1:
                self.wrong("posted twice", f"{message}: {count} times")
        for run in runs.values():
            may_end = {"completed", "partial", *(("cancelled",) if run["cancel_requested_by"] else ())}
            is_withdrawn = (run["id"], "withdrawn") in out  # its author took the request back
            may_end |= {"cancelled", "rejected"} if run["id"] in stopped or is_withdrawn else set()
            if run["status"] != "done" or run["stop_reason"] not in may_end:
                self.wrong("ended badly", _facts(run))
            answer = out.get((run["id"], "answer/0"))
            if is_withdrawn and (answer is None or answer["state"] == "abandoned"):
                continue
            if answer is None and run["cancel_requested_by"] and not run["root_ts"]:
                continue  # it was stopped before anything of it was shown
            if answer is None or answer["state"] != "posted" or (answer["channel"], answer["ts"]) not in balance_line:
                self.wrong("silent", f"{_facts(run)} answer={dict(answer) if answer else None}")
        self._count_looks(runs)
        self._count_answers({run_id: row["ts"] for (run_id, name), row in out.items() if name == "answer/0"})

    def _count_answers(self, answers: Mapping[str, str]) -> None:
        """One answer a run stands, and no plan beside it."""
        shown = [message for _, message in self.slack.shown()]
        for message in shown:
            run_id, name = named(message) or ("", "")
            if name in ("progress", "queued") and run_id in answers and message["ts"] != answers[run_id]:
                self.wrong("half-truths", f"{run_id}: its {name} still stands beside the answer")
        for run_id, count in Counter(map(answered_by, shown)).items():
            if run_id and count > 1:
                self.wrong("answered twice", f"{run_id}: {count} answers stand")

    def _count_looks(self, runs: Mapping[str, Row]) -> None:
        """What people see must say how it ended."""
        final = {"completed": RunState.DONE, "cancelled": RunState.STOPPED, "rejected": RunState.PARTIAL}
        for _channel, message in self.slack.shown():
            name = named(message)
            if left := buttons(message).intersection(LIVE):
                self.wrong("half-truths", f"{name} still offers {sorted(left)}")
            if name is None or (run := runs.get(name[0])) is None:
                continue
            shown, state = looks(message), final.get(run["stop_reason"], RunState.PARTIAL)
            if name[1] == "root" and STATE_WORDS[state] not in shown:
                self.wrong("half-truths", f"{_facts(run)} root shows {shown[-200:]}")
            if name[1] == "queued" and "Queued" in shown:
                self.wrong("half-truths", f"{_facts(run)} still says that it is in line")

    async def _count_money(self, runs: Sequence[Row], bills: Sequence[Bill], prices: Mapping[str, Price]) -> None:
        report = self.report
        calls = await ask(self.db, "SELECT id, run_id, path, state, reason, owner_epoch FROM call WHERE attempt > 0")
        for again in await ask(self.db, PAID_AGAIN):
            self.wrong("paid twice", json.dumps(dict(again)))
        stopped = {run["id"] for run in runs if run["cancel_requested_by"]}
        for call in calls:
            if call["state"] in {"open", "reserved"}:
                self.wrong("held for ever", json.dumps(dict(call)))
            elif call["state"] == "uncertain":
                report.uncertain[call["reason"]] += 1
                if not self._is_excused(call, stopped):
                    self.wrong("uncertain without cause", json.dumps(dict(call)))
        cut = sum(report.uncertain[reason] for reason in self.cut_reasons)
        if cut > report.cuts:
            self.wrong("uncertain without cause", f"{cut} calls were cut, the provider cut {report.cuts}")
        recorded = sum(call["state"] in {"settled", "uncertain"} for call in calls)
        report.calls = len(calls)
        if len(bills) > recorded:
            self.wrong("unrecorded", f"{len(bills)} bills, {recorded} calls recorded")
        await self._count_sums(bills, prices)

    def _is_excused(self, call: Row, stopped: set[str]) -> bool:
        if call["reason"] == LOST_REASON or call["reason"] == "stopped":
            return (call["run_id"], call["owner_epoch"]) in self.killed_owners or (
                call["reason"] == "stopped" and call["run_id"] in stopped
            )
        return call["reason"] in self.cut_reasons

    async def _count_sums(self, bills: Sequence[Bill], prices: Mapping[str, Price]) -> None:
        report, found = self.report, await verify(self.db)
        report.billed_nusd = sum(
            prices[bill.model].cost_nusd(Usage(bill.input_tokens, bill.output_tokens)) for bill in bills
        )
        report.recorded_nusd = found.settled_nusd
        if report.billed_nusd > report.recorded_nusd:
            self.wrong("unrecorded", f"{report.billed_nusd} billed, {report.recorded_nusd} recorded")
        if not found.ok or found.held_nusd:
            self.wrong("sums", f"held {found.held_nusd}, differences {found.differences}")

    async def _count_leftovers(self) -> None:
        for name, sql in LEFTOVERS.items():
            for row in await ask(self.db, sql):
                self.wrong(name, json.dumps(dict(row), default=str))


LEFTOVERS = {
    "blocked threads": "SELECT * FROM thread WHERE active_run IS NOT NULL",
    "hanging questions": "SELECT run_id, path FROM question WHERE decided_us IS NULL",
    "untold": "SELECT run_id, name, state FROM slack_out WHERE state = 'intended'",
    "unheard": "SELECT key, kind FROM inbox WHERE done_us IS NULL",
    "failed deliveries": "SELECT key, kind, note FROM inbox WHERE note LIKE 'failed%'",
}
_STOPPED_IN_REVIEW = (
    "SELECT run_id FROM question WHERE decision_json LIKE '%\"stop\"%' OR decision_json LIKE '%\"cancel\"%'"
)


def _facts(run: Row) -> str:
    shown = {name: run[name] for name in ("status", "stop_reason", "flow", "epoch", "cancel_requested_by", "channel")}
    return f"{run['id']} ({number_of(run['text'])}): {shown}"
