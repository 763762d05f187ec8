"""Draw the map of docs/architecture.md from the code: the rooms, what each is for, and which imports which.

`make map` writes it. An import that a longer way of imports implies is left out, so that the arrows can be read.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- map: made by `make map` -->\n", "<!-- end of map -->\n"

LAYERS = ("bot", "storage", "patterns")
ROOTS = {
    "bot/app": "Composition root, transports and chores: the modules at the top of `bot/`.",
    "bot/settings": "What a process needs before anything else: the lowest modules of `bot/`.",
    "storage/stores": "One module per table or small group of tables.",
    "patterns/patterns": "The four patterns, what orders their steps, and the one path to a model.",
    "patterns/steps": "What one step is made of: what it may use, what it is handed, its attempts and their charges.",
}
"""The modules that lie directly in a package, as rooms of their own."""
TOP = {
    "bot/app": "app, container, presentation, accounting, identity, stores, bolt_app, schedule, serve",
    "bot/settings": "settings, setting_values, mcp_tokens, logs, log_throttle, clock, manifest, instance_lock",
    "storage/stores": "runs, journal, inbox, outbox, questions, …",
    "patterns/patterns": "router, pipeline, broadcast, supervisor, flow, agent, …",
    "patterns/steps": "services, handoff, attempts, charges, hearing, retries, typical",
}
"""What those rooms are called in the picture."""
LOWEST = frozenset(
    {"settings", "setting_values", "mcp_tokens", "logs", "log_throttle", "clock", "manifest", "instance_lock"}
)
"""The modules of `bot/` that everything in it may import."""
STEPS = frozenset({"services", "handoff", "attempts", "charges", "hearing", "retries", "typical"})
"""The modules of `patterns/` that the tool loop is built on."""

Edges = dict[str, set[str]]


def room_of(module: str) -> str:
    """Return the room of a module given by its dotted name."""
    package, _, rest = module.partition(".")
    first, _, inner = rest.partition(".")
    if inner or (ROOT / package / first).is_dir():
        return f"{package}/{first}"
    if package == "bot":
        return "bot/settings" if first in LOWEST else "bot/app"
    if package == "storage":
        return "storage/stores"
    return "patterns/steps" if first in STEPS else "patterns/patterns"


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module of ours that is no package file, with its path."""
    for package in LAYERS:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name != "__init__.py":
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def imports(path: Path) -> Iterator[str]:
    """Yield the modules of ours that a file imports, by dotted name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in LAYERS:
            whole = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if _is_module(name) else node.module for name in whole)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in LAYERS)


def edges() -> Edges:
    """Return which rooms each room imports."""
    found: Edges = {}
    for module, path in modules():
        mine = found.setdefault(room_of(module), set())
        mine.update(room_of(other) for other in imports(path) if "." in other)
    return {room: others - {room} for room, others in found.items()}


def reduced(whole: Edges) -> Edges:
    """Return the edges without those that a longer way implies.

    Raises:
        ValueError: the rooms import each other in a circle.
    """
    below = {room: _below(room, whole, ()) for room in whole}
    return {
        room: {other for other in others if not any(other in below[between] for between in others - {other})}
        for room, others in whole.items()
    }


def drawing() -> str:
    """Return the map as Markdown: a Mermaid picture, then a table of the rooms."""
    whole = edges()
    lines = ["```mermaid", "flowchart TB"]
    for package in LAYERS:
        rooms = sorted(room for room in whole if room.startswith(f"{package}/"))
        inside = [f'    {_id(room)}["{_label(room)}"]' for room in rooms]
        lines += [f"  subgraph {package}", *inside, "  end"]
    for room, others in sorted(reduced(whole).items()):
        lines += [f"  {_id(room)} --> {_id(other)}" for other in sorted(others)]
    rows = [f"| {_name(room)} | {_purpose(room)} |" for room in _from_the_top(whole)]
    return "\n".join([*lines, "```", "", "| room | what it is for |", "|---|---|", *rows, ""])


def with_map(text: str) -> str:
    """Return the page with the map drawn anew between its two marks."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{drawing()}\n{END}{rest.partition(END)[2]}"


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def _below(room: str, whole: Edges, way: tuple[str, ...]) -> set[str]:
    if room in way:
        raise ValueError(f"rooms import each other in a circle: {' -> '.join((*way, room))}")
    inner = (_below(other, whole, (*way, room)) for other in whole[room])
    return whole[room].union(*inner)


def _from_the_top(whole: Edges) -> list[str]:
    height = {room: len(_below(room, whole, ())) for room in whole}
    return sorted(whole, key=lambda room: (LAYERS.index(room.split("/")[0]), -height[room], room))


def _purpose(room: str) -> str:
    if room in ROOTS:
        return ROOTS[room]
    return (ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text("utf-8"))) or "").split("\n", 1)[0]


def _name(room: str) -> str:
    return f"{room.partition('/')[0]}: {TOP[room]}" if room in TOP else f"`{room}`"


def _label(room: str) -> str:
    return TOP.get(room, room.partition("/")[2])


def _id(room: str) -> str:
    return room.replace("/", "_")


if __name__ == "__main__":
    PAGE.write_text(with_map(PAGE.read_text("utf-8")), "utf-8")
