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
from bot.commands.dry_run import FORMATTING, NOTHING_ASKED, USE, says_dry_run, without_dry_run
from bot.commands.text import plain_signs, unescape
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
_BLANK_ENDS = re.compile(r"\A[\s\u2800]+|(?<![\s\u2800])[\s\u2800]+\Z")
"""White space of every kind, and the blank of Braille."""
_FLAGS = re.IGNORECASE | re.DOTALL
_COMMAND_NAME = re.compile(r"/agents(?:\s+|$)", re.IGNORECASE)
"""The command typed behind a mention."""
_NAME_CHARS, _NAMED_MAX, _WORD_CHARS = 40, 3, 3
"""What is shown of names that there are not."""
_NOTHING_TO_ASK = "Write your request after `ask`, like `ask why is our build slow?`"
_ONE_RUN = re.compile(r"(?P<verb>stop|cancel|show|trace)\s+(?P<sure>run\s+)?#?(?P<run>r[0-9a-f]{1,40})")
_ODD_RUN = re.compile(r"(?:stop|cancel|show|trace)\s+(?:run\s+)?#?\d+")
_LIKE_MONTH = re.compile(r"\d[\d-]*")
_OF_ONE_RUN: dict[str, Callable[[str], Command]] = {
    "stop": StopRuns,
    "cancel": StopRuns,
    "show": ShowRun,
    "trace": TraceRun,
}
_USE = re.compile(rf"{USE}(?P<rest>.*)", _FLAGS)
_USE_NO_COLON = re.compile(r"use\s+(?P<flow>[\w-]+)(?P<rest>\s.*)?", _FLAGS)
_ASK = re.compile(r"ask(?:\s*:|\s|$)(?P<rest>.*)", _FLAGS)
_ESTIMATE = re.compile(r"estimate(?:\s*:(?P<plain>.*)|\s+(?P<words>(?:use\s|dry[\s_-]{0,3}run\b).*)|\s*$)", _FLAGS)


@dataclass(frozen=True, slots=True)
class _Names:
    flows: Collection[str] = field(default=())
    agents: Collection[str] = field(default=())


def as_it_stands(text: str) -> Ask:
    """Return a text as a request with all its words, whatever it begins like; a dry run is one all the same."""
    return Ask(text, dry=says_dry_run(text))


def parse(text: str, *, flows: Collection[str], agents: Collection[str], escaped: bool = True) -> Command:
    """Return the command in `text`, Slack's escaped form unless `escaped` is False. What is no command is a request."""
    said = _BLANK_ENDS.sub("", without_invisible(unescape(text) if escaped else text))
    if not said and text.strip():
        return ShowHelp()  # somebody typed something, although nobody sees it
    return _parse(said, _Names(flows, agents))


def _parse(text: str, names: _Names) -> Command:
    text = _COMMAND_NAME.sub("", text, count=1)
    plain = plain_signs(text)
    if not plain:
        return OpenModal()
    command = _word(plain, names) or _budget(plain) or _ask(text, plain)
    command = command or _use(text, plain, names) or _estimate(text, plain, names) or _dry_run(text, names)
    return command or _near_miss(plain, text, names) or Ask(text)


def _word(plain: str, names: _Names) -> Command | None:
    """Return a command that takes no free text; quotes around it and punctuation behind it are ignored."""
    said = " ".join(plain.strip(FORMATTING).casefold().split())
    if said in _HELP_SIGNS:
        return ShowHelp()
    said = said.rstrip("?!.").strip(FORMATTING)
    if named := _one_run(said):
        return named
    first, _, rest = said.partition(" ")
    if first == "stats" and _LIKE_MONTH.fullmatch(rest):
        return _stats(rest)
    if first == "help" and (rest in TOPICS or rest in names.flows):
        return ShowHelp(rest)
    return _WORDS.get(said)


def _one_run(said: str) -> Command | None:
    """Return a command about one request that is named by its id or a beginning of it."""
    if _ODD_RUN.fullmatch(said):
        return Invalid(f"`{_shown(said.rsplit(maxsplit=1)[-1])}` is not one of your requests. `runs` lists them.")
    one = _ONE_RUN.fullmatch(said)
    if one is None:
        return None
    if one["sure"] or not one["run"].isalpha():
        return _OF_ONE_RUN[one["verb"]](one["run"])
    is_long = len(one["run"]) > _WORD_CHARS  # or it is a word, like in `show read`
    return NearMiss(said, f"{one['verb']} run {one['run']}", said) if is_long else None


def _stats(month: str) -> Command:
    try:
        return ShowStats(read_month(month))
    except UserError as error:
        return Invalid(str(error))


def _budget(plain: str) -> Command | None:
    first, rest = [*plain.split(maxsplit=1), "", ""][:2]
    try:
        command = parse_budget(rest) if first.casefold() == "budget" else None
        command = command or budget_attempt(plain.strip(FORMATTING))
    except UserError as error:
        return Invalid(str(error))
    return Budget(command) if command else None


def _ask(text: str, plain: str) -> Command | None:
    match = _ASK.fullmatch(plain)
    if match is None:
        return None
    request = text[match.start("rest") :].strip()
    return as_it_stands(request) if request else Invalid(_NOTHING_TO_ASK)


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
    return _dry_within(Ask(rest, flow, tuple(dict.fromkeys(agent for agent in agents if agent))))


def _dry_within(asked: Ask) -> Command:
    """Return a request with `dry run:` read where it stands behind the flow: it must not be done for real."""
    said = without_dry_run(asked.request)
    if said is None:
        return replace(asked, dry=says_dry_run(asked.request))
    return replace(asked, request=said, dry=True) if said else Invalid(NOTHING_ASKED)


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
    part = "words" if match["words"] else "plain"
    inner = text[match.start(part) :].strip() if match[part] else ""
    if not inner:
        return Invalid("Write the request to price after `estimate:`, like `estimate: compare SQLite and PostgreSQL`")
    found = _use(inner, plain_signs(inner), names) or _dry_run(inner, names) or Ask(inner)
    if isinstance(found, Ask):
        return Estimate(found)
    if isinstance(found, NearMiss):
        return NearMiss(f"estimate {found.word}", f"estimate {found.suggestion}", text)
    return found


def _dry_run(text: str, names: _Names) -> Command | None:
    said = without_dry_run(text)
    if said is None:
        return None
    found = (_use(said, plain_signs(said), names) or Ask(said)) if said else Invalid(NOTHING_ASKED)
    if isinstance(found, Ask):
        return replace(found, dry=True)
    if isinstance(found, NearMiss):
        return NearMiss(f"dry run {found.word}", f"dry run {found.suggestion}", text)
    return found


def _near_miss(plain: str, text: str, names: _Names) -> NearMiss | None:
    """Return a correction of a mistyped word, only where the corrected text is a whole command."""
    word, _, rest = plain.strip("\"'?!. ").casefold().partition(" ")
    if word in _ASKED_ABOUT and rest and " " not in rest:
        return NearMiss(f"{word} {rest}", word, text)
    for known in dict.fromkeys(key.split()[0] for key in _WORDS):
        if word != known and is_near(word, known):
            suggestion = f"{known} {rest}".strip()
            if not isinstance(_word(suggestion, names), NearMiss | None) or isinstance(_budget(suggestion), Budget):
                return NearMiss(word, suggestion, text)
    return None


def _known(said: str, names: Collection[str]) -> str | None:
    return next((name for name in names if name.casefold() == said.casefold()), None)


def _nearest(said: str, names: Collection[str]) -> str | None:
    return next((name for name in sorted(names) if is_near(said.casefold(), name.casefold())), None)
