"""What looks like a secret, masked where people see arguments and results of calls."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress

MASK = "••••"
RESULT_CHARS = 4_000
"""Characters of a text in a result that are looked at; people see the beginning."""
_NAME = (
    r"(?:pass(?:word|wd|phrase|code|key|(?![a-z]))|pwd|secret|token|authorization|credential"
    r"|(?:api|private|access)[ _-]?key)"
)
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"\b(?:sk-|sk_|gsk_|hf_|xai-|xox[abp]-|xapp-|gh[pousr]_|github_pat_|AKIA|AIza|eyJ[\w-]+\.)[\w.-]{8,}"
    r"|-----BEGIN [A-Z ]+-----[\s\S]*"
)
_NAMED = re.compile(
    rf"""({_NAME}[\w.-]{{0,40}}[\\"'`*]{{0,3}}\s{{0,9}}[:=>]{{1,2}}\s{{0,9}})"""
    r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\n]+)""",
    re.IGNORECASE | re.DOTALL,
)
"""A name with its value: what is quoted, else the rest of the line, for nobody knows where a password ends."""
_BEARER = re.compile(r"\b(Bearer)\s+[\w.~+/=-]+", re.IGNORECASE)
_LOGIN = re.compile(r"""://(?:[^\s/?#"'<>]{1,256}|[^\s/?#"'<>:]{0,256}:[^\s"'<>]{1,256})@""")


def shown_arguments(arguments: Mapping[str, object]) -> str:
    """Return arguments as JSON that a person can read, with what looks like a secret masked."""
    return json.dumps(_masked(arguments, is_result=False), ensure_ascii=False, indent=2)


def shown_result(text: str) -> str:
    """Return a result with what looks like a secret masked: in JSON by its names, in words by names before values.

    Words of arguments are not masked like that: whoever approves them has to see what would be sent.
    """
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
        if isinstance(value, dict | list):
            return json.dumps(_masked(value, is_result=True), ensure_ascii=False)
    return _without_secrets(text)


def _masked(value: object, *, is_result: bool, is_secret: bool = False) -> object:
    if isinstance(value, Mapping):
        return {
            key: _masked(inner, is_result=is_result, is_secret=is_secret or bool(_SECRET_NAME.search(str(key))))
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked(inner, is_result=is_result, is_secret=is_secret) for inner in value]
    if is_secret and (value if isinstance(value, str) else is_result and not isinstance(value, bool | None)):
        return MASK
    if isinstance(value, str):
        return _without_secrets(value) if is_result else _SECRET_VALUE.sub(MASK, value)
    return value


def _without_secrets(text: str) -> str:
    text = _LOGIN.sub(f"://{MASK}@", text[:RESULT_CHARS])
    text = _BEARER.sub(rf"\1 {MASK}", _NAMED.sub(rf"\1{MASK}", text))
    return _SECRET_VALUE.sub(MASK, text)
