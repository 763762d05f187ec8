"""Tell lines of data from lines of prose: data may come again as often as somebody asked for, prose may not.

Rows, records, forms, checklists, logs and statements are data; sentences are prose. A guess by form alone, for any
language.
"""

import re

_CODE = re.compile(
    r"^[ >]*[|<{}\[\]]|\|.*\||\t|^\$ |^(?:\"[^\"]*\"|'[^']*')[,;]"  # rows of tables, markup, JSON, quoted fields
    r"|[;{}\\=]$|\w\([^()]*\)$|^[ ]*(?:[\w.]+ ?[:+]?= ?\S|//|#!|@\w)"
    r"|^[ ]*(?:INSERT|SELECT|UPDATE|DELETE|CREATE|DROP|ALTER|VALUES|BEGIN|COMMIT)\b"
)
_RECORD = re.compile(
    r"^[a-z_][\w.-]*:(?: \S+){1,3}$|\b[\w.-]+=\S"  # `key: value` as YAML has it, `key=value`
    r"|\S {2,}\S.* {2,}\S|\S {3,}\S|\u3000\S+\u3000"  # columns
    r"|^\W*(?:\d{4}-\d\d-\d\d|\d{1,2}:\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4})\b|\d:\d\d:\d\d|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|^\W*(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|GET|POST|PUT)\b"
)
_TO_FILL_IN = re.compile(r"_{3,}|\.{5,}|\u2026{2,}|\[ ?[xX]?\]|\( ?\)|[\u2610-\u2612\u25a1\u25a2\u25fb]")
_ITEM = re.compile(r"^[ >]*(?:[-*+\u2022\u2013\u25cf\u25cb\u25aa\u2713-\u2718\u2705]|\(?\d{1,4}[.):]|[a-z][.)])[ \t]+")
_SEPARATOR = re.compile(r"(?:(?<!\d)[,;]|[,;](?!\d)|[\uff0c\uff1b])(?=(?P<tight>\S)?)")
_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff]{2}|[^\W_]+")
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\u0964\u061f][\"'\u201d\u2019\u300d)*_]*$")
SHORT_WORDS = 6
"""A list, a form or code may say something shorter again and again; who repeats more words than that is in a loop."""
LABEL_WORDS = 4
_FIELD_WORDS_MAX = 2.5
_DIGITS_SHARE = 0.25
_INDENT = 4


def is_data(line: str) -> bool:
    """Return whether a line, or the beginning of one, is a row of something and no sentence."""
    is_whole, text = line.endswith("\n"), line.rstrip()
    if _CODE.search(text) or _TO_FILL_IN.search(text):
        return True
    item = _ITEM.match(text)
    body = text[item.end() :] if item else text.lstrip(" >")
    words, is_sentence = len(_WORD.findall(body)), _SENTENCE_END.search(body) is not None
    if item or text.endswith((":", "\uff1a")):
        return words < SHORT_WORDS
    is_indented = text.startswith(" " * _INDENT)
    return (
        _RECORD.search(body) is not None
        or _has_fields(body, words, is_row=is_whole and not is_sentence)
        or sum(letter.isdigit() for letter in body) > _DIGITS_SHARE * len(body)
        or (is_indented and not (is_sentence and words >= SHORT_WORDS))
        or (is_whole and not is_sentence and words < LABEL_WORDS)
    )


def _has_fields(text: str, words: int, *, is_row: bool) -> bool:
    """Return whether separators part the text into fields: without a space behind them, or into very short ones."""
    separators = list(_SEPARATOR.finditer(text))
    if len(separators) < len("ab"):
        return False
    tight = sum(found["tight"] is not None and found.group() in ",;" for found in separators)
    return 2 * tight > len(separators) or (is_row and words <= _FIELD_WORDS_MAX * (len(separators) + 1))
