"""Money set aside for one attempt: who pays, what is asked for, what was held and what it came to."""

from dataclasses import dataclass
from typing import Literal

from patterns.core.limits import Cap
from patterns.core.money import Usage
from patterns.core.tools import ToolAnswer, ToolFacts


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays: the workspace, and in it a channel's month or a person's own month for direct messages."""

    workspace: str
    channel: str
    channel_kind: Literal["channel", "dm"]
    user: str

    @classmethod
    def of_channel(cls, workspace: str, channel: str) -> "Payer":
        """Return the account of a channel, whoever asks there."""
        return cls(workspace, channel, "channel", "")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fencing token: claiming a run raises its epoch, and an older epoch may no longer hold or publish."""

    run_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A request for the first phase of a two-phase hold: the upper bound of one attempt, before it is sent.

    `call_id` is the idempotency key, chosen by the caller, so that repeating a request whose answer was lost holds
    once. `caps` are the run and the stages around the step, outermost first. `envelope` names a reservation that pays
    first. `lease_s` extends the lease of the run with the hold, so that nobody else claims it for that long. `tool` is
    given for the call of a tool, whose `model` is `tool:NAME`.
    """

    call_id: str
    fence: Fence
    payer: Payer
    caps: tuple[Cap, ...]
    path: str
    attempt: int
    agent: str
    model: str
    flow: str
    price_version: str
    amount_nusd: int
    envelope: str | None = None
    lease_s: float = 0.0
    tool: ToolFacts | None = None


@dataclass(frozen=True, slots=True)
class ReserveRequest:
    """A request to reserve money for later work: the voices of a fan-out, its synthesis, a closing summary.

    A reservation cannot be sent: holds draw on it, what is left is released, and a crash frees it.
    """

    call_id: str
    fence: Fence
    payer: Payer
    caps: tuple[Cap, ...]
    path: str
    flow: str
    amount_nusd: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Money set aside for one attempt, committed to the database.

    `drawn_nusd` of it came from the reservation `envelope`; what is not spent of that returns there.
    """

    call_id: str
    amount_nusd: int
    envelope: str | None = None
    drawn_nusd: int = 0


@dataclass(frozen=True, slots=True)
class Charged:
    """The charge of a finished attempt: `actual_nusd` is 0, the bill, or the whole hold when uncertain."""

    state: Literal["settled", "uncertain", "released"]
    actual_nusd: int
    usage: Usage | None = None
    reason: str = ""
    tool: ToolAnswer | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result of settling: the charge in force, and by how much it was above the hold."""

    actual_nusd: int
    overrun_nusd: int
