"""Calls of tools that a model wrote into its text, because nobody between it and us reads its own way of calling. Pure.

It happens at servers without a parser for their model, and where a history has calls and no tools are offered any more.
Such a text is no answer, and no call either: nobody knows how much of it the server dropped.
"""

import json
import re
from collections.abc import Collection

_MARK = re.compile(
    r"(?:^|\n)[ \t]*(?:<tool_call\b|<function=|<function_calls>|<invoke |\[TOOL_CALLS\]|<\|python_tag\|>"
    r"|<\|?tool_calls?_(?:section_)?begin|<\uff5ctool\u2581calls?\u2581begin\uff5c>|<\uff5cDSML\uff5c"
    r"|<\|start\|>assistant<\|channel\|>commentary to=)"
)
"""What open models begin calls with, at the beginning of a line."""
_END = re.compile(
    r"(?:</(?:tool_call|function|function_calls|invoke)>|[\]}]|end\|>|<\|call\|>"
    r"|<\uff5ctool\u2581calls?\u2581end\uff5c>|</\uff5cDSML\uff5c\w+>)$"
)
_TAIL_CHARS = 20_000


def is_written_call(text: str, names: Collection[str]) -> bool:
    """Return whether a text ends with a call of one of these tools, or is one."""
    tail = text[-_TAIL_CHARS:].strip()
    if not any(name in tail for name in names):
        return False
    if _END.search(tail) and _MARK.search(tail):
        return True
    return tail.startswith("{") and _is_call(tail, names)


def _is_call(text: str, names: Collection[str]) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    is_named = found.get("name") in names if isinstance(found.get("name"), str) else False
    return is_named and bool({"arguments", "parameters"} & found.keys())
