"""The fields of a server's form: which a person can fill in, what was typed as values, and what is never asked. Pure.

Fields are what MCP allows: texts, numbers, yes or no, one or some of several options. Nothing that looks like a secret.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal
from unicodedata import normalize
from urllib.parse import urlsplit

from patterns.core.forms import Form
from patterns.core.invisible import without_invisible

FIELDS_MAX, OPTIONS_MAX = 20, 100
_BOUND_MAX = 1e18
MESSAGE_CHARS, TEXT_CHARS, ADDRESS_CHARS = 2_000, 3_000, 1_000
Kind = Literal["text", "number", "integer", "yes_no", "one_of", "some_of"]
_SECRET = re.compile(
    r"pass[\s-]?(?:word|wd|phrase|code)\b|\bpin[\s-]?code\b|\bseed[\s-]?phrase|\btotp\b|(?:credit|debit)[\s-]?card\b"
    r"|\bpwd\b|secret|\btokens?\b|token$|credential|\bcv[cv]2?\b|\bpin\b|\botp\b|\bmfa\b|\b2fa\b"
    r"|(?:api|access|private|licen[cs]e|encryption|signing|ssh|auth)[\s_-]?key|authorization"
    r"|(?:one[\s-]?time|security|verification|recovery|backup)[\s_-]?codes?|card[\s_-]?(?:number|no)\b|\biban\b",
    re.IGNORECASE,
)
_SECRET_IN_PASSING = re.compile(
    r"pass(?:word|phrase)|\bsecret\b|credential|(?:api|access|private|ssh|auth)[\s_-]?(?:key|token)", re.IGNORECASE
)
"""What a description must say: it mentions more than what it asks for."""
_PLAIN = re.compile(r"[!-_a-z{}~|]+")
"""Addresses that can be shown as they stand: no blanks, and no sign that ends code in a message."""
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_HINTS = {
    "email": "An e-mail address.",
    "uri": "An address, like https://example.com/page.",
    "date": "A date, like 2026-11-29.",
    "date-time": "A date and a time, like 2026-11-29T14:00:00Z.",
}
_YES, _NO = frozenset({"yes", "y", "true"}), frozenset({"no", "n", "false"})


class RefusedFormError(ValueError):
    """A form that nobody is asked to fill in; the message says why, as the end of a sentence."""


class MistypedError(ValueError):
    """What somebody typed is no value of its field; the message says what would be."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. `options` are value and label; `default` is what is filled in beforehand, None where nothing is."""

    name: str
    label: str
    kind: Kind
    hint: str = ""
    is_required: bool = False
    default: Any = None
    options: tuple[tuple[str, str], ...] = ()
    schema: Mapping[str, Any] | None = None


def fields_of(form: Form) -> tuple[FormField, ...]:
    """Return the fields of a form; none where it names an address.

    Raises:
        RefusedFormError: it asks for a secret, for something that is no field, or for too much.
    """
    if form.url:
        _check_address(form.url)
        return ()
    try:
        return _fields(form)
    except (TypeError, OverflowError):  # bounds that are no numbers, or too large for one
        raise RefusedFormError("its fields cannot be read") from None


def _fields(form: Form) -> tuple[FormField, ...]:
    try:
        schema = json.loads(form.fields_json)
        properties = dict(schema["properties"])
        required = frozenset(map(str, schema.get("required") or ()))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RefusedFormError("its fields cannot be read") from None
    if not 0 < len(properties) <= FIELDS_MAX:
        raise RefusedFormError(
            f"it has {len(properties)} fields, and {FIELDS_MAX} is the most" if properties else "it has no fields"
        )
    return tuple(_field(str(name), one, is_required=name in required) for name, one in properties.items())


def refusal(form: Form) -> str:
    """Return why nobody is asked to fill a form in; empty where somebody is."""
    try:
        fields_of(form)
    except RefusedFormError as error:
        return str(error)
    return ""


def value_of(field: FormField, typed: str | Sequence[str]) -> Any:  # noqa: ANN401 - a value of JSON
    """Return what was typed or chosen as a value of its field; None for nothing.

    Raises:
        MistypedError: it is none.
    """
    if field.kind == "some_of":
        return _some(field, [typed] if isinstance(typed, str) else list(typed))
    text = (typed if isinstance(typed, str) else " ".join(typed)).strip()
    if not text:
        if field.is_required:
            raise MistypedError("This is needed.")
        return None
    value = _read(field, text)
    _check(field, value)
    return value


def _field(name: str, schema: object, *, is_required: bool) -> FormField:
    if not isinstance(schema, Mapping):
        raise RefusedFormError(f"its field {name[:60]!r} cannot be read")
    label = (" ".join(without_invisible(str(schema.get("title") or "")).split()) or name)[:100]
    about = " ".join(str(schema.get("description") or "").split())[:200]
    is_secret = _looks_secret(name, label) or _SECRET_IN_PASSING.search(about) or schema.get("format") == "password"
    if is_secret:
        raise RefusedFormError(f"{label!r} looks like a secret, and those are never typed here")
    kind, options = _kind(name, schema)
    known = _HINTS.get(str(schema.get("format")), "")
    hint = " ".join(part for part in (about, known) if part)
    field = FormField(name, label, kind, hint, is_required=is_required, options=options, schema=schema)
    return replace(field, default=_default(field, schema.get("default")))


def _looks_secret(*words: str) -> bool:
    plain = (normalize("NFKC", without_invisible(word)) for word in words)
    return any(_SECRET.search(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", word)) for word in plain)


def _kind(name: str, schema: Mapping[str, Any]) -> tuple[Kind, tuple[tuple[str, str], ...]]:
    options = _options(schema)
    if options:
        return "one_of", options
    match schema.get("type"):
        case "string":
            return "text", ()
        case "number" | "integer" as kind:
            return kind, ()
        case "boolean":
            return "yes_no", ()
        case "array" if isinstance(schema.get("items"), Mapping) and (several := _options(schema["items"])):
            return "some_of", several
    raise RefusedFormError(f"its field {name[:60]!r} is of a kind that nobody can fill in here")


def _options(schema: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    titled = schema.get("oneOf") or schema.get("anyOf")
    if isinstance(titled, list) and all(isinstance(one, Mapping) and "const" in one for one in titled):
        pairs = [(str(one["const"]), str(one.get("title") or one["const"])) for one in titled]
    elif isinstance(schema.get("enum"), list):
        names = schema.get("enumNames") or schema["enum"]
        pairs = [(str(value), str(name)) for value, name in zip(schema["enum"], names, strict=False)]
    else:
        return ()
    if not 0 < len(pairs) <= OPTIONS_MAX:
        raise RefusedFormError(f"a field has {len(pairs)} options, and {OPTIONS_MAX} is the most")
    return tuple((value, label if without_invisible(label).strip() else value) for value, label in pairs)


def _default(field: FormField, given: object) -> Any:  # noqa: ANN401 - a value of JSON
    """Return a default that is a value of its field; what a server says beside that is none."""
    if given is None:
        return None
    typed = [str(one) for one in given] if isinstance(given, list) else _as_typed(given)
    try:
        return value_of(field, typed)
    except MistypedError:
        return None


def _as_typed(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _some(field: FormField, chosen: list[str]) -> list[str] | None:
    by_label = {label.casefold(): value for value, label in field.options}
    values = {value for value, _ in field.options}
    found = [one if one in values else by_label.get(one.strip().casefold(), "") for one in chosen if one.strip()]
    if "" in found:
        raise MistypedError(f"Choose among {_listed(field)}.")
    schema = field.schema or {}
    least = max(int(bound(schema, "minItems", 0)), int(field.is_required))
    most = int(bound(schema, "maxItems", OPTIONS_MAX))
    if not found and not field.is_required:
        return None
    if not least <= len(found) <= most:
        raise MistypedError(f"Choose {least} to {most} of {_listed(field)}.")
    return found


def _read(field: FormField, text: str) -> Any:  # noqa: ANN401 - a value of JSON
    match field.kind:
        case "yes_no":
            if text.casefold() not in _YES | _NO:
                raise MistypedError("Say yes or no.")
            return text.casefold() in _YES
        case "one_of":
            found = next((value for value, label in field.options if text in (value, label)), None)
            found = found or next(
                (v for v, label in field.options if text.casefold() in (v.casefold(), label.casefold())), None
            )
            if found is None:
                raise MistypedError(f"Choose one of {_listed(field)}.")
            return found
        case "number" | "integer":
            try:
                return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else _number(field, text)
            except ValueError:
                raise MistypedError("Type a whole number." if field.kind == "integer" else "Type a number.") from None
        case _:
            return text


def _number(field: FormField, text: str) -> float:
    value = float(text)
    if field.kind == "integer" or value != value or abs(value) == float("inf"):  # noqa: PLR0124 - what is no number
        raise ValueError(text)
    return value


def _listed(field: FormField) -> str:
    labels = [label for _, label in field.options]
    return ", ".join(labels[:10]) + (" …" if labels[10:] else "")


def _check(field: FormField, value: object) -> None:
    """Check a value against the bounds and the format of its field; raise MistypedError."""
    schema = field.schema or {}
    if isinstance(value, str) and field.kind == "text":
        least, most = bound(schema, "minLength", 0), min(TEXT_CHARS, bound(schema, "maxLength", TEXT_CHARS))
        if not least <= len(value) <= most:
            raise MistypedError(f"Type {least:g} to {most:g} characters.")
        if not _has_format(str(schema.get("format")), value):
            raise MistypedError(f"That is not right. {_HINTS[str(schema['format'])]}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        least, most = bound(schema, "minimum", -_BOUND_MAX), bound(schema, "maximum", _BOUND_MAX)
        if not least <= value <= most:
            raise MistypedError(_of_bounds(schema, least, most))


def _of_bounds(schema: Mapping[str, Any], least: float, most: float) -> str:
    if "minimum" not in schema:
        return f"Type a number of at most {most:g}."
    return (
        f"Type a number from {least:g} to {most:g}." if "maximum" in schema else f"Type a number of at least {least:g}."
    )


def bound(schema: Mapping[str, Any], name: str, otherwise: float) -> float:
    """Return a bound of a schema, `otherwise` where it is no number that can be compared and written."""
    given = schema.get(name)
    if not isinstance(given, int | float) or isinstance(given, bool):
        return otherwise
    return given if -_BOUND_MAX <= given <= _BOUND_MAX else otherwise


def _has_format(name: str, text: str) -> bool:
    try:
        match name:
            case "email":
                return bool(_EMAIL.fullmatch(text))
            case "uri":
                return bool(urlsplit(text).scheme and ":" in text and " " not in text)
            case "date":
                return bool(date.fromisoformat(text))
            case "date-time":
                return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
    return True


def _check_address(url: str) -> None:
    if len(url) > ADDRESS_CHARS or not _PLAIN.fullmatch(url) or not _is_https(url):
        raise RefusedFormError(
            "the address it wants opened is none that can be trusted to be shown (https, no password)"
        )


def _is_https(url: str) -> bool:
    """Return whether an address is one of https with a host, a port that there is, and nobody's login."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
