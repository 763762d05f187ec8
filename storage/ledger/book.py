"""Working set of one ledger transaction, as plain values: admission rules need no database."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, NamedTuple

from patterns.core.errors import BudgetExceededError
from patterns.core.holds import Payer
from patterns.core.money import Usage
from patterns.core.reasons import Reason
from storage.database.statements import Row
from storage.ledger.periods import LEAP_MONTHS, months_between, period_key

QUARTER_US = 900_000_000
"""Resolution of sums by time: a quarter hour, because every time zone begins its day on one."""


# Most calls of a batch name the same few accounts.
@lru_cache(maxsize=1024)
def _listed(ids_json: str) -> tuple[str, ...]:
    return tuple(json.loads(ids_json))


@lru_cache(maxsize=1024)
def as_json(ids: tuple[str, ...]) -> str:
    """Return account ids as the column `accounts_json` of a call."""
    return json.dumps(ids)


@dataclass(frozen=True, slots=True)
class Policy:
    """The roster's budgets in nano-dollars a month: the limits where no admin has set any.

    `person_nusd` is what one person may spend in all channels together; None: no such cap.
    """

    workspace_nusd: int
    channel_nusd: int
    dm_user_nusd: int
    zone: str = "UTC"
    person_nusd: int | None = None


class AccountName(NamedTuple):
    """What the id of an account says: whose limit it is, and of which month; runs and stages have none."""

    workspace: str
    kind: str
    key: str
    period: str

    @classmethod
    def of(cls, id_: str) -> "AccountName":
        """Return the name in an id; see `account_id`."""
        workspace, kind, rest = id_.split("/", 2)
        key, _, period = rest.rpartition("/")
        return cls(workspace, kind, key, period)

    @property
    def is_of_all_channels(self) -> bool:
        """Return True for one person's part of all channels together; of one channel, its key names the channel."""
        return self.kind == "user" and ":" not in self.key


@dataclass(slots=True)
class Account:
    """What of a row of `account` decides: a limit and what counts against it. `limit_nusd` None: no limit."""

    id: str
    limit_nusd: int | None
    granted_nusd: int = 0
    settled_nusd: int = 0
    reserved_nusd: int = 0

    @property
    def name(self) -> AccountName:
        """Return whose limit it is."""
        return AccountName.of(self.id)

    def fits(self, nusd: int) -> bool:
        """Return whether that much more may be held."""
        if self.limit_nusd is None or nusd <= 0:
            return True
        return self.settled_nusd + self.reserved_nusd + nusd <= self.limit_nusd + self.granted_nusd


@dataclass(slots=True)
class Owner:
    """What of a row of `run` says who may hold and publish for it."""

    run_id: str
    workspace: str
    epoch: int
    status: str
    cancel_requested_by: str | None


@dataclass(slots=True)
class Call:
    """A row of `call`, its columns in order: an attempt or a reservation, and its state."""

    id: str
    run_id: str
    path: str
    attempt: int
    workspace: str
    channel: str
    user_id: str
    period: str
    flow: str
    agent: str
    model: str
    price_version: str
    hold_nusd: int
    state: str
    actual_nusd: int = 0
    overrun_nusd: int = 0
    usage_json: str | None = None
    reason: str = ""
    accounts_json: str = "[]"
    owner_epoch: int = 0
    opened_us: int = 0
    closed_us: int | None = None

    @property
    def accounts(self) -> Sequence[str]:
        """Return the ids of the accounts it counts against."""
        return _listed(self.accounts_json)

    @property
    def is_open(self) -> bool:
        """Return whether money is held for it."""
        return self.state in {"reserved", "open"}

    @property
    def held_nusd(self) -> int:
        """Return what is still held for it, in nano-dollars."""
        return self.hold_nusd if self.is_open else 0


@dataclass(slots=True)
class Config:
    """A row of `workspace` or of `channel`: limits, zone, and the newest month that was opened."""

    workspace: str
    id: str
    kind: str
    zone: str | None = None
    next_zone: str | None = None
    limit_nusd: int | None = None
    user_cap_nusd: int | None = None
    default_channel_nusd: int | None = None
    dm_user_nusd: int | None = None
    period: str = ""
    blocked: int = 0
    blocked_reason: str = ""

    def roll_period(self, now_us: int, zone: str, *, trusted: bool, confirmed: bool) -> bool:
        """Move on to the month of now, never back, and apply a changed zone; return whether the row changed.

        A leap of more than a year needs Slack to confirm the clock: a month opened far ahead could never be left again.

        Raises:
            BudgetExceededError: the clock is not trusted and no month was ever opened.
        """
        key = period_key(now_us, self.zone or zone)
        if key <= self.period:
            return False
        leaps = bool(self.period) and months_between(self.period, key) > LEAP_MONTHS
        if not trusted or (leaps and not confirmed):
            if self.period:
                return False
            raise BudgetExceededError(
                "The clock of this machine disagrees with Slack's, so no new month is opened. Set the clock.",
                kind=self.kind,
                key=self.id,
                period=key,
                blocked=Reason.CLOCK,
            )
        self.period = key
        if self.next_zone:
            self.zone, self.next_zone = self.next_zone, None
        return True


@dataclass(slots=True)
class LedgerTransaction:
    """Working set of one transaction: the locked rows by key, and which of them are to be written."""

    policy: Policy
    now_us: int
    trusted: bool = True
    confirmed: bool = False
    runs: dict[str, Owner] = field(default_factory=dict)
    workspaces: dict[str, Config] = field(default_factory=dict)
    payers: dict[tuple[str, str], Config] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    quarantine: dict[tuple[str, str], Row] = field(default_factory=dict)

    changed_accounts: set[str] = field(default_factory=set)
    rolled: list[Config] = field(default_factory=list)
    opened_calls: list[str] = field(default_factory=list)
    changed_calls: set[str] = field(default_factory=set)
    spent: dict[tuple[str, ...], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * 5))
    spent_at: dict[tuple[str, str, str, int], int] = field(default_factory=lambda: defaultdict(int))
    opened_tools: list[dict[str, Any]] = field(default_factory=list)
    answered_tools: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    overruns: list[Call] = field(default_factory=list)
    late_bills: list[tuple[Call, str]] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    request_limits: dict[str, dict[str, int | None]] = field(default_factory=dict)
    payer_limits: dict[Payer, dict[str, int | None]] = field(default_factory=dict)
    _configs: dict[Payer, tuple[Config, Config]] = field(default_factory=dict)

    def config(self, payer: Payer) -> tuple[Config, Config]:
        """Return the workspace's and the payer's configuration, in the month of now."""
        known = self._configs.get(payer)
        if known is None:
            known = self._configs[payer] = self._rolled(payer)
        return known

    def _rolled(self, payer: Payer) -> tuple[Config, Config]:
        workspace = self.workspaces.setdefault(
            payer.workspace, Config(payer.workspace, payer.workspace, kind="workspace")
        )
        key = payer_key(payer)
        own = self.payers.setdefault((payer.workspace, key), Config(payer.workspace, key, kind=payer.channel_kind))
        zone = workspace.zone or self.policy.zone
        for config, fallback in ((workspace, self.policy.zone), (own, zone)):
            if config.roll_period(self.now_us, fallback, trusted=self.trusted, confirmed=self.confirmed):
                self.rolled.append(config)
        return workspace, own

    def add_spend(self, call: Call, *, calls: int, delta_nusd: int, uncertain_nusd: int, usage: Usage | None) -> None:
        """Add a call's change to the sums that reports read."""
        key = (call.workspace, call.channel, call.period, call.flow, call.agent, call.model, call.user_id)
        total = self.spent[key]
        total[0] += calls
        total[1] += delta_nusd
        total[2] += uncertain_nusd
        if usage:
            total[3] += usage.input_tokens
            total[4] += usage.output_tokens
        self.spent_at[call.workspace, call.channel, call.period, call.opened_us // QUARTER_US] += delta_nusd


def payer_key(payer: Payer) -> str:
    """Return the key of the account that pays: the channel, or the person for direct messages."""
    return payer.channel if payer.channel_kind == "channel" else payer.user


def account_id(workspace: str, kind: str, key: str, period: str) -> str:
    """Return the id of an account, the same in every process: a hold locks it without a look-up.

    Only a key may have a slash.
    """
    return f"{workspace}/{kind}/{key}/{period}"


_COUNTS = tuple(one.name for one in fields(Usage))


def usage_json(usage: Usage) -> str:
    """Return a bill as programs before searches of the web read it too, where it has none."""
    counts = {name: getattr(usage, name) for name in _COUNTS}
    if not usage.searches:
        del counts["searches"]
    return json.dumps(counts)
