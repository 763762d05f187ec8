"""docs/tools.md, followed as it is written: the function, the server, and every roster in it."""

import re
from pathlib import Path

import pytest

from patterns.core.tools import ToolCall
from patterns.roster.roster import load_roster
from tests.fakes.provider import Call, Provider, Reply
from tests.support.shells import PROJECT, Shell

GUIDE = (PROJECT / "docs" / "tools.md").read_text("utf-8")
ROSTERS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
FUNCTION = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]


def asks_once(name: str, arguments: str) -> object:
    call = ToolCall(id="c1", name=name, arguments=arguments)

    def answer(asked: Call) -> Reply:
        return Reply(" ".join(asked.results), calls=() if asked.results else (call,))

    return answer


@pytest.mark.parametrize("text", ROSTERS)
def test_every_roster_of_the_guide_can_be_read(text: str) -> None:
    whole = text if text.startswith("extends") else f"extends: shipped\n{text}"
    assert load_roster(whole, file="roster.yml", env={}, folder=PROJECT / "docs").has_tools


def test_the_function_and_its_roster_have_fifteen_lines_each_at_most() -> None:
    assert len(FUNCTION.splitlines()) <= 15
    assert len(ROSTERS[0].splitlines()) <= 15


async def test_the_function_of_the_guide_answers_an_agent(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(FUNCTION, "utf-8")
    (tmp_path / "roster.yml").write_text(ROSTERS[0], "utf-8")
    roster = ("--roster", str(tmp_path / "roster.yml"))
    async with Provider(asks_once("orders.find_order", '{"number": 1001}')) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        listed = await shell.run("tools", "list", *roster)
        tried = await shell.run("try", "clerk", "Where is order 1001?", *roster)
    assert "find_order: reads, asks nobody" in listed.out
    assert "Order 1001 is shipped on Monday" in tried.out, tried.err


async def test_the_server_of_the_guide_answers_an_agent(tmp_path: Path) -> None:
    (tmp_path / "roster.yml").write_text(ROSTERS[1], "utf-8")
    roster = ("--roster", str(tmp_path / "roster.yml"))
    async with Provider(asks_once("time.get_current_time", '{"timezone": "UTC"}')) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        listed = await shell.run("tools", "list", *roster)
        tried = await shell.run("try", "researcher", "What time is it?", *roster)
    assert "off, because the roster does not name them: time.convert_time" in listed.out
    assert '"timezone": "UTC"' in tried.out, tried.err
