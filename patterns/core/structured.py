"""Read answers that must be JSON of a schema, as models really write them, and ask for a repair of those that are not.

A text that is one JSON value is that value. Around anything else the rule is narrow: exactly one distinct object that
fits, and none that stands in the material the model was shown, because whoever quotes a verdict has not given it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from patterns.core.found_json import (
    Json,
    canonical,
    fitted,
    found_in,
    inside,
    is_denied,
    is_quoted,
    no_constant,
    unambiguous,
)
from patterns.core.invisible import without_invisible
from patterns.core.visible_text import visible_text

REPAIR_BYTES = 4000
"""How much of an unreadable answer is shown to the model that repairs it."""
_FENCE = re.compile(r"(?P<run>`{3,}|~{3,})[ \t]*(?:json\w*)?\s*", re.IGNORECASE)


class InvalidOutputError(Exception):
    """The text is not JSON of the schema; the message says where."""


def parse(text: str, schema: Mapping[str, Any], shown: Sequence[str] = ()) -> dict[str, Any]:
    """Return the JSON object in an answer; a value that is no object comes as `{"value": …}`.

    `shown` is the material that the model was given.

    Raises:
        InvalidOutputError: not JSON, not of the schema, or not without doubt the answer.
    """
    value = json.loads(read(text, schema, shown))
    return value if isinstance(value, dict) else {"value": value}


def read(text: str, schema: Mapping[str, Any], shown: Sequence[str] = ()) -> str:
    """Return the same as JSON text that `parse` reads without the material: what the journal keeps.

    Raises:
        InvalidOutputError: as `parse`.
    """
    plain = _unfenced(without_invisible(text))
    mistake = _mistake(plain, schema)
    if mistake is None:
        return plain
    visible = visible_text(text, keeps_soft=False)
    answer = _unfenced(visible)
    if answer != plain and _mistake(answer, schema) is None:
        return answer
    return json.dumps(_only_fitting(visible, schema, shown, mistake), ensure_ascii=False)


def _unfenced(text: str) -> str:
    plain = text.strip()
    opening = _FENCE.match(plain)
    if opening is None:
        return plain
    begin = max(opening.end(), len(plain.rstrip("`~")))
    closing = plain.find(opening["run"], begin)
    return plain[opening.end() : closing].rstrip() if closing >= 0 else plain


def _mistake(plain: str, schema: Mapping[str, Any]) -> str | None:
    """Return why a text is not one JSON value of the schema; None when it is."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 80 ms that `agents --help` should not pay
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    try:
        value = json.loads(plain, parse_constant=no_constant, object_pairs_hook=unambiguous)
    except (ValueError, RecursionError) as error:
        return f"This is not JSON: {error}"
    mistake = best_match(Draft202012Validator(schema).iter_errors(value))
    return None if mistake is None else f"At {mistake.json_path}: {mistake.message[:300]}"


def _only_fitting(text: str, schema: Mapping[str, Any], shown: Sequence[str], mistake: str) -> Json:
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    validator = Draft202012Validator(schema)
    said = _fitting(found_in(text), schema, validator)
    if not said:
        raise InvalidOutputError(mistake)
    if len(said) > 1:
        raise InvalidOutputError("There is more than one answer in it.")
    [(name, value)] = said.items()
    for material in shown:
        objects = found_in(material, everywhere=True)
        is_spelled_there = isinstance(value, dict) and is_quoted(value, material)
        is_there = objects is None or is_spelled_there
        if is_there or name in _fitting(objects, schema, validator, is_everywhere=True):
            raise InvalidOutputError("The JSON in it is a quotation of the material, or may be, and not an answer.")
    if is_denied(text, lambda found: name in _fitting([found], schema, validator)):
        raise InvalidOutputError("The words beside the JSON in it say that it is not the answer, or may not be.")
    return value


def _fitting(
    found: Sequence[Json] | None,
    schema: Mapping[str, Any],
    validator: Any,  # noqa: ANN401 - jsonschema's
    *,
    is_everywhere: bool = False,
) -> dict[str, Json]:
    """Return what fits the schema, each distinct value once, by its canonical spelling.

    `is_everywhere`: what stands inside of a value is in `found` itself, but for what stands in texts.
    """
    fitting: dict[str, Json] = {}
    waiting = [(value, is_everywhere) for value in found or ()]
    while waiting:
        value, only_texts = waiting.pop()
        fit = fitted(value, schema)
        if isinstance(fit, dict | list) and validator.is_valid(fit):
            fitting[canonical(fit)] = fit
        else:
            waiting += [(part, False) for part in inside(value, only_texts=only_texts)]
    return fitting


def repair_prompt(problem: str) -> str:
    """Return the message that asks a model to correct an answer that did not parse."""
    return f"Your answer could not be read. {problem} Answer again with nothing but JSON of the schema you were given."
