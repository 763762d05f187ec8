"""Budget commands as typed values."""

from dataclasses import dataclass
from typing import Literal

Switch = Literal["freeze", "unfreeze", "pause", "resume"]
AmountName = Literal["limit", "user-cap", "channel-default", "dm-default", "workspace-limit"]


@dataclass(frozen=True, slots=True)
class ShowBudget:
    """Show this month's balance to the person who asks."""


@dataclass(frozen=True, slots=True)
class ShowReport:
    """Post a month's report in the channel. An empty `period` is the current month; `csv` adds a file of numbers."""

    period: str = ""
    csv: bool = False


@dataclass(frozen=True, slots=True)
class ShowAudit:
    """Show who changed what."""


@dataclass(frozen=True, slots=True)
class ShowAll:
    """Show every channel of the workspace to its admins."""


@dataclass(frozen=True, slots=True)
class EditBudget:
    """Open the form with all current values; with `value` in one `field` of it, where somebody wrote one.

    `field` is limit, grant, user_cap or alerts; empty, no field is filled in.
    """

    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class SetAmount:
    """Set a monthly limit; None returns to the default, for a user cap to no cap."""

    name: AmountName
    nusd: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """Add money for this month only."""

    nusd: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetAlerts:
    """Set the shares of the limit, in percent, at which people are alerted."""

    percents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetZone:
    """Set the time zone in which the month turns."""

    zone: str


@dataclass(frozen=True, slots=True)
class Flip:
    """Freeze or unfreeze the channel, pause or resume the workspace."""

    switch: Switch
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseCalls:
    """Release uncertain calls that the provider never billed."""

    call_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class LiftModel:
    """Put a model back into use after a bill above its hold; its holds are multiplied by `percent` / 100."""

    model: str
    percent: int


@dataclass(frozen=True, slots=True)
class SetDigest:
    """Turn the Monday summary on or off."""

    on: bool


@dataclass(frozen=True, slots=True)
class SetOwner:
    """Name an owner of this channel's budget."""

    user: str
    owns: bool


@dataclass(frozen=True, slots=True)
class SetModels:
    """Set the providers and models this channel's text may go to; empty for all of the roster."""

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
    | ReleaseCalls
    | LiftModel
    | SetDigest
    | SetOwner
    | SetModels
)
