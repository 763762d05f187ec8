"""What a shell asks the person in front of it, on a real pseudo-terminal."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.team import ANSWER, Team
from tests.support.shells import Ended, Shell


class Person:
    """Somebody who reads standard error and types."""

    def __init__(self, process: Process, screen: int) -> None:
        self.process = process
        self.seen = ""
        self._screen = screen

    async def reads(self, words: str) -> None:
        """Wait until the words stand on the screen, after those waited for before."""
        while words not in self.seen:
            self.seen += (await asyncio.to_thread(os.read, self._screen, 65536)).decode()
        self.seen = self.seen.partition(words)[2]

    def types(self, text: str) -> None:
        os.write(self._screen, text.encode())

    async def leaves(self) -> Ended:
        """The end of the command, with all that was still written."""
        assert self.process.stdout is not None
        out = await self.process.stdout.read()
        code = await self.process.wait()
        return Ended(code, out.decode(), await asyncio.to_thread(self._rest))

    def _rest(self) -> str:
        try:
            while more := os.read(self._screen, 65536).decode():
                self.seen += more
        except OSError:  # how Linux says that the other side is closed
            pass
        return self.seen


@asynccontextmanager
async def sitting_at(shell: Shell, *args: str, env: dict[str, str] | None = None) -> AsyncIterator[Person]:
    screen, terminal = os.openpty()
    process = await shell.start(*args, env=env, stdin=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    try:
        yield Person(process, screen)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(screen)


def drafts(call: Call) -> Reply | dict[str, object]:
    """A writer who does what people ask, and a critic who accepts."""
    if call.schema is not None:
        return {"feedback": [{"criterion": "1", "met": True, "change": ""}], "score": 8, "accepted": True}
    return Reply("Dear all, shorter." if "Make it shorter" in call.user else "Dear all, the release moves.")


async def test_somebody_waits_for_money_that_other_runs_hold(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        assert (await shell.run("ask", "--flow", "answer", "--agents", "coach", "Why?")).code == 0
        shell.sql("UPDATE account SET reserved_nusd = 25000000000 WHERE kind = 'channel'")
        unattended = await shell.run("ask", "--flow", "answer", "--agents", "coach", "Why?")
        async with sitting_at(shell, "ask", "--flow", "answer", "--agents", "coach", "Why?") as person:
            await person.reads("Other runs hold the money for this. I begin when it is free, or give up at ")
            shell.sql("UPDATE account SET reserved_nusd = 0 WHERE kind = 'channel'")
            answered = await person.leaves()
    assert (unattended.code, "Not started, nothing spent." in unattended.err) == (1, True)
    assert (answered.code, answered.out) == (0, f"{ANSWER}\n")


async def test_ctrl_c_ends_the_wait_for_money(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        assert (await shell.run("ask", "--flow", "answer", "--agents", "coach", "Why?")).code == 0
        shell.sql("UPDATE account SET reserved_nusd = 25000000000 WHERE kind = 'channel'")
        async with sitting_at(shell, "ask", "--flow", "answer", "--agents", "coach", "Why?") as person:
            await person.reads("Ctrl-C ends it.")
            person.process.send_signal(signal.SIGINT)
            ended = await person.leaves()
    assert (ended.code, ended.out) == (130, "")


async def test_a_price_above_the_limit_is_asked_about_and_a_no_costs_nothing(tmp_path: Path) -> None:
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        dear = shell.roster(confirm_above_usd="0.0001")
        async with sitting_at(shell, "ask", "--flow", "answer", "--agents", "coach", "Why?", env=dear) as person:
            await person.reads("Nothing is spent until you agree. Run? [y/n] ")
            person.types("n\n")
            declined = await person.leaves()
    assert (declined.code, declined.out) == (1, "")
    assert "The price was declined, so nothing more was started." in declined.err
    assert shell.paid_nusd() == 0


async def test_a_draft_is_approved_after_the_change_a_person_asked_for(tmp_path: Path) -> None:
    async with Provider(drafts) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        async with sitting_at(shell, "ask", "--yes", "--flow", "draft", "Tell all") as person:
            await person.reads("Dear all, the release moves.")
            await person.reads("The reviewer: accepted, 8 of 10")
            await person.reads("[a/c/s] ")
            person.types("what?\n")
            await person.reads("[a/c/s] ")
            person.types("c\n")
            await person.reads("What should change? ")
            person.types("Make it shorter\n")
            await person.reads("Dear all, shorter.")
            await person.reads("[a/c/s] ")
            person.types("a\n")
            approved = await person.leaves()
    assert (approved.code, approved.out) == (0, "Dear all, shorter.\n")
    assert len(provider.calls) == 4
    assert shell.sql("SELECT stop_reason FROM run") == [("completed",)]


async def test_ctrl_c_at_a_question_stops_the_run(tmp_path: Path) -> None:
    async with Provider(drafts) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        async with sitting_at(shell, "ask", "--yes", "--flow", "draft", "Tell all") as person:
            await person.reads("[a/c/s] ")
            person.process.send_signal(signal.SIGINT)
            stopped = await person.leaves()
    assert (stopped.code, stopped.out) == (130, "")
    assert shell.sql("SELECT status, stop_reason FROM run") == [("done", "cancelled")]
    assert (await shell.run("verify")).code == 0
