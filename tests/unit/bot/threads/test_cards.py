"""A card that nobody closes would ask for ever: whoever loses the run while posting it still finishes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bot.threads.cards import Cards
from patterns.core.questions import Decision

STOPPED = Decision(verdict="stop", user="U1", at_us=1)


class Slow(Cards):
    """Its post takes until it is let go; it remembers what it closed."""

    def begin(self) -> None:
        self.going: asyncio.Event
        for name, value in {"going": asyncio.Event(), "go": asyncio.Event(), "closed": []}.items():
            object.__setattr__(self, name, value)

    async def _card(self, *_: object, **__: object) -> Any:
        return None

    async def _post_once(self, *_: object) -> None:
        self.going.set()
        await self.go.wait()  # type: ignore[attr-defined]

    async def close(self, _run: object, path: str, _question: object, decision: Decision) -> bool:
        self.closed.append((path, decision.verdict))  # type: ignore[attr-defined]
        return True


async def test_a_card_of_a_run_that_was_stopped_while_it_was_posted_is_closed_though_its_poster_lost_the_run() -> None:
    async def find(_run_id: str, _path: str) -> SimpleNamespace:
        return SimpleNamespace(decision=STOPPED)

    any_: Any = SimpleNamespace(questions=SimpleNamespace(find=find))
    cards = Slow(any_, any_, any_, any_, any_, any_, any_)
    cards.begin()
    run: Any = SimpleNamespace(id="r1")
    posting = asyncio.create_task(cards.post(run, "confirm", any_))
    await cards.going.wait()
    posting.cancel()
    await asyncio.sleep(0)
    cards.go.set()  # type: ignore[attr-defined]
    with pytest.raises(asyncio.CancelledError):
        await posting
    assert cards.closed == [("confirm", "stop")]  # type: ignore[attr-defined]
