"""What ends a request goes before what begins another; a turn that is given up goes on to the next."""

import asyncio

from bot.slack.turns import Rank, Turns


class Queue:
    """Waiters for one turn, and who had it."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.had: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def wait(self, name: str, rank: Rank) -> None:
        self.tasks[name] = asyncio.get_running_loop().create_task(self._wait(name, rank))

    async def _wait(self, name: str, rank: Rank) -> None:
        async with self.turns.turn(rank):
            self.had.append(name)
            await asyncio.sleep(0)

    async def all(self) -> None:
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def test_the_end_of_a_request_comes_before_another_beginning_and_equals_in_their_order() -> None:
    queue = Queue()
    async with queue.turns.turn(Rank.USUAL):
        for name, rank in (
            ("root 1", Rank.BEGINS),
            ("root 2", Rank.BEGINS),
            ("card", Rank.USUAL),
            ("answer 1", Rank.ENDS),
            ("answer 2", Rank.ENDS),
        ):
            queue.wait(name, rank)
        await asyncio.sleep(0)
        assert queue.turns.locked()
    await queue.all()
    assert queue.had == ["answer 1", "answer 2", "card", "root 1", "root 2"]
    assert not queue.turns.locked()


async def test_a_waiter_that_gives_up_is_passed_over_also_in_the_moment_of_its_turn() -> None:
    queue = Queue()
    async with queue.turns.turn(Rank.USUAL):
        for name in ("gone early", "gone late", "stays"):
            queue.wait(name, Rank.USUAL)
        await asyncio.sleep(0)
        queue.tasks["gone early"].cancel()
        await asyncio.sleep(0)
    queue.tasks["gone late"].cancel()  # the turn is its own, and it has not noticed
    await queue.all()
    assert queue.had == ["stays"]
    assert not queue.turns.locked()


async def test_whoever_finds_it_free_waits_for_nobody() -> None:
    turns = Turns()
    async with turns.turn(Rank.BEGINS):
        assert turns.locked()
    async with turns.turn(Rank.ENDS):
        assert turns.locked()
    assert not turns.locked()
