"""docs/operations.md lists every log event of the code with its levels and fields, and no other."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
CALL = re.compile(rf"_?log\.({'|'.join(LEVELS)})")
ROW = re.compile(r"^\| `(\w+)` \| ((?:\w+(?:, )?)+) \| (.*?) \| \S.* \|$", re.MULTILINE)


def calls() -> Iterator[ast.Call]:
    for package in ("bot", "patterns", "storage"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and CALL.fullmatch(ast.unparse(node.func)):
                    yield node


def name_of(call: ast.Call) -> str:
    return ast.literal_eval(call.args[0])


def logged() -> dict[str, tuple[set[str], set[str]]]:
    events: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for call in calls():
        levels, fields = events[name_of(call)]
        levels.add(LEVELS[ast.unparse(call.func).rpartition(".")[2]])
        fields.update(keyword.arg or "**" for keyword in call.keywords if keyword.arg != "exc_info")
    return dict(events)


def listed() -> dict[str, tuple[set[str], set[str]]]:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    return {
        name: (set(levels.split(", ")), set(re.findall(r"\w+", fields))) for name, levels, fields in ROW.findall(text)
    }


def test_the_table_of_events_is_the_code_s() -> None:
    assert listed() == logged()


def test_events_have_snake_case_names_and_no_values_in_them() -> None:
    odd = [ast.unparse(call) for call in calls() if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name_of(call))]
    assert odd == []
