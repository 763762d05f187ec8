"""Approvals: what a call needs before it is sent, from a grant given beforehand or from a person who is asked now.

Everything that was decided is journalled or stands in the questions of the run, so a resumed run asks nothing twice.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from patterns.core.errors import ParkedError
from patterns.core.questions import Decision, Question
from patterns.core.tools import RUN_GRANT_CALLS, AskedCall
from patterns.roster.tool_schema import ToolSpec
from patterns.services import Services, join
from patterns.tools.dry_run import is_left_out
from patterns.tools.judging import Judged, Offered, call_key

PRIVATE = "tools/private"
"""Where a run journals that it has read something private."""
GRANTED = "tools/granted"
"""Where a run journals approvals that cover further calls of it, and which calls used them."""
APPROVAL_S = 86_400
REMINDER_S = 14_400
_SECRET_NAME = re.compile(
    r"pass(?:word|wd|phrase)?|secret|token|api_?key|authorization|credential|private_?key", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"\b(?:sk-|sk_|gsk_|hf_|xai-|xox[abp]-|xapp-|gh[pousr]_|github_pat_|AKIA|AIza|eyJ[\w-]+\.)[\w.-]{8,}"
    r"|-----BEGIN [A-Z ]+-----[\s\S]*"
)
MASK = "••••"


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
        asking: dict[tuple[str, tuple[str, ...]], tuple[ToolSpec, dict[str, Judged]]] = {}
        for path, one in calls.items():
            tool = one.tool
            if tool is None or not tool.spec.asks or is_left_out(tool.spec, dry=self.services.tool_rules.dry):
                found[path] = NOBODY
            elif (permit := await self._granted(path, tool, private=private)) is not None:
                found[path] = permit
            else:
                who = tool.spec.approve_by, tool.spec.approvers
                asking.setdefault(who, (tool.spec, {}))[1][path] = one
        waiting: list[str] = []
        for spec, group in asking.values():
            try:
                decision = await self._ask(turn, group, spec, private=private)
            except ParkedError as parked:
                waiting += parked.paths
                continue
            found |= dict.fromkeys(group, _permit(decision))
            if decision.verdict == "approve" and decision.scope == "run":
                await self._grant([one.tool for one in group.values() if one.tool], decision)
        if waiting:
            raise ParkedError(*waiting)
        return found

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
        for number in range(1, RUN_GRANT_CALLS + 1):
            use = await self.services.record_decision(join(GRANTED, spec.name, number), {"call": path})
            if use.data.get("call") == path:
                return Permit(by=str(kept.data.get("by", "")))
        return None

    async def _grant(self, tools: Iterable[Offered], decision: Decision) -> None:
        for tool in tools:
            data = {"schema": tool.hash, "by": decision.user}
            await self.services.record_decision(join(GRANTED, tool.spec.name), data)

    # ------------------------------------------------------------ people

    async def _ask(self, turn: int, group: Mapping[str, Judged], spec: ToolSpec, *, private: bool) -> Decision:
        """Return what a person decided about calls that share a question; the hash of their arguments is in its path.

        `spec` says who may decide: it is that of each of them.
        """
        calls = tuple(asked(self.agent, one, private=private) for one in group.values())
        key = call_key("", [one.key for one in group.values()], spec.approve_by)[:16]
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


def shown_arguments(arguments: Mapping[str, object]) -> str:
    """Return arguments as JSON that a person can read, with what looks like a secret masked."""
    return json.dumps(_masked(arguments), ensure_ascii=False, indent=2)


def _masked(value: object, name: str = "") -> object:
    if isinstance(value, Mapping):
        return {key: _masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner, name) for inner in value]
    if isinstance(value, str):
        return MASK if value and _SECRET_NAME.search(name) else _SECRET_VALUE.sub(MASK, value)
    return value
