"""Runs as values: the request about to be accepted, and the row that it becomes."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from patterns.core.holds import Fence, Payer
from patterns.roster.schema import SNAPSHOT_CODE
from storage.database.statements import Row

DRY = "dry"
"""The option of a run that calls no tool that acts."""
RESOURCES = "with"
"""The option of a run that names resources of servers to attach."""
Status = Literal["accepted", "running", "parked", "done"]


@dataclass(frozen=True, slots=True)
class NewRun:
    """A request about to be accepted. `delivery_key` is its idempotency key: a second delivery opens the same run.

    `needs_code` is the first code version that can execute it: older processes on the same database leave it alone.
    """

    workspace: str
    channel: str
    channel_kind: Literal["channel", "dm"]
    thread_ts: str
    user: str
    kind: Literal["slack", "terminal"]
    request: str
    flow: str
    options: Mapping[str, Any]
    roster_hash: str
    roster_json: str
    delivery_key: str
    needs_code: int = SNAPSHOT_CODE


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a run waits its turn: with the others of its person in its channel."""

    workspace: str
    channel: str
    user: str

    @property
    def person(self) -> tuple[str, str, str]:
        """Return the key of the person in every channel."""
        return "person", self.workspace, self.user

    @property
    def channel_key(self) -> tuple[str, str, str]:
        """Return the key of the channel with all of its people."""
        return "channel", self.workspace, self.channel


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of the table `run`. Times in microseconds; `executed_ms` counts working time only."""

    id: str
    workspace: str
    channel: str
    channel_kind: Literal["channel", "dm"]
    thread_ts: str
    root_ts: str
    user: str
    kind: Literal["slack", "terminal"]
    flow: str
    options: dict[str, Any]
    status: Status
    stop_reason: str
    epoch: int
    roster_hash: str
    executed_ms: int
    worst_nusd: int
    cost_nusd: int
    created_us: int
    finished_us: int | None
    cancel_requested_by: str | None

    @property
    def is_queued(self) -> bool:
        """Return whether it waits for its turn, with nothing shown or paid yet."""
        return self.status == "accepted" and not self.root_ts

    @property
    def is_dry(self) -> bool:
        """Return whether it calls no tool that acts, however often it is resumed."""
        return bool(self.options.get(DRY))

    @property
    def fence(self) -> Fence:
        """Return the fencing token that came with the claim."""
        return Fence(run_id=self.id, epoch=self.epoch)

    @property
    def lane(self) -> Lane:
        """Return where it waits its turn."""
        return Lane(self.workspace, self.channel, self.user)

    @property
    def payer(self) -> Payer:
        """Return whose monthly budget pays."""
        return Payer(workspace=self.workspace, channel=self.channel, channel_kind=self.channel_kind, user=self.user)


def was_dry(options_json: str) -> bool:
    """Return whether the stored options of a run are those of a dry one."""
    return bool(json.loads(options_json).get(DRY))


def run_of(row: Row) -> RunRow:
    """Return a row of the table `run` as a value."""
    return RunRow(
        id=row["id"],
        workspace=row["workspace"],
        channel=row["channel"],
        channel_kind=row["channel_kind"],
        thread_ts=row["thread_ts"],
        root_ts=row["root_ts"],
        user=row["user_id"],
        kind=row["kind"],
        flow=row["flow"],
        options=json.loads(row["options_json"]),
        status=row["status"],
        stop_reason=row["stop_reason"],
        epoch=row["epoch"],
        roster_hash=row["roster_hash"],
        executed_ms=row["executed_ms"],
        worst_nusd=row["worst_nusd"],
        cost_nusd=row["cost_nusd"],
        created_us=row["created_us"],
        finished_us=row["finished_us"],
        cancel_requested_by=row["cancel_requested_by"],
    )


def lane_of(row: Row) -> Lane:
    """Return the lane of a row that has workspace, channel and user_id."""
    return Lane(row["workspace"], row["channel"], row["user_id"])


def new_run_id() -> str:
    """Return a new random run id, short enough for logs, buttons and error texts."""
    return f"r{secrets.token_hex(6)}"
