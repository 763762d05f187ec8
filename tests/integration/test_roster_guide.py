"""The guide in docs/roster.md, followed word by word from an empty folder to a flow that answers."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.provider import Call, Provider, Reply
from tests.support.shells import COMMAND, PROJECT, Ended, Shell, ended

GUIDE = (PROJECT / "docs" / "roster.md").read_text("utf-8")
SECTION = GUIDE[GUIDE.index("## From an empty folder") : GUIDE.index("## Extending the shipped")]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"(?:# |\{# )(\S+)(?: #\})?\n")


def team(call: Call) -> Reply:
    """Each agent says who it is, by the prompt the guide gave it."""
    return Reply("Not before May." if "not its attorney" in call.system else "You pay the same until May.")


async def follow(folder: Path, shell: Shell) -> Iterator[tuple[str, Ended]]:
    """Do what each block of the guide says: write its file, or run its commands."""
    done: list[tuple[str, Ended]] = []
    env = {**shell.env, "PYTHONPATH": str(PROJECT)}
    for kind, text in BLOCK.findall(SECTION):
        if kind != "sh":
            named = FILE.match(text)
            assert named is not None
            (folder / named[1]).write_text(text, "utf-8")
            continue
        for line in text.splitlines():
            words = shlex.split(line.replace("$PWD", str(folder)))
            if words[0] == "export":
                env |= dict([words[1].split("=", 1)])
                continue
            assert words[0] == "agents"
            pipes = {
                "stdin": asyncio.subprocess.DEVNULL,
                "stdout": asyncio.subprocess.PIPE,
                "stderr": asyncio.subprocess.PIPE,
            }
            process = await asyncio.create_subprocess_exec(*COMMAND, *words[1:], cwd=folder, env=env, **pipes)
            done.append((" ".join(words[1:3]), await ended(process)))
    return iter(done)


async def test_the_guide_leads_from_an_empty_folder_to_a_flow_that_answers(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    async with Provider(team) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        done = dict(await follow(folder, shell))
        verified = await shell.run("verify")
    assert {name: (one.code, one.err if one.code else "") for name, one in done.items()} == dict.fromkeys(done, (0, ""))
    assert sorted(path.name for path in (folder / "ours" / "prompts").iterdir()) == ["lawyer.md.j2", "support.md.j2"]
    assert done["roster check"].out.startswith(f"{folder / 'ours' / 'roster.yml'} is fine: 9 flows, ")
    tried = done["try lawyer"]
    assert tried.out == "Not before May.\n"
    assert "You read contracts for a company that buys software." in tried.err
    assert "May the supplier raise the price at any time?" in tried.err
    assert done["ask --flow"].out == "You pay the same until May.\n"
    assert (verified.code, "3 calls" in verified.out) == (0, True)


async def test_an_agent_nobody_has_is_told_before_anything_is_spent(tmp_path: Path) -> None:
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        tried = await shell.run("try", "reseacher", "Why?")
    assert (tried.code, tried.err) == (1, "agents: There is no agent 'reseacher'. Did you mean researcher?\n")


async def test_a_price_can_be_asked_for_without_running(tmp_path: Path) -> None:
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        tried = await shell.run("try", "researcher", "Why?", "--estimate")
    assert tried.code == 0
    assert "at most $" in tried.out
    assert shell.sql("SELECT COUNT(*) FROM run") == [(0,)]
