"""What people rated: requests with their answers, as long as their words are kept."""

from dataclasses import dataclass

from storage.database.database import Database
from storage.database.statements import load, single
from storage.run_rows import was_dry

q = load("ratings")


@dataclass(frozen=True, slots=True)
class RatedRun:
    """A run with how many people found that its answer helped, and how many not. `result_json` is as it was stored."""

    run_id: str
    workspace: str
    channel: str
    flow: str
    request: str
    result_json: str
    up: int
    down: int
    is_dry: bool


async def rated_runs(db: Database, *, from_us: int, until_us: int, channel: str = "") -> list[RatedRun]:
    """Return the rated first requests of threads in channels, oldest first; direct messages are never among them."""
    rows = await db.read(lambda: single(q.rated_runs(from_us=from_us, until_us=until_us, channel=channel)))
    return [
        RatedRun(
            run_id=row["id"],
            workspace=row["workspace"],
            channel=row["channel"],
            flow=row["flow"],
            request=row["request"],
            result_json=row["result"],
            up=int(row["up"]),
            down=int(row["down"]),
            is_dry=was_dry(row["options_json"]),
        )
        for row in rows
    ]
