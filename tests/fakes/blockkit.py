"""What Slack refuses, as a list of complaints: slack_sdk's own validation, and the rules it does not know.

Sources: the Block Kit reference and the limits that implementers measured. An empty list means Slack would take it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
PAYLOAD_MAX = 13_200
MARKDOWN_MAX = 12_000
TEXT_MAX = 40_000

_COMMON = {"type", "block_id"}
_BLOCKS: Mapping[str, set[str]] = {
    "section": {"text", "fields", "accessory", "expand"},
    "header": {"text"},
    "divider": set(),
    "context": {"elements"},
    "actions": {"elements"},
    "context_actions": {"elements"},
    "markdown": {"text"},
    "rich_text": {"elements"},
    "table": {"rows", "column_settings"},
    "plan": {"title", "tasks"},
    "image": {"image_url", "alt_text", "title", "slack_file"},
    "input": {"label", "element", "dispatch_action", "hint", "optional"},
    "alert": {"text", "level"},
    "data_visualization": {"title", "chart"},
}
_VIEW_ONLY = {"alert", "input"}
_MESSAGE_ONLY = {"markdown", "table", "plan", "context_actions", "data_visualization"}
_TASK = {"type", "block_id", "task_id", "title", "details", "output", "sources", "status"}
_PLAIN_ONLY = {"label", "title", "placeholder", "hint", "submit", "close", "alt_text"}


def check_message(blocks: Sequence[Mapping[str, Any]], text: str = "") -> list[str]:
    """Why Slack would refuse this message."""
    return [*_message(blocks, text), *_blocks(blocks, MESSAGE_BLOCKS, _VIEW_ONLY)]


def check_view(view: Mapping[str, Any]) -> list[str]:
    """Why Slack would refuse this modal or App Home."""
    return [*_view(view), *_blocks(view.get("blocks", []), VIEW_BLOCKS, _MESSAGE_ONLY)]


def strings(node: Any) -> Iterator[str]:
    """Every string of a payload, wherever it is."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from strings(value)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _message(blocks: Sequence[Mapping[str, Any]], text: str) -> Iterator[str]:
    if not text.strip() and not blocks:
        yield "no_text: neither text nor blocks"
    if units(text) > TEXT_MAX:
        yield f"text: {units(text)} characters, Slack cuts at {TEXT_MAX}"
    if (total := units(json.dumps(list(blocks), ensure_ascii=False))) > PAYLOAD_MAX:
        yield f"msg_blocks_too_long: {total} characters of blocks"
    markdown = sum(units(str(b.get("text", ""))) for b in blocks if b.get("type") == "markdown")
    if markdown > MARKDOWN_MAX:
        yield f"{markdown} characters of markdown blocks"
    if sum(b.get("type") == "table" for b in blocks) > 1:
        yield "more than one table"


def _view(view: Mapping[str, Any]) -> Iterator[str]:
    if view.get("type") not in {"modal", "home"}:
        yield f"view type {view.get('type')!r}"
    for part in ("title", "submit", "close"):
        if units((view.get(part) or {}).get("text", "")) > 24:
            yield f"{part}: more than 24 characters"
    if len(view.get("private_metadata", "")) > 3_000:
        yield "private_metadata: more than 3000 characters"
    try:
        View(**view).validate_json()
    except SlackObjectFormationError as error:
        yield f"slack_sdk: {error}"


def _blocks(blocks: Sequence[Mapping[str, Any]], most: int, not_here: set[str]) -> Iterator[str]:
    if len(blocks) > most:
        yield f"{len(blocks)} blocks"
    ids = Counter(b["block_id"] for b in blocks if b.get("block_id"))
    yield from (f"block_id {block_id!r} {times} times" for block_id, times in ids.items() if times > 1)
    for at, block in enumerate(blocks):
        kind = block.get("type")
        where = f"blocks[{at}] {kind}"
        if kind not in _BLOCKS:
            yield f"{where}: unknown block type"
            continue
        if kind in not_here:
            yield f"{where}: not allowed on this surface"
        for extra in sorted(set(block) - _BLOCKS[kind] - _COMMON):
            yield f"{where}: unknown property {extra}"
        yield from (f"{where}: {problem}" for problem in _rules(kind, block))
        yield from (f"{where}: {problem}" for problem in _texts(block))
        yield from (f"{where}: {problem}" for problem in _elements(block))
        if kind != "data_visualization":
            try:
                Block.parse(dict(block)).validate_json()
            except SlackObjectFormationError as error:
                yield f"{where}: slack_sdk: {error}"


def _rules(kind: str, block: Mapping[str, Any]) -> Iterator[str]:
    if len(block.get("block_id", "")) > 255:
        yield "block_id over 255"
    if kind == "section":
        if not block.get("text") and not block.get("fields"):
            yield "neither text nor fields"
        yield from _too_long("text", (block.get("text") or {}).get("text", ""), 3_000)
        for one in block.get("fields", ()):
            yield from _too_long("field", one.get("text", ""), 2_000)
    if kind in {"context", "actions", "context_actions"}:
        most = {"context": 10, "actions": 25, "context_actions": 5}[kind]
        if not 1 <= len(block.get("elements", ())) <= most:
            yield f"{len(block.get('elements', ()))} elements"
    if kind == "markdown" and not block.get("text"):
        yield "empty text"
    if kind == "table":
        yield from _table(block.get("rows", []))
    if kind == "plan":
        yield from _plan(block)


def _plan(block: Mapping[str, Any]) -> Iterator[str]:
    yield from _too_long("title", block.get("title", ""), 150)
    for task in block.get("tasks", ()):
        yield from (f"task: unknown property {extra}" for extra in sorted(set(task) - _TASK))
        if not task.get("title") or task.get("status") not in {"pending", "in_progress", "complete", "error"}:
            yield f"task {task.get('task_id')}: title or status"


def _table(rows: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    if not 1 <= len(rows) <= 100:
        yield f"{len(rows)} rows"
    if any(not 1 <= len(row) <= 20 for row in rows):
        yield "a row without cells or with more than 20"
    cells = [cell for row in rows for cell in row]
    if any(cell.get("type") == "raw_text" and not cell.get("text") for cell in cells):
        yield "an empty cell"
    if sum(units(str(cell.get("text", ""))) for cell in cells) > 10_000:
        yield "more than 10000 characters"


def _texts(node: Any, key: str = "") -> Iterator[str]:
    """Text objects anywhere in a block: their type, their emptiness, and plain text where Slack wants it plain."""
    if isinstance(node, Mapping):
        if node.get("type") in {"mrkdwn", "plain_text"} and "text" in node:
            extra = set(node) - {"type", "text", "emoji", "verbatim"}
            if extra or not isinstance(node["text"], str) or not node["text"]:
                yield f"{key or 'text'}: not a text object"
            if node["type"] == "mrkdwn" and key in _PLAIN_ONLY:
                yield f"{key}: must be plain_text"
            return
        for name, value in node.items():
            yield from _texts(value, name)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _texts(value, key)


def _elements(block: Mapping[str, Any]) -> Iterator[str]:
    elements = [*block.get("elements", ()), *(block[k] for k in ("accessory", "element") if k in block)]
    ids = Counter(e["action_id"] for e in elements if e.get("action_id"))
    yield from (f"action_id {action_id!r} {times} times" for action_id, times in ids.items() if times > 1)
    for element in elements:
        yield from _too_long("action_id", element.get("action_id", ""), 255)
        if element.get("type") == "button":
            yield from _too_long("button text", element["text"]["text"], 75)
            yield from _too_long("button value", element.get("value", ""), 2_000)
            if element["text"]["type"] != "plain_text" or element.get("style", "primary") not in {"primary", "danger"}:
                yield "button: text type or style"
        if element.get("type") == "mrkdwn":
            yield from _too_long("context text", element["text"], 2_000)
        options = element.get("options", ())
        if len(options) > 100:
            yield f"{len(options)} options"
        for option in options:
            yield from _too_long("option text", option["text"]["text"], 75)
            yield from _too_long("option value", option["value"], 150)


def _too_long(name: str, text: str, most: int) -> Iterator[str]:
    if units(text) > most:
        yield f"{name}: {units(text)} characters, at most {most}"
