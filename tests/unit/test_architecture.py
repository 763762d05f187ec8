"""docs/architecture.md says what is: its map is the code's, and every file and function it names exists."""

import ast
import re

import pytest

from tests.support.room_map import PAGE, ROOT, Edges, edges, reduced, with_map

TEXT = PAGE.read_text("utf-8")
HOP = re.compile(r"^\| \d+ \| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)
FILE = re.compile(r"`((?:bot|patterns|storage|templates|tests|docs)/[\w./*-]*|pyproject\.toml|\.env\.example)`")
NAME = re.compile(r"`(?:\w+\.)?(_?[A-Za-z]\w*)`")


def functions(file: str) -> set[str]:
    """Return the functions of a file by qualified name."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    plain = (ast.FunctionDef, ast.AsyncFunctionDef)
    inside = {
        f"{c.name}.{f.name}" for c in tree.body if isinstance(c, ast.ClassDef) for f in c.body if isinstance(f, plain)
    }
    return inside | {node.name for node in tree.body if isinstance(node, plain)}


def test_the_map_is_drawn_from_the_code() -> None:
    assert with_map(TEXT) == TEXT, "run `make map`"


@pytest.mark.parametrize(("file", "function"), HOP.findall(TEXT))
def test_every_hop_is_a_function(file: str, function: str) -> None:
    assert function in functions(file)


def test_every_walk_has_its_hops() -> None:
    walks = TEXT.split("\n## ")
    assert [len(HOP.findall(walk)) > 5 for walk in walks if walk.startswith("One ")] == [True, True, True]


@pytest.mark.parametrize("file", sorted(set(FILE.findall(TEXT))))
def test_every_file_exists(file: str) -> None:
    assert (ROOT / file).exists()


def test_every_name_in_the_instructions_is_in_the_code() -> None:
    code = "\n".join(
        path.read_text("utf-8") for room in ("bot", "patterns", "storage") for path in (ROOT / room).rglob("*.py")
    )
    instructions = TEXT.partition("## Where do I add")[2]
    names = set(NAME.findall(instructions)) - {"toml", "tojson"}
    assert {name for name in names if not re.search(rf"\b{name}\b", code)} == set()


def test_an_arrow_that_a_longer_way_implies_is_left_out() -> None:
    whole: Edges = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert reduced(whole) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_a_circle_of_rooms_is_an_error() -> None:
    with pytest.raises(ValueError, match="a -> b -> a"):
        reduced({"a": {"b"}, "b": {"a"}})


def test_rooms_of_patterns_know_no_room_of_bot() -> None:
    inner = [other for room, others in edges().items() if room.startswith("patterns/") for other in others]
    assert [other for other in inner if not other.startswith("patterns/")] == []
