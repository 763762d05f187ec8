"""Approvals: what a call needs before it is sent, from a grant given beforehand or from a person who is asked now.

Everything that was decided is journalled or stands in the questions of the run, so a resumed run asks nothing twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from patterns.core.errors import ParkedError
from patterns.core.questions import Decision, Question
from patterns.core.tools import RUN_GRANT_CALLS, AskedCall
from patterns.roster.tool_schema import ToolSpec
from patterns.services import Services, join
from patterns.tools.dry_run import is_left_out
from patterns.tools.judging import Judged, Offered, call_key
from patterns.tools.masking import shown_arguments

PRIVATE = "tools/private"
"""Where a run journals that it has read something private."""
GRANTED = "tools/granted"
"""Where a run journals approvals that cover further calls of it, and which calls used them."""
ASKED = "asked"
"""Where a turn journals which of its calls people are asked about, below its own path."""
DENIED = "denied"
"""Where a run journals, below the approvals it was given, that a call of the tool was denied."""
APPROVAL_S = 86_400
REMINDER_S = 14_400


@dataclass(frozen=True, slots=True)
class Permit:
    """Whether a call may be sent: `by` approved it, empty where nobody had to; `refusal` is told to the agent."""

    by: str = ""
    refusal: str = ""


NOBODY = Permit()


@dataclass
class Approvals:
    """The approvals of one step of a run. `path` is the step's."""

    services: Services
    agent: str
    path: str

    async def permits(self, turn: int, calls: Mapping[str, Judged]) -> dict[str, Permit]:
        """Return for each call of a turn, by its path, whether it may be sent; those that ask share their questions.

        Raises:
            ParkedError: people have not decided yet; every question of the turn is stored.
        """
        private = await self.is_private()
        found: dict[str, Permit] = {}
        asking: dict[str, Judged] = {}
        questions = await self._asked_before(turn)
        for path, one in calls.items():
            tool = one.tool
            if tool is None or not tool.spec.asks or is_left_out(tool.spec, dry=self.services.tool_rules.dry):
                found[path] = NOBODY
            elif path not in questions and (permit := await self._granted(path, tool, private=private)) is not None:
                found[path] = permit
            else:
                asking[path] = one
        if asking:
            found |= await self._decided(turn, asking, questions, private=private)
        return found

    async def _decided(
        self, turn: int, asking: Mapping[str, Judged], questions: Mapping[str, str], *, private: bool
    ) -> dict[str, Permit]:
        """Return what people decided about calls; those for the same people share a question.

        Raises:
            ParkedError: they have not decided yet.
        """
        new = {path: one for path, one in asking.items() if path not in questions}
        if not questions:
            record = await self.services.record_decision(join(self.path, "turn", turn, ASKED), {"calls": _shared(new)})
            questions = record.data["calls"]
        keys = {**_shared(new), **questions}
        found: dict[str, Permit] = {}
        waiting: list[str] = []
        for key in dict.fromkeys(keys[path] for path in asking):
            group = {path: one for path, one in asking.items() if keys[path] == key}
            tools = [one.tool for one in group.values() if one.tool]
            try:
                decision = await self._ask(turn, key, group, tools[0].spec, private=private)
            except ParkedError as parked:
                waiting += parked.paths
                continue
            found |= dict.fromkeys(group, _permit(decision))
            if decision.verdict == "approve" and decision.scope == "run":
                await self._grant(tools, decision)
            elif decision.verdict == "deny":
                await self._end_grants(tools)
        if waiting:
            raise ParkedError(*waiting)
        return found

    async def _asked_before(self, turn: int) -> Mapping[str, str]:
        """Return the calls of a turn that people were asked about, each with its question.

        Only they decide about those: an approval that is given for others while they wait does not cover them.
        """
        kept = await self.services.find_decision(join(self.path, "turn", turn, ASKED))
        return kept.data["calls"] if kept is not None else {}

    async def is_private(self) -> bool:
        """Return whether the run has read something private, here or in an earlier step."""
        rules = self.services.tool_rules
        return rules.is_private or await self.services.find_decision(PRIVATE) is not None

    async def mark_private(self, spec: ToolSpec) -> None:
        """Journal that the run reads something private, before it does."""
        await self.services.record_decision(PRIVATE, {"tool": spec.name})

    # ------------------------------------------------------------ grants given beforehand

    async def _granted(self, path: str, tool: Offered, *, private: bool) -> Permit | None:
        """Return the permit of a grant that covers a call; None where a person has to be asked.

        After something private was read, no grant covers a call that acts or can go anywhere.
        """
        spec = tool.spec
        if private and (not spec.read_only or spec.reach == "anywhere"):
            return None
        standing = (one for one in self.services.tool_rules.grants if one.tool == spec.name)
        for grant in standing:
            if grant.schema_hash == tool.hash:
                return Permit(by=grant.given_by or grant.id)
        kept = await self.services.find_decision(join(GRANTED, spec.name))
        if kept is None or kept.data.get("schema") != tool.hash:
            return None
        is_over = await self.services.find_decision(join(GRANTED, spec.name, DENIED)) is not None
        for number in range(1, RUN_GRANT_CALLS + 1):
            at = join(GRANTED, spec.name, number)
            use = await self.services.find_decision(at)
            if use is None and is_over:
                return None
            use = use or await self.services.record_decision(at, {"call": path})
            if use.data.get("call") == path:
                return Permit(by=str(kept.data.get("by", "")))
        return None

    async def _end_grants(self, tools: Iterable[Offered]) -> None:
        """Journal that somebody denied a call of these tools: from then on the run asks for each."""
        for tool in tools:
            await self.services.record_decision(join(GRANTED, tool.spec.name, DENIED), {})

    async def _grant(self, tools: Iterable[Offered], decision: Decision) -> None:
        for tool in tools:
            data = {"schema": tool.hash, "by": decision.user}
            await self.services.record_decision(join(GRANTED, tool.spec.name), data)

    # ------------------------------------------------------------ people

    async def _ask(
        self, turn: int, key: str, group: Mapping[str, Judged], spec: ToolSpec, *, private: bool
    ) -> Decision:
        """Return what a person decided about calls that share a question.

        `spec` says who may decide: it is that of each of them.
        """
        calls = tuple(asked(self.agent, one, private=private) for one in group.values())
        question = Question(
            kind="tool",
            title=", ".join(dict.fromkeys(one.tool for one in calls)),
            amount_nusd=sum(one.price_nusd for one in calls),
            deadline_s=APPROVAL_S,
            reminder_s=REMINDER_S,
            approvers=spec.approvers,
            calls=calls,
            approve_by=spec.approve_by,
        )
        services = self.services
        return await services.decisions.ask(services.fence, join(self.path, "turn", turn, "ask", key), question)


def _shared(calls: Mapping[str, Judged]) -> dict[str, str]:
    """Return for each call the key of its question: the hash of all the calls that the same people decide about."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for path, one in calls.items():
        if one.tool is not None:
            groups.setdefault((one.tool.spec.approve_by, one.tool.spec.approvers), []).append(path)
    keys = {who: call_key("", [calls[path].key for path in paths], who[0])[:16] for who, paths in groups.items()}
    return {path: keys[who] for who, paths in groups.items() for path in paths}


def _permit(decision: Decision) -> Permit:
    if decision.verdict == "approve":
        return Permit(by=decision.user)
    if decision.verdict == "expired":
        return Permit(refusal="Not called: nobody approved it in time. Answer without it, and say so.")
    why = f" The reason given: {decision.text}" if decision.text else ""
    return Permit(refusal=f"Not called: a person denied it.{why} Do not try it again another way.")


def asked(agent: str, one: Judged, *, private: bool = False) -> AskedCall:
    """Return a call as the question about it shows it."""
    assert one.tool is not None  # noqa: S101 - only calls that can be made are asked about
    spec = one.tool.spec
    return AskedCall(
        agent=agent,
        tool=spec.name,
        arguments=shown_arguments(one.arguments or {}),
        price_nusd=spec.price_nusd,
        reach=spec.reach,
        note="This run has read something private." if private else "",
        schema_hash=one.tool.hash,
    )
