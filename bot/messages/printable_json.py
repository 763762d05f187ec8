"""JSON that is safe on a screen: letters stay readable, what steers a terminal or the reading direction does not."""

import json
import re
from typing import Any

_STEERS = re.compile(
    r"[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\U000e0000-\U000e007f]"
)


def printable_json(value: Any, **how: Any) -> str:  # noqa: ANN401 - as json.dumps takes them
    """Return the value as JSON, with C1 controls, direction marks and invisible characters as escapes."""
    return _STEERS.sub(_escaped, json.dumps(value, ensure_ascii=False, **how))


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
