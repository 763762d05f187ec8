"""What people can want of budgets, as typed values."""

from dataclasses import dataclass
from typing import Literal

Switch = Literal["freeze", "unfreeze", "pause", "resume"]
AmountName = Literal["limit", "user-cap", "channel-default", "dm-default", "workspace-limit"]


@dataclass(frozen=True, slots=True)
class ShowBudget:
    """How this month stands, for the person who asks."""


@dataclass(frozen=True, slots=True)
class ShowReport:
    """A month for everybody in the channel. `period` empty: the current one; `csv` adds the numbers as a file."""

    period: str = ""
    csv: bool = False


@dataclass(frozen=True, slots=True)
class ShowAudit:
    """Who changed what."""


@dataclass(frozen=True, slots=True)
class ShowAll:
    """Every channel of the workspace, for its admins."""


@dataclass(frozen=True, slots=True)
class EditBudget:
    """The form with all current values."""


@dataclass(frozen=True, slots=True)
class SetAmount:
    """A limit a month; None returns to the default, for a user cap to none at all."""

    name: AmountName
    nusd: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """More for this month only."""

    nusd: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetAlerts:
    """At which shares of the limit people are told."""

    percents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetZone:
    """Where the month turns."""

    zone: str


@dataclass(frozen=True, slots=True)
class Flip:
    """Freeze or unfreeze the channel, pause or resume the workspace."""

    switch: Switch
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseCall:
    """An uncertain call that was never billed."""

    call_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class LiftModel:
    """A model held back after an overrun may be called again, its holds multiplied by `percent` / 100."""

    model: str
    percent: int


@dataclass(frozen=True, slots=True)
class SetDigest:
    """A summary every Monday."""

    on: bool


@dataclass(frozen=True, slots=True)
class SetOwner:
    """Somebody who looks after this channel's budget."""

    user: str
    owns: bool


@dataclass(frozen=True, slots=True)
class SetModels:
    """Where this channel's text may go: providers and models; empty for all of the roster."""

    allowed: tuple[str, ...]


BudgetCommand = (
    ShowBudget
    | ShowReport
    | ShowAudit
    | ShowAll
    | EditBudget
    | SetAmount
    | Grant
    | SetAlerts
    | SetZone
    | Flip
    | ReleaseCall
    | LiftModel
    | SetDigest
    | SetOwner
    | SetModels
)
