"""JSON inside other text: the values that stand in it, and each in the form that a schema asks for."""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from patterns.core.invisible import without_invisible

Json = Any
_WORK_PER_CHAR = 32
_WORK_MIN = 500_000
"""Characters read in vain, or read again, before a text is not searched to its end."""
_NEAR_CHARS = 4_000
_TOO_DEEP = 10_000
"""Characters that a value counts for which is nested deeper than Python reads."""
_ESCAPED_TWICE_MAX = 3
_ESCAPE = re.compile(r'\\(["\\/nrt])')
_UNESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_START = re.compile(r"[{\[]")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{12,}={0,2}")
_SPELLING = re.compile(r"[\s\"'`\\>*_]+")
_BESIDE_CHARS = 160
_AROUND = re.compile(r"`{3,}\w*|~{3,}\w*|[`\"\u201c\u201d\u201e\u00ab\u00bb*_]")
_NO = (
    r"(?:not|never|cannot|neither|nor|without|hardly|\w+n't|instead of|rather than|other than|opposite of|far from"
    r"|against|refuse|wrong|false|unlike|nicht|kein\w*|nie|niemals|statt|ne|pas|jamais|non|nunca|jam[a\u00e1]s"
    r"|n[a\u00e3]o|niet|geen|\u043d\u0435|\u043d\u0438\u043a\u043e\u0433\u0434\u0430|ikke|inte|ei|de\u011fil"
    r"|\u4e0d\u662f|\u4e0d|\u5e76\u975e)"
)
_IF = (
    r"(?:would|could|might|should have|if|unless|until|example|e\.g\.|such as|tempted|supposed|told"
    r"|(?<!as )(?<!you )(?:asked|instructed)|quoted?|says?|claims?)"
)
_DENIED_BEFORE = re.compile(
    rf"(?:(?<!\w){_NO}|\b{_IF})(?:[\s:,(-]+(?!\w*[.!?;:])[\w']+){{0,4}}[\s:,(-]*$", re.IGNORECASE
)
_DENIED_BEHIND = re.compile(
    r"[\s,)-]*(?:(?:(?:is|was|would|will|can|could|should|does|do|has)\s*)?"
    r"(?:\bnot\b|n't\b|be wrong|be a lie|wrong|false|incorrect|never)|if\b|would\b|unless\b|\?\s*no\b"
    r"|w[\u00e4a]re\b|ist (?:nicht|falsch)|n'est pas|no es)",
    re.IGNORECASE,
)
"""A negation, a condition or a quotation within a few words, in no other sentence."""
_FLAT = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb", '"'))


def found_in(text: str, *, everywhere: bool = False) -> list[Json] | None:
    """Return the objects and arrays in a text, encoded twice or not; None when there are too many places to look.

    Without `everywhere`, what stands inside a value that was found is left to `inside`.
    """
    found: list[Json] = []
    for _ in range(_ESCAPED_TWICE_MAX):
        values = _values(text, everywhere=everywhere)
        if values is None:
            return None
        found += values
        plain = _ESCAPE.sub(lambda escape: _UNESCAPED.get(escape[1], escape[1]), text)
        if plain == text or (values and not everywhere):
            break
        text = plain
    return found


def _values(text: str, *, everywhere: bool) -> list[Json] | None:
    decoder = json.JSONDecoder(parse_constant=no_constant, object_pairs_hook=unambiguous)
    try:
        return [value for value, _, _ in _decoded_values(decoder, text, everywhere=everywhere)]
    except _TooMuchError:
        return None


class _TooMuchError(Exception):
    """There are too many places in a text at which a value might begin."""


def _decoded_values(
    decoder: json.JSONDecoder, text: str, *, everywhere: bool = False
) -> Iterator[tuple[Json, int, int]]:
    """Yield each value with its place.

    Raises:
        _TooMuchError: looking further would take more than a fixed number of steps per character.
    """
    left, at = _WORK_MIN + _WORK_PER_CHAR * len(text), 0
    for found in _START.finditer(text):
        if (start := found.start()) < at:
            continue
        if left < 0:
            raise _TooMuchError
        try:
            value, end, steps = _decoded_at(decoder, text, start)
        except RecursionError:
            left -= _TOO_DEEP
            continue
        left -= steps if everywhere or end < 0 else 0
        if end < 0:
            continue
        yield value, start, end
        at = found.end() if everywhere else end


def _decoded_at(decoder: json.JSONDecoder, text: str, start: int) -> tuple[Json, int, int]:
    """Return the value that begins there, where it ends (-1 for none) and how many characters were read.

    The near text first: an error counts the lines of the text it was given, up to where it is.
    """
    near = text[start : start + _NEAR_CHARS]
    try:
        value, end = decoder.raw_decode(near)
    except json.JSONDecodeError as error:
        if len(near) < _NEAR_CHARS or (error.pos < _NEAR_CHARS // 2 and not error.msg.startswith("Unterminated")):
            return None, -1, error.pos
    except ValueError:
        return None, -1, _NEAR_CHARS
    else:
        return value, start + end, end
    try:
        value, end = decoder.raw_decode(text, start)
    except ValueError:
        return None, -1, len(text)
    return value, end, end - start


def is_denied(text: str, is_it: Callable[[Json], bool]) -> bool:
    """Return whether words right beside a value, in its own sentence, say that it is not the answer.

    A text with too many places to look says so too.

    `Not {"accepted": true}` gives no verdict, and neither does `{"accepted": true} would be wrong`.
    """
    try:
        for found, start, end in _decoded_values(json.JSONDecoder(), text):
            if is_it(found) and (
                _DENIED_BEFORE.search(_words(text[max(0, start - _BESIDE_CHARS) : start]))
                or _DENIED_BEHIND.match(_words(text[end : end + _BESIDE_CHARS].partition("\n")[0]))
            ):
                return True
    except _TooMuchError:
        return True
    return False


def _words(text: str) -> str:
    """Return the words beside a value, without the quotes and fences that it stands in."""
    return " ".join(_AROUND.sub(" ", text.replace("\u2019", "'")).split())


def unambiguous(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Return an object of its members; refuse one that says two things under one name, where readers take either."""
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[name] != value for name, value in pairs):
        raise ValueError("it says two things under one name")
    return found


def is_quoted(value: Mapping[str, Json], material: str) -> bool:
    """Return whether every member of an object stands in a text, whatever its quotes, spelling, gaps or braces are."""
    said = _bare(material)
    hidden = "".join(_bare(text) for text in _encoded(material))
    pairs = [_bare(f"{json.dumps(name)}:{json.dumps(part, ensure_ascii=False)}") for name, part in value.items()]
    return bool(pairs) and all(pair in said or pair in hidden for pair in pairs)


def _bare(text: str) -> str:
    """Return a text without what spelling may change: case, quotes, escapes, gaps, marks of quotation."""
    plain = unicodedata.normalize("NFKC", html.unescape(without_invisible(text))).casefold()
    return _SPELLING.sub("", plain.translate(_FLAT))


def _encoded(text: str) -> Iterator[str]:
    for run in _BASE64.findall(text):
        try:
            yield base64.b64decode(run + "=" * (-len(run) % 4), validate=True).decode()
        except ValueError:
            continue


def no_constant(name: str) -> float:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(f"{name} is not JSON")


def inside(value: Json, *, only_texts: bool = False) -> Iterator[Json]:
    """Yield the objects and arrays inside a value, in its texts too: the arguments of a tool call, for one."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        if isinstance(part, dict | list):
            if not only_texts:
                yield part
        elif isinstance(part, str) and _START.search(part):
            yield from found_in(part) or ()


def fitted(value: Json, schema: Json) -> Json:
    """Return the value without keys that the schema does not allow, enums in its case, and texts of JSON decoded."""
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, str):
        value = _decoded(value, schema)
    if isinstance(value, str):
        alike = [one for one in schema.get("enum") or () if isinstance(one, str) and _same(one, value)]
        return alike[0] if value not in alike and len(alike) == 1 else value
    fields = schema.get("properties")
    if isinstance(value, dict) and isinstance(fields, Mapping):
        is_closed = schema.get("additionalProperties") is False
        return {k: fitted(part, fields.get(k)) for k, part in value.items() if k in fields or not is_closed}
    return [fitted(part, schema.get("items")) for part in value] if isinstance(value, list) else value


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.strip().casefold()


def _decoded(text: str, schema: Mapping[str, Json]) -> Json:
    kinds = {"object": dict, "array": list}
    wanted = kinds.get(str(schema.get("type")))
    try:
        value = json.loads(text, parse_constant=no_constant) if wanted else text
    except (ValueError, RecursionError):
        return text
    return value if wanted and isinstance(value, wanted) else text


def canonical(value: Json) -> str:
    """Return one spelling for values that are equal as JSON."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
