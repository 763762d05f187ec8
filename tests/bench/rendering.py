"""CPU time of everything that reads or shows a model's text, at four sizes, for texts that were made to be slow.

    .venv/bin/python -m tests.bench.rendering [--only WORD] [--chars 10000 40000 160000 640000]

Linear work costs the same per character at every size: the last column says how much dearer a character of the largest
text is than one of the smallest, and a star marks more than four times. A step that takes longer than `--patience`
seconds is stopped, and its larger sizes are left out.
"""

import argparse
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

from bot.commands.parser import parse
from bot.messages.markdown import pieces
from bot.messages.mrkdwn import escape, literal, with_links
from bot.messages.pagination import paginate, split
from patterns.core.found_json import found_in, is_denied, is_quoted
from patterns.core.invisible import InvisibleFilter, without_invisible
from patterns.core.repetition import Repetition, without_repetition
from patterns.core.structured import InvalidOutputError, read
from patterns.core.visible_text import VisibleText, is_blank, visible_text
from patterns.models.bodies import Body
from patterns.models.replies import BrokenReplyError, Reading
from patterns.models.reply_text import ReplyText
from patterns.models.shapes import SHAPES
from tests.bench.figures import tell

SIZES = (10_000, 40_000, 160_000, 640_000)
PIECE_CHARS = 16
"""Characters per piece of a stream; models send words."""
DEARER_MAX = 4.0
SCHEMA = {"type": "object", "required": ["accepted"], "properties": {"accepted": {"type": "boolean"}}}

TEXTS: dict[str, str] = {
    "prose": "The ledger holds each dollar before it is spent, and settles what was used. ",
    "short paragraphs": "Yes.\n\n",
    "one line, no space": "a",
    "open addresses": "<http://a",
    "addresses": "http://a.b/c ",
    "autolinks": "<http://a.b> ",
    "open tags": "<",
    "half tags": "<think",
    "open details": '<details type="',
    "open thinking": "<think>",
    "closing thinking": "</think>a",
    "thinking twice": "<think>a</think>",
    "open tokens": "<|",
    "entities": "&amp;",
    "half entities": "&",
    "half entity names": "&a",
    "open brackets": "[",
    "closing brackets": "]",
    "open images": "![",
    "open links": "[a](",
    "links": "[a](b) ",
    "references": "[a][b]",
    "definitions": "[a]: /b\n",
    "open objects": '{"a":',
    "open arrays of text": '["a",',
    "braces": "{",
    "objects": '{"a": 1} ',
    "verdicts": '{"accepted": true} ',
    "negations": 'not never {"a": 1} ',
    "open strings": '{"',
    "stars": "*",
    "double stars": "**",
    "starred letters": "*a",
    "starred words": "**a ",
    "stars and lines": "*a_ ",
    "underscores": "_",
    "underscored": "__a_",
    "tildes": "~~a ",
    "backticks": "`",
    "open code": "`a ",
    "open fences": "```\na\n",
    "fence ends": "~~~ a\n```\n",
    "fences in quotes": "> ```\n",
    "backslashes": "\\",
    "open formulas": "\\(a ",
    "open displays": "\\[a ",
    "dollars": "$",
    "dollar words": "$a ",
    "dollar powers": "$a^",
    "double dollars": "$$a ",
    "drives": "C:\\a",
    "shares": "\\\\a",
    "quotes in quotes": ">",
    "quotes": "> a\n",
    "lazy quotes": "> a\nb\n",
    "list items": "- a\n",
    "numbered items": "1. a\n",
    "list in list": "- ",
    "tasks": "- [ ] a\n",
    "headings": "# a\n",
    "underlined headings": "a\n-\n",
    "rules": "---\n",
    "blank lines": "\n",
    "spaces": " ",
    "tabs": "\t",
    "spaces and lines": " \n",
    "indented code": "    a\n",
    "pipes": "|",
    "html": "<b>a</b>\n",
    "comments": "<!--",
    "han": "\u6f22\u5b57",
    "mixed scripts": "\u6f22a\u3002\u0e01 \U0001f600",
    "emoji": "\U0001f469\u200d\U0001f4bb",
    "flags": "\U0001f3f4",
    "zero width": "a\u200b",
    "selectors": "\ufe0f",
    "joiners": "\u200d",
    "escape sequences": "\x1b[",
    "controls": "\x00",
    "carriage returns": "\r",
    "mentions": "<@U1> ",
    "open mentions": "<@U1",
    "broadcasts": "@channel ",
    "names": ".__a_a_a",
    "columns": "a  ",
    "open titles": '[a](b "',
    "attributes": "``` x a=ba=ba=ba=ba=ba=ba=ba=b !\n",
    "prices": "$1 left\n",
    "dots": "· 1 agent ",
    "colons": ":a",
    "commas": "a,",
    "digits": "1",
    "dashes": "-",
    "equals": "a=",
    "plus": "+",
    "quotation marks": '"',
    "apostrophes": "'",
    "full stops": ".",
    "sentences": "a. ",
    "open base64": "AAAA",
    "escaped quotes": '\\"',
    "escaped escapes": '\\\\"',
    "struck out": "<s>a</s>" + " " * 9_000,
    "lost marks": "analysis: a" + "a" * 9_000,
    "empty values": "{} ",
    "named values": '{"a": 1}\n',
}


BUILT: dict[str, Callable[[int], str]] = {
    "code of any length": lambda chars: "".join("a" + "`" * at for at in range(1, int((2 * chars) ** 0.5))),
    "deep lists": lambda chars: "".join("  " * (at % 100) + "- a\n" for at in range(chars // 104)),
    "long cells": lambda chars: "| a | b |\n|---|---|\n| " + "a " * (chars // 2) + "| b |\n",
    "many cells": lambda chars: "\n".join("|" + cell * (chars // 8) for cell in ("a|", "-|", "b|")),
    "many rows": lambda chars: "| a | b |\n|---|---|\n" + "| a | b |\n" * (chars // 10),
    "ragged rows": lambda chars: (
        "|" + "a|" * (chars // 8) + "\n|" + "-|" * (chars // 8) + "\n" + "|b|\n" * (chars // 8)
    ),
    "long name": lambda chars: "__" + "a_" * (chars // 2),
    "nested arrays": lambda chars: ("[" * 400 + "]" * 400) * (chars // 800),
    "nested objects": lambda chars: ('{"a":' * 400 + "1" + "}" * 400) * (chars // 2400),
    "deep content": lambda chars: ("[" + "1," * (chars // 800)) * 400,
}
"""Texts that no repetition of a few characters makes."""


def text_of(name: str, chars: int) -> str:
    """Return the text of that name, of about so many characters."""
    if name in BUILT:
        return BUILT[name](chars)
    unit = TEXTS[name]
    return (unit * (chars // len(unit) + 1))[:chars]


def _streamed(text: str) -> None:
    invisible, visible, repetition = InvisibleFilter(), VisibleText(), Repetition()
    for at in range(0, len(text), PIECE_CHARS):
        piece = text[at : at + PIECE_CHARS]
        invisible.feed(piece)
        visible.feed(piece)
        repetition.feed(piece)
    invisible.close()
    visible.close()
    repetition.close()


def _body(text: str) -> None:
    """Read bytes of a reply that begins with the text and then goes on as a value, a list of them, or as events."""
    for begin, end in (("", ""), ("data: ", "\n\n"), ("[", "]")):
        data, body = f"{begin}{text}{end}".encode(), Body(Reading(SHAPES["openai"]))
        with suppress(BrokenReplyError):
            for at in range(0, len(data), PIECE_CHARS):
                body.feed(data[at : at + PIECE_CHARS])
            body.close()


def _deltas(text: str) -> None:
    """Read a stream whose provider tells the text so far each time, and then only its beginning."""
    reply = ReplyText(lambda _: None)
    reply.add(text)
    for _ in range(0, len(text), PIECE_CHARS):
        reply.complete_to(text[:1])
    reply.add(text[:PIECE_CHARS], is_last=True)


def _read(text: str) -> None:
    try:
        read(text, SCHEMA, [text])
    except InvalidOutputError:
        return


STEPS: dict[str, Callable[[str], object]] = {
    "markdown": pieces,
    "messages": lambda text: (paginate(text, "plain"), paginate(text, "rich")),
    "split": lambda text: list(split(text, 3_000)),
    "escape": lambda text: (escape(text), literal(text), with_links(text)),
    "invisible": without_invisible,
    "visible": visible_text,
    "blank": is_blank,
    "loop": without_repetition,
    "stream": _streamed,
    "body": _body,
    "deltas": _deltas,
    "json": lambda text: (found_in(text), found_in(text, everywhere=True)),
    "denied": lambda text: is_denied(text, lambda _: True),
    "quoted": lambda text: is_quoted({"accepted": True}, text),
    "verdict": _read,
    "command": lambda text: parse(text, flows=("decide",), agents=("critic",)),
}


class _ImpatientError(Exception):
    """A step took too long."""


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise _ImpatientError


def cpu_s(step: Callable[[str], object], text: str, patience_s: float) -> float | None:
    """Return the seconds of CPU one call takes; None when it was stopped."""
    signal.setitimer(signal.ITIMER_PROF, patience_s)
    begun_s = time.process_time()
    try:
        step(text)
    except _ImpatientError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return time.process_time() - begun_s


def main(*, only: str, sizes: Sequence[int], patience_s: float, quiet: bool) -> None:
    """Print a line per step and text; with `quiet`, only those that are slow or dearer at size."""
    signal.signal(signal.SIGPROF, _give_up)
    print(f"{'step':<10} {'text':<22}" + "".join(f"{size // 1000:>8}k" for size in sizes) + "   ms; dearer", flush=True)
    worst_s = 0.0
    for step_name, step in STEPS.items():
        step("warm")
        for text_name in (*TEXTS, *BUILT):
            if only and only not in f"{step_name}/{text_name}":
                continue
            took: list[float | None] = []
            for size in sizes:
                took.append(cpu_s(step, text_of(text_name, size), patience_s))
                if took[-1] is None:
                    break
            dearer = _dearer(took, sizes)
            worst_s = max(worst_s, patience_s if took[-1] is None else took[-1])
            is_slow = dearer is None or dearer > DEARER_MAX
            if is_slow or not quiet:
                cells = "".join(f"{'stopped' if s is None else f'{s * 1000:.0f}':>9}" for s in took)
                print(f"{step_name:<10} {text_name:<22}{cells}   {'*' * is_slow} {dearer or 0:.1f}", flush=True)
    tell("the slowest", worst_s, "s of CPU")
    print(f"the slowest: {worst_s:.2f} s of CPU")


def _dearer(took: Sequence[float | None], sizes: Sequence[int]) -> float | None:
    """Return how much dearer a character of the largest text is; short times are taken for 5 ms, which are noise."""
    first, last = took[0], took[-1]
    if first is None or last is None:
        return None
    return (max(last, 0.005) / sizes[len(took) - 1]) / (max(first, 0.005) / sizes[0])


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default="", help="steps and texts whose `step/text` contains this")
    options.add_argument("--chars", type=int, nargs="+", default=SIZES)
    options.add_argument("--patience", type=float, default=10.0)
    options.add_argument("--quiet", action="store_true", help="only what is dearer at size")
    given = options.parse_args()
    main(only=given.only, sizes=given.chars, patience_s=given.patience, quiet=given.quiet)
