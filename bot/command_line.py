"""What people type after /agents or a mention, as typed values, so that no listener ever looks at words.

Pure. A reserved word is a command only when the whole rest fits its grammar; everything else is a request.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from bot.budget_commands import BudgetCommand, ShowBudget, parse_budget
from patterns.errors import UserError

RUN_ID = re.compile(r"r[0-9a-f]{12}")
"""How runs are named; nobody writes such a word by chance."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. `flow` None lets the Router choose; `agents` empty takes the flow's own."""

    request: str
    flow: str | None = None
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What would this cost at most? Nothing is started."""

    ask: Ask


@dataclass(frozen=True, slots=True)
class Help:
    """How to ask; `topic` is a command or a flow, empty for all of it."""

    topic: str = ""


@dataclass(frozen=True, slots=True)
class ListAgents:
    """Who can work."""


@dataclass(frozen=True, slots=True)
class ListFlows:
    """What can be run."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left this month."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Something about money that is more than the balance."""

    command: BudgetCommand


@dataclass(frozen=True, slots=True)
class ListRuns:
    """A person's recent runs."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a run: the named one, or the one in this place."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class Allow:
    """An admin opens or closes this channel to people who are refused by default."""

    who: Literal["guests", "external"]
    allowed: bool


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """An admin wants to see or change how agents behave in this channel."""


@dataclass(frozen=True, slots=True)
class OpenModal:
    """Nothing was typed: show the form."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """It looks like a mistyped command. `suggestion` is the command's whole text, `text` what was typed."""

    word: str
    suggestion: str
    text: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """It starts like a command and cannot be one; `message` says so with an example."""

    message: str


Command = (
    Ask
    | Estimate
    | Help
    | ListAgents
    | ListFlows
    | Balance
    | Budget
    | ListRuns
    | Stop
    | Allow
    | ChangeSettings
    | OpenModal
    | NearMiss
    | Invalid
)

TOPICS = {
    "ask": "`ask REQUEST` sends the request as it stands, even when it begins like a command: `ask help me say no`",
    "use": "`use FLOW: REQUEST` chooses how the agents work: `use decide: PostgreSQL or DynamoDB?`; "
    "`use FLOW with a,b: REQUEST` also chooses who works.",
    "estimate": "`estimate: REQUEST` says what a request can cost at most, and starts nothing.",
    "help": "`help` shows how to ask; `help WORD` explains one command or flow.",
    "agents": "`agents` lists who can work for you.",
    "flows": "`flows` lists the ways they can work, with the most each can cost.",
    "balance": "`balance` says what is left of this month's budget here.",
    "budget": "`budget` shows how this month stands; `budget report`, `budget report 2026-10 csv` posts a month here. "
    'Admins and budget owners: `budget edit`, `set 50`, `grant 10 "launch week"`, `user-cap 5`, `alerts 50 80 95`, '
    '`zone Europe/Paris`, `freeze`, `unfreeze`, `release CALL "why"`, `models openai`, `digest on`, `audit`. Admins: '
    "`budget all`, `owner @dana`, `pause`, `resume`, `workspace 100`, `default 25`, `dm-default 5`, `lift MODEL 150`.",
    "runs": "`runs` lists your recent requests and their state.",
    "stop": "`stop` ends what runs for you here; `stop RUN` ends one run. What is done is paid, nothing more.",
    "allow": "`allow guests` or `allow external` opens this channel to guests or to other organisations; for admins.",
    "settings": "`settings` opens a form for admins: who may ask in this channel, its usual flow, which replies count.",
    "deny": "`deny guests` or `deny external` closes this channel to them again; for admins.",
}
"""The words of the grammar and what each does, in a sentence."""

_WORDS: dict[str, Command] = {
    "help": Help(),
    "agents": ListAgents(),
    "flows": ListFlows(),
    "balance": Balance(),
    "budget": Budget(ShowBudget()),
    "runs": ListRuns(),
    "stop": Stop(),
    "settings": ChangeSettings(),
    "allow guests": Allow("guests", allowed=True),
    "allow external": Allow("external", allowed=True),
    "deny guests": Allow("guests", allowed=False),
    "deny external": Allow("external", allowed=False),
}
_HELP_SIGNS = {"?", "-h", "-help", "--help"}
# What keyboards and Slack clients make of plain signs. One sign each, so that positions stay the same.
_PLAIN = str.maketrans(
    dict.fromkeys("“”„‟«»", '"')
    | dict.fromkeys("‘’‚‛`", "'")  # noqa: RUF001 - these very signs are what people send
    | dict.fromkeys("‐‑‒–—―−", "-")  # noqa: RUF001 - same
)
_TOKEN = re.compile(r"<([^<>\s|][^<>|]*)(?:\|([^<>]*))?>")
_FLAGS = re.IGNORECASE | re.DOTALL
_USE = re.compile(r"use\s+(?P<flow>[\w-]+)(?:\s+with\s+(?P<agents>[\w ,&-]+?))?(?:\s*:|\s+-+\s)(?P<rest>.*)", _FLAGS)
_USE_NO_COLON = re.compile(r"use\s+(?P<flow>[\w-]+)(?P<rest>\s.*)?", _FLAGS)
_ASK = re.compile(r"ask(?:\s*:|\s|$)(?P<rest>.*)", _FLAGS)
_ESTIMATE = re.compile(r"estimate\s*(?::(?P<plain>.*)|(?=\s)\s+(?P<use>use\s.*)|$)", _FLAGS)
_LONG_WORD = 6


@dataclass(frozen=True, slots=True)
class _Names:
    flows: Collection[str] = field(default=())
    agents: Collection[str] = field(default=())


def parse(text: str, *, flows: Collection[str], agents: Collection[str], escaped: bool = True) -> Command:
    """The command in `text`, as Slack sent it unless `escaped` is False. Never raises: no command means a request."""
    return _parse((unescape(text) if escaped else text).strip(), _Names(flows, agents))


def unescape(text: str) -> str:
    """Slack's transport form as people read it; ids of people and channels stay, names come first.

    `<@U1|dana>` becomes `@dana (U1)`, `<https://x.y|docs>` becomes `docs (https://x.y)`, `&lt;` becomes `<`.
    """
    # The ampersand last, so that `&amp;lt;` stays the `&lt;` that was typed.
    return _TOKEN.sub(_token, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def without_mention(text: str, bot_user: str) -> str:
    """The text of a message that calls the bot, without the calls."""
    return re.sub(rf"\s*<@{re.escape(bot_user)}(?:\|[^>]*)?>[\s,:]*", " ", text).strip()


def _token(match: re.Match[str]) -> str:
    target, label = match[1], match[2] or ""
    if target[0] in "@#":
        return f"{target[0]}{label.lstrip('@#')} ({target[1:]})" if label else match[0]
    if target[0] == "!":
        kind, _, ident = target[1:].partition("^")
        return f"{label} ({ident})" if kind == "subteam" and label else label or f"@{kind}"
    bare = target.removeprefix("mailto:").removeprefix("tel:")
    return bare if label in ("", bare, target) or target.endswith(f"//{label}") else f"{label} ({bare})"


def _parse(text: str, names: _Names) -> Command:
    plain = text.translate(_PLAIN)
    if not plain:
        return OpenModal()
    command = _word(plain, names) or _budget(plain) or _ask(text, plain)
    command = command or _use(text, plain, names) or _estimate(text, plain, names)
    return command or _near_miss(plain, text, names) or Ask(text)


def _word(plain: str, names: _Names) -> Command | None:
    """The commands without free text; quotes around them and a sign behind them are no obstacle."""
    said = " ".join(plain.strip("\"' ").casefold().split())
    if said in _HELP_SIGNS:
        return Help()
    said = said.rstrip("?!.")
    first, _, rest = said.partition(" ")
    if first == "stop" and RUN_ID.fullmatch(rest):
        return Stop(rest)
    if first == "help" and (rest in TOPICS or rest in names.flows):
        return Help(rest)
    return _WORDS.get(said)


def _budget(plain: str) -> Command | None:
    first, _, rest = plain.strip().partition(" ")
    if first.casefold() != "budget":
        return None
    try:
        command = parse_budget(rest)
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
        return Invalid(f"There is no flow `{said}`. There are {flows}. Or write `ask` first to send it as it stands.")
    if not rest:
        return Invalid(f"Write your request after the colon, like `use {flow}: should we move to PostgreSQL?`")
    chosen = [part for part in re.split(r"[\s,&]+|\band\b", match["agents"] or "") if part]
    agents = [_known(part, names.agents) for part in chosen]
    unknown = ", ".join(f"`{part}`" for part, agent in zip(chosen, agents, strict=True) if agent is None)
    if unknown:
        return Invalid(f"There is no agent {unknown}. `agents` lists them; `use {flow}: …` takes the flow's own.")
    return Ask(rest, flow, tuple(dict.fromkeys(agent for agent in agents if agent)))


def _use_without_colon(text: str, plain: str, names: _Names) -> Command | None:
    """`use plan B for the launch` may be either; only the person knows."""
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
    part = "use" if match["use"] else "plain"
    inner = text[match.start(part) :].strip() if match[part] else ""
    if not inner:
        return Invalid("Write the request to price after `estimate:`, like `estimate: compare SQLite and PostgreSQL`")
    found = _use(inner, inner.translate(_PLAIN), names)
    if found is None:
        return Estimate(Ask(inner))
    if isinstance(found, Ask):
        return Estimate(found)
    if isinstance(found, NearMiss):
        return NearMiss(f"estimate {found.word}", f"estimate {found.suggestion}", text)
    return found


def _near_miss(plain: str, text: str, names: _Names) -> NearMiss | None:
    """A mistyped word, but only where the corrected text is a command as a whole."""
    word, _, rest = plain.strip("\"'?!. ").casefold().partition(" ")
    for known in dict.fromkeys(key.split()[0] for key in _WORDS):
        if word != known and _is_near(word, known):
            suggestion = f"{known} {rest}".strip()
            if _word(suggestion, names) is not None or isinstance(_budget(suggestion), Budget):
                return NearMiss(word, suggestion, text)
    return None


def _known(said: str, names: Collection[str]) -> str | None:
    return next((name for name in names if name.casefold() == said.casefold()), None)


def _nearest(said: str, names: Collection[str]) -> str | None:
    return next((name for name in sorted(names) if _is_near(said.casefold(), name.casefold())), None)


def _is_near(said: str, known: str) -> bool:
    """Whether one slip of the fingers, or two in a long word, makes `known` of `said`."""
    allowed = 2 if len(known) >= _LONG_WORD else 1
    return abs(len(said) - len(known)) <= allowed and _slips(said, known) <= allowed


def _slips(said: str, known: str) -> int:
    """Optimal string alignment: signs left out, put in, mistaken, or swapped with a neighbour."""
    before: list[int] = []
    row = list(range(len(known) + 1))
    for i, a in enumerate(said, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(known, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == known[j - 2] and b == said[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
