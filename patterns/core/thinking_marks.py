"""How models mark what is thinking, and the tokens of chat templates that leak into answers: one grammar for all.

The names are those of DeepSeek, Qwen, GLM, Magistral, Kimi, Seed, EXAONE, Command, MedGemma, Gemma, Llama, Phi, ChatML,
gpt-oss (harmony) and the proxies that write tags of their own.
"""

import re

_NAMES = (
    r"(?:[a-z][\w.-]{0,20}:)?(?:think(?:ing)?|thoughts?|thought[_-]process|reasoning(?:[_-](?:process|content))?"
    r"|reflection|scratch[_-]?pad|(?:inner|internal)[_-](?:monologue|thoughts?)|chain[_-]of[_-]thought|cot|analysis)"
)
_BAR = "[|\uff5c]"
_WORD = "(?:thoughts?|think(?:ing)?|reasoning)"
_OPEN = (
    rf"<[ \t]?{_NAMES}(?:[ \t][^<>`\n]{{0,60}})?(?<!/)>|&lt;{_NAMES}&gt;|(?-i:\[THINK\])|\u25c1think\u25b7"
    rf"|<{_BAR}(?:(?:begin|start)_?(?:of_?)?)?{_WORD}{_BAR}>|<unused94>|<\|channel>"
    r"|<details[ \t][^<>`\n]{0,40}type=\"reasoning\"[^<>`\n]{0,40}>"
)
_CLOSE = (
    rf"<[ \t]?/[ \t]?{_NAMES}[ \t]?>|&lt;/{_NAMES}&gt;|(?-i:\[/THINK\])|\u25c1/think\u25b7"
    rf"|<{_BAR}(?:end_?(?:of_?)?|/){_WORD}{_BAR}>|<unused95>|<channel\|>"
)
_TOKEN = (
    rf"<{_BAR}[^<>|\uff5c`\n]{{1,40}}{_BAR}>|<\|[a-z_]{{1,20}}>|<[a-z_]{{1,20}}\|>"
    r"|</?s>|<(?:bos|eos|pad|unk|start_of_turn|end_of_turn|eos_token)>|(?-i:\[/?INST\]|<</?SYS>>)"
)
MARK = re.compile(
    rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})|(?P<details></details>)|(?P<void><[ \t]?{_NAMES}[ \t]?/>)"
    rf"|(?P<token>{_TOKEN})"
    r"|(?P<wrapper></?(?:answer|response|final|final_answer|output)>)|(?P<ticks>`+)|(?P<line>\n)",
    re.IGNORECASE,
)
"""No mark has a backtick in it, which is one itself. `details` ends thinking only where such a block is open; `wrapper`
stands around an answer behind thinking."""
SOFT = re.compile(r"(?:analysis|reflection)\b", re.IGNORECASE)
"""Names in an opening tag that stand around an answer as often as around thinking."""
STRUCK = re.compile(r"\s*<s>[^<>\n]{1,80}</s>[ \t]{0,80}[^\s<\[]", re.IGNORECASE)
STRUCK_BEGUN = re.compile(
    r"\s*(?:<(?:s(?:>(?:[^<>\n]{0,80}(?:<(?:/(?:s(?:>[ \t]{0,80})?)?)?)?)?)?)?)?\Z", re.IGNORECASE
)
"""A text that begins with something struck out, and not with the token that begins a text."""
UNFINISHED = re.compile(
    r"(?:<[^<>\n]{0,130}|<</?[a-z]{0,3}>?|\[/?[a-z]{0,5}|&(?:l(?:t(?:;[^&<>\n]{0,60}(?:&(?:gt?)?)?)?)?)?"
    r"|\u25c1[^\u25b7\n]{0,8}|`+)\Z",
    re.IGNORECASE,
)
"""The end of a text that may be the beginning of a mark."""
UNFINISHED_MAX = 140
_BEGINS = re.compile("[<&\\[\u25c1`\n]")
"""What marks begin with: to look for it first costs a fraction, and most of a text has none."""
FENCE = re.compile(
    r"[ \t>]{0,60}(?:(?:[-*+]|\d{1,3}[.)])[ \t]{1,9})?(?P<run>`{3,99}|~{3,99})(?P<info>[^\n]{0,200})(?P<end>\n|\Z)?"
)
FENCE_BEGUN = re.compile(r"[ \t>]{0,60}(?:(?:[-*+]|\d{1,3}[.)]?)[ \t]{0,9})?(?:`{0,2}|~{0,2})\Z")
"""A line that may or may not open a code block, as far as it is known."""

LINE_HEADERS = frozenset({"im_start", "start_of_turn", "turn"})
"""Tokens behind which the rest of the line names who speaks."""
HEADERS = LINE_HEADERS | {"start", "channel", "start_header_id"}
HEADER_ENDS = frozenset({"message", "end_header_id"})
OTHERS = frozenset({"user", "system", "tool", "developer", "human", "function", "ipython", "environment"})
OURS = frozenset({"assistant", "model", "bot", "chatbot", "ai"})
ENDINGS = frozenset(
    {"end", "return", "call", "im_end", "eot_id", "eom_id", "end_of_turn", "end_of_turn_token", "/inst"}
)
"""Tokens behind which the turn that they end is over."""

LOSSY = re.compile(r"\s*analysis(?=[^a-z\s])")
LOSSY_FINAL = "assistantfinal"
"""A decoder that drops harmony's tokens leaves `analysisWe need …assistantfinalThe answer`."""
LOSSY_MAX = 40
HEADER_MAX = 500


def found(text: str, at: int) -> re.Match[str] | None:
    """Return the first mark from a place in a text on."""
    return _first(MARK, text, at)


def unfinished(text: str, at: int) -> re.Match[str] | None:
    """Return what at the end of a text may be the beginning of a mark."""
    return _first(UNFINISHED, text, max(at, len(text) - UNFINISHED_MAX))


def _first(mark: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    begins = _BEGINS.search(text, at)
    return mark.search(text, begins.start()) if begins else None


def role(header: str) -> str:
    """Return who speaks, or on which channel, as a finished header names it; empty where it names nobody."""
    return next(iter(header.split()), "").lower()


def token_name(token: str) -> str:
    """`<|Im_Start|>` as `im_start`."""
    return token.strip("<>|[]\uff5c").replace("\u2581", "_").lower()


def joining(space: str, *, is_first: bool) -> str:
    """Return the white space to keep around something that was taken out."""
    before, line_end, indent = space.rpartition("\n")
    if is_first:
        return indent if line_end and len(indent) > len("   ") else ""
    breaks = (before + line_end).count("\n")
    return "\n" * min(breaks, 2) + indent if breaks else " " * bool(space)
