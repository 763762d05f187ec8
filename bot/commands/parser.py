"""Parse the text after `/agents` or a mention into typed values, so that listeners never look at words.

Pure. A reserved word is a command only when the whole rest fits its grammar; everything else is a request.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from bot.commands.budget import ShowBudget
from bot.commands.budget_attempts import budget_attempt
from bot.commands.budget_parser import parse_budget
from bot.commands.budget_values import read_month
from bot.commands.commands import (
    TOPICS,
    Allow,
    Ask,
    Budget,
    ChangeSettings,
    Command,
    Estimate,
    Invalid,
    ListAgents,
    ListFlows,
    ListRuns,
    NearMiss,
    OpenModal,
    ShowBalance,
    ShowHelp,
    ShowRun,
    ShowStats,
    ShowTools,
    ShowVersion,
    StopRuns,
    TraceRun,
)
from bot.commands.text import unescape
from bot.commands.typos import is_near
from patterns.core.errors import UserError
from patterns.core.invisible import without_invisible

_WORDS: dict[str, Command] = {
    "help": ShowHelp(),
    "agents": ListAgents(),
    "agents all": ListAgents(everyone=True),
    "all agents": ListAgents(everyone=True),
    "flows": ListFlows(),
    "balance": ShowBalance(),
    "budget": Budget(ShowBudget()),
    "runs": ListRuns(),
    "runs all": ListRuns(everywhere=True),
    "status": ListRuns(),
    "show": ShowRun(),
    "trace": TraceRun(),
    "stats": ShowStats(),
    "stop": StopRuns(),
    "cancel": StopRuns(),
    "models": ListAgents(everyone=True),
    "version": ShowVersion(),
    "reset": ShowHelp("reset"),
    "settings": ChangeSettings(),
    "tools": ShowTools(),
    "allow guests": Allow("guests", allowed=True),
    "allow external": Allow("external", allowed=True),
    "deny guests": Allow("guests", allowed=False),
    "deny external": Allow("external", allowed=False),
}
_ASKED_ABOUT = {"help", "budget", "runs", "balance"}
"""Commands that are asked about when one word follows that they do not know."""
_HELP_SIGNS = {"?", "-h", "-help", "--help"}
# Typographic variants that keyboards and Slack clients substitute. One character each, so that positions stay the same.
_PLAIN = str.maketrans(
    dict.fromkeys("“”„‟«»", '"')
    | dict.fromkeys("‘’‚‛`", "'")  # noqa: RUF001 - the characters people really send
    | dict.fromkeys("‐‑‒–—―−", "-")  # noqa: RUF001 - same
    | {0xFF01 + offset: 0x21 + offset for offset in range(94)}  # the full-width forms of ASCII
    | {"\u3000": " ", "\u3002": ".", "\u3001": ","}
)
_BLANK_ENDS = re.compile(r"\A[\s\u2800]+|[\s\u2800]+\Z")
"""White space of every kind, and the blank of Braille."""
_FLAGS = re.IGNORECASE | re.DOTALL
_COMMAND_NAME = re.compile(r"/agents(?:\s+|$)", re.IGNORECASE)
"""The command typed behind a mention."""
_NAME_CHARS, _NAMED_MAX = 40, 3
"""What is shown of names that there are not."""
_FORMATTING = "\"'*_~` "
_ONE_RUN = re.compile(r"(?P<verb>stop|cancel|show|trace)\s+(?:run\s+)?(?P<run>r[0-9a-f]{12})")
_ODD_RUN = re.compile(r"(?:(?:stop|cancel)\s+#?\d+|(?:stop|cancel|show|trace)\s+(?:r[0-9a-f]{6,}|r\d+))")
_LIKE_MONTH = re.compile(r"\d[\d-]*")
_OF_ONE_RUN: dict[str, Callable[[str], Command]] = {
    "stop": StopRuns,
    "cancel": StopRuns,
    "show": ShowRun,
    "trace": TraceRun,
}
_USE = re.compile(r"use\s+(?P<flow>[\w-]+)(?:\s+with\s+(?P<agents>[\w ,&-]+?))?(?:\s*:|\s+-+\s)(?P<rest>.*)", _FLAGS)
_USE_NO_COLON = re.compile(r"use\s+(?P<flow>[\w-]+)(?P<rest>\s.*)?", _FLAGS)
_ASK = re.compile(r"ask(?:\s*:|\s|$)(?P<rest>.*)", _FLAGS)
_ESTIMATE = re.compile(r"estimate\s*(?::(?P<plain>.*)|(?=\s)\s+(?P<use>use\s.*)|$)", _FLAGS)
_MARK = r"[>*_~'\"]{0,4}"
_DRY_RUN = re.compile(
    rf"(?P<mark>{_MARK})\s*dry[\s-]{{0,3}}run(?P<end>{_MARK})\s*"
    rf"(?:(?::(?P<close>{_MARK})|(?<=\s)-+\s)(?P<plain>.*)|(?<=\s)(?P<use>use\s.*)|$)",
    _FLAGS,
)
"""In bold, quoted or as code too: whoever writes it wants nothing done."""


@dataclass(frozen=True, slots=True)
class _Names:
    flows: Collection[str] = field(default=())
    agents: Collection[str] = field(default=())


def parse(text: str, *, flows: Collection[str], agents: Collection[str], escaped: bool = True) -> Command:
    """Return the command in `text`, Slack's escaped form unless `escaped` is False. What is no command is a request."""
    said = _BLANK_ENDS.sub("", without_invisible(unescape(text) if escaped else text))
    if not said and text.strip():
        return ShowHelp()  # somebody typed something, although nobody sees it
    return _parse(said, _Names(flows, agents))


def _parse(text: str, names: _Names) -> Command:
    text = _COMMAND_NAME.sub("", text, count=1)
    plain = text.translate(_PLAIN)
    if not plain:
        return OpenModal()
    command = _word(plain, names) or _budget(plain) or _ask(text, plain)
    command = command or _use(text, plain, names) or _estimate(text, plain, names) or _dry_run(text, plain, names)
    return command or _near_miss(plain, text, names) or Ask(text)


def _word(plain: str, names: _Names) -> Command | None:
    """Return a command that takes no free text; quotes around it and punctuation behind it are ignored."""
    said = " ".join(plain.strip(_FORMATTING).casefold().split())
    if said in _HELP_SIGNS:
        return ShowHelp()
    said = said.rstrip("?!.").strip(_FORMATTING)
    if one := _ONE_RUN.fullmatch(said):
        return _OF_ONE_RUN[one["verb"]](one["run"])
    if _ODD_RUN.fullmatch(said):
        return Invalid(f"`{_shown(said.split()[1])}` is not one of your requests. `runs` lists them.")
    first, _, rest = said.partition(" ")
    if first == "stats" and _LIKE_MONTH.fullmatch(rest):
        return _stats(rest)
    if first == "help" and (rest in TOPICS or rest in names.flows):
        return ShowHelp(rest)
    return _WORDS.get(said)


def _stats(month: str) -> Command:
    try:
        return ShowStats(read_month(month))
    except UserError as error:
        return Invalid(str(error))


def _budget(plain: str) -> Command | None:
    first, rest = [*plain.split(maxsplit=1), "", ""][:2]
    try:
        command = parse_budget(rest) if first.casefold() == "budget" else None
        command = command or budget_attempt(plain.strip(_FORMATTING))
    except UserError as error:
        return Invalid(str(error))
    return Budget(command) if command else None


def _ask(text: str, plain: str) -> Command | None:
    match = _ASK.fullmatch(plain)
    if match is None:
        return None
    request = text[match.start("rest") :].strip()
    return Ask(request) if request else Invalid("Write your request after `ask`, like `ask why is our build slow?`")


def _use(text: str, plain: str, names: _Names) -> Command | None:
    match = _USE.fullmatch(plain)
    if match is None:
        return _use_without_colon(text, plain, names)
    said, rest = match["flow"], text[match.start("rest") :].strip()
    flow = _known(said, names.flows)
    if flow is None:
        near = _nearest(said, names.flows)
        if near:
            return NearMiss(f"use {said}", text[: match.start("flow")] + near + text[match.end("flow") :], text)
        flows = ", ".join(f"`{name}`" for name in sorted(names.flows))
        return Invalid(
            f"There is no flow `{_shown(said)}`. There are {flows}. Or write `ask` first to send it as it stands."
        )
    if not rest:
        return Invalid(f"Write your request after the colon, like `use {flow}: should we move to PostgreSQL?`")
    chosen = [part for part in re.split(r"[\s,&]+|\band\b", match["agents"] or "") if part]
    agents = [_known(part, names.agents) for part in chosen]
    unknown = [f"`{_shown(part)}`" for part, agent in zip(chosen, agents, strict=True) if agent is None]
    if unknown:
        named = ", ".join(unknown[:_NAMED_MAX])
        return Invalid(f"There is no agent {named}. `agents` lists them; `use {flow}: …` takes the flow's own.")
    return _dry_within(Ask(rest, flow, tuple(dict.fromkeys(agent for agent in agents if agent))), names)


def _dry_within(asked: Ask, names: _Names) -> Command:
    """Return a request with `dry run:` read where it stands behind the flow: it must not be done for real."""
    dry = _dry_run(asked.request, asked.request.translate(_PLAIN), names)
    return replace(asked, request=dry.request, dry=True) if isinstance(dry, Ask) else dry or asked


def _shown(name: str) -> str:
    """Return as much of a name as one recognises it by."""
    return name if len(name) <= _NAME_CHARS else f"{name[:_NAME_CHARS]}…"


def _use_without_colon(text: str, plain: str, names: _Names) -> Command | None:
    """Return the question for text like `use plan B for the launch`, which may be a command or a request."""
    match = _USE_NO_COLON.fullmatch(plain)
    flow = _known(match["flow"], names.flows) if match else None
    if match is None or flow is None:
        return None
    rest = text[match.end("flow") :].strip()
    if not rest:
        return Invalid(f"Write your request after the flow, like `use {flow}: should we move to PostgreSQL?`")
    return NearMiss(f"use {flow}", f"use {flow}: {rest}", text)


def _estimate(text: str, plain: str, names: _Names) -> Command | None:
    match = _ESTIMATE.fullmatch(plain)
    if match is None:
        return None
    found = _within(text, match, names)
    if found is None:
        return Invalid("Write the request to price after `estimate:`, like `estimate: compare SQLite and PostgreSQL`")
    if isinstance(found, Ask):
        return Estimate(found)
    if isinstance(found, NearMiss):
        return NearMiss(f"estimate {found.word}", f"estimate {found.suggestion}", text)
    return found


def _dry_run(text: str, plain: str, names: _Names) -> Command | None:
    match = _DRY_RUN.fullmatch(plain)
    if match is None:
        return None
    found = _within(text, match, names)
    if found is None:
        return Invalid("Write the request after `dry run:`, like `dry run: open an issue for the failing export`")
    if isinstance(found, Ask):
        is_open = bool(match["mark"].strip(">")) and not match["end"] and not match["close"]
        return replace(found, request=found.request.rstrip(_FORMATTING) if is_open else found.request, dry=True)
    if isinstance(found, NearMiss):
        return NearMiss(f"dry run {found.word}", f"dry run {found.suggestion}", text)
    return found


def _within(text: str, match: re.Match[str], names: _Names) -> Command | None:
    """Return the request behind a word like `estimate:`, with its own words read; None where there is none."""
    part = "use" if match["use"] else "plain"
    inner = text[match.start(part) :].strip() if match[part] else ""
    if not inner:
        return None
    plain = inner.translate(_PLAIN)
    return _use(inner, plain, names) or _dry_run(inner, plain, names) or Ask(inner)


def _near_miss(plain: str, text: str, names: _Names) -> NearMiss | None:
    """Return a correction of a mistyped word, only where the corrected text is a whole command."""
    word, _, rest = plain.strip("\"'?!. ").casefold().partition(" ")
    if word in _ASKED_ABOUT and rest and " " not in rest:
        return NearMiss(f"{word} {rest}", word, text)
    for known in dict.fromkeys(key.split()[0] for key in _WORDS):
        if word != known and is_near(word, known):
            suggestion = f"{known} {rest}".strip()
            if _word(suggestion, names) is not None or isinstance(_budget(suggestion), Budget):
                return NearMiss(word, suggestion, text)
    return None


def _known(said: str, names: Collection[str]) -> str | None:
    return next((name for name in names if name.casefold() == said.casefold()), None)


def _nearest(said: str, names: Collection[str]) -> str | None:
    return next((name for name in sorted(names) if is_near(said.casefold(), name.casefold())), None)
