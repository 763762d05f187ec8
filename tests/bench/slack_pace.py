"""How often Slack has to say "slow down" to three workers that share its pace, and to three that pace themselves.

    .venv/bin/python -m tests.bench.slack_pace [--runs 40] [--shared]

The double counts a workspace's calls as Slack documents them, with the bursts of
`bot.slack.rate_limiter`, and answers 429 with
Retry-After beyond. Without the table of slots each process paces itself, as it does while the database is away.
"""

import argparse
import asyncio
import time
from collections import Counter
from typing import Any

from aiohttp import web

from bot.slack.rate_limiter import POSTS, TIERS, Rate
from tests.bench.figures import tell
from tests.bench.workers import plant
from tests.fakes.slack_methods import arguments_of
from tests.fakes.slack_server import SlackServer
from tests.support.ledgers import execute

WORKERS = 3
_UNANSWERED = """SELECT id FROM run WHERE NOT EXISTS (
    SELECT 1 FROM slack_out WHERE run_id = run.id AND name = 'answer/0' AND state = 'posted') LIMIT 1"""


class LimitedSlack(SlackServer):
    """A Slack that refuses what comes too fast, and counts it."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self._due_s: dict[str, float] = {}

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        limits = _limits(method, await arguments_of(request))
        now_s = time.monotonic()
        late_s = max((self._late_s(key, rate, now_s) for key, rate in limits.items()), default=0.0)
        if late_s > 0:
            self.refused[method] += 1
            headers = {"Retry-After": str(int(late_s) + 1)}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        for key, rate in limits.items():
            self._due_s[key] = max(self._due_s.get(key, now_s), now_s) + rate.interval_s
        self.taken[method] += 1
        return await super()._api(request)

    def _late_s(self, key: str, rate: Rate, now_s: float) -> float:
        # A tenth of a second of patience: a call travels, and Slack is not that exact either.
        return self._due_s.get(key, now_s) - now_s - rate.allowance_s - 0.1


def _limits(method: str, arguments: dict[str, Any]) -> dict[str, Rate]:
    posts = {f"posts:{arguments['channel']}": POSTS} if method == "chat.postMessage" else {}
    return {**({method: TIERS[method]} if method in TIERS else {}), **posts}


async def measure(runs: int, *, shared: bool) -> None:
    """One burst of runs; prints what Slack said."""
    slack = LimitedSlack()
    async with plant(runs, slack) as house:
        if not shared:
            await execute(house.engine.db, "DROP TABLE pace")
        house.spread = False
        async with house.staffed(WORKERS):
            begun_s = time.monotonic()
            await asyncio.gather(*(house.accept() for _ in range(runs)))
            await house.until_none(_UNANSWERED)
            answered_s = time.monotonic() - begun_s
            await house.until_none("SELECT id FROM run WHERE status <> 'done' OR lease_until_us > 0 LIMIT 1")
            took_s = time.monotonic() - begun_s
    how = "one pace for all" if shared else "each its own pace"
    tell(f"{runs} requests, {how}: all answered", answered_s, "s")
    tell(f"{runs} requests, {how}: all closed", took_s, "s")
    tell(f"{runs} requests, {how}: calls a request", slack.taken.total() / runs, "")
    tell(f"{runs} requests, {how}: refused by Slack", slack.refused.total(), "")
    told = ", ".join(f"{method} {count}" for method, count in slack.refused.most_common()) or "none"
    print(
        f"  {how}: {slack.taken.total()} calls, "
        f"{slack.refused.total()} refused ({told}), all answered after {answered_s:.0f} s,"
        f" all closed after {took_s:.0f} s;"
        f" {', '.join(f'{method} {count}' for method, count in slack.taken.most_common())}",
        flush=True,
    )


async def main(runs: int, *, only_shared: bool) -> None:
    print(f"{runs} runs at once, {WORKERS} workers")
    for shared in (True,) if only_shared else (False, True):
        await measure(runs, shared=shared)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--shared", action="store_true", help="measure the shared pace only")
    options = parser.parse_args()
    asyncio.run(main(options.runs, only_shared=options.shared))
