"""Commands as typed values, and the words of the grammar with what each does."""

import re
from dataclasses import dataclass
from typing import Literal

from bot.commands.budget import BudgetCommand

RUN_ID = re.compile(r"r[0-9a-f]{12}")
"""The form of run ids; no such word is typed by chance."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the agents. `flow` None lets the Router choose; an empty `agents` takes the flow's own.

    `dry` calls no tool that acts.
    """

    request: str
    flow: str | None = None
    agents: tuple[str, ...] = ()
    dry: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """Return the price of a request; nothing is started."""

    ask: Ask


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """Explain how to ask; `topic` is a command or a flow, empty for an overview."""

    topic: str = ""


@dataclass(frozen=True, slots=True)
class ListAgents:
    """List the agents a person would ask; `everyone` adds those who work inside flows."""

    everyone: bool = False


@dataclass(frozen=True, slots=True)
class ListFlows:
    """List the flows."""


@dataclass(frozen=True, slots=True)
class ShowBalance:
    """Show what is left of this month's budget."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Run a budget command other than the plain balance."""

    command: BudgetCommand


@dataclass(frozen=True, slots=True)
class ListRuns:
    """List a person's recent runs: those of this channel, or with `everywhere` all."""

    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class ShowRun:
    """Show the story of a run; without an id, of the latest one here."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class TraceRun:
    """Put the page of a run into its thread; without an id, of the latest one here."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class ShowStats:
    """Compare flows, agents and models by a month of this place; an empty `period` is the current one."""

    period: str = ""


@dataclass(frozen=True, slots=True)
class ShowVersion:
    """Show which version of the program answers, and with which models."""


@dataclass(frozen=True, slots=True)
class StopRuns:
    """Stop a run: the named one, or those of this conversation."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class Allow:
    """Open or close this channel to people who are refused by default; for admins."""

    who: Literal["guests", "external"]
    allowed: bool


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Show or change how agents behave in this channel; for admins."""


@dataclass(frozen=True, slots=True)
class OpenModal:
    """Open the request form: nothing was typed."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Ask about a probable typo. `suggestion` is the whole corrected text, `text` what was typed."""

    word: str
    suggestion: str
    text: str


@dataclass(frozen=True, slots=True)
class ShowTools:
    """Show which tools agents have here; admins can change that there."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """Explain why a text that begins like a command is not one; `message` holds an example."""

    message: str


Command = (
    Ask
    | Estimate
    | ShowHelp
    | ListAgents
    | ListFlows
    | ShowBalance
    | Budget
    | ListRuns
    | ShowRun
    | TraceRun
    | ShowStats
    | ShowTools
    | ShowVersion
    | StopRuns
    | Allow
    | ChangeSettings
    | OpenModal
    | NearMiss
    | Invalid
)

TOPICS = {
    "ask": "`ask REQUEST` sends the request as it stands, even when it begins like a command: `ask help me say no`. "
    "Only `dry run` keeps its meaning.",
    "use": "`use FLOW: REQUEST` chooses how the agents work, `use FLOW with a,b: REQUEST` also who works; `flows` and "
    "`agents` list both.",
    "estimate": "`estimate: REQUEST` says what a request costs, and starts nothing.",
    "dry run": "`dry run: REQUEST`, with the colon or without, also behind `use FLOW:`, answers without acting: tools "
    "that only read are called, and the answer lists every other call that would have been made, with its price. "
    "Replies in its thread are not dry unless they say so.",
    "help": "`help` shows how to ask; `help WORD` explains one command or flow.",
    "agents": "`agents` lists whom you can ask, by flow; `agents all` everybody who works for you.",
    "flows": "`flows` draws the ways they can work, with what each costs and its limits; `help FLOW` shows one.",
    "balance": "`balance` says what is left of this month's budget here.",
    "budget": "`budget` shows how this month stands; `budget report`, `budget report 2026-10 csv` posts a month here. "
    'Admins and budget owners: `budget edit`, `set 50`, `grant 10 "launch week"`, `user-cap 5`, '
    "`alerts 50 80 95 100`, `zone Europe/Paris`, `freeze`, `unfreeze`, `release`, `models openai`, `digest on`, "
    "`audit`. Admins: `budget all`, `owner @dana`, `pause`, `resume`, `workspace 100`, `default 25`, `dm-default 5`, "
    "`lift MODEL 150`.",
    "runs": "`runs` lists your recent requests in this channel and how they stand, with a button to stop each; "
    "`runs all` lists those of every channel.",
    "show": "`show RUN` shows a request as it went: why this way, each step with its model, tokens, dollars and "
    "seconds, who decided what; `show` alone takes the latest one here. "
    "A beginning of the id is enough for yours and those of this channel.",
    "trace": "`trace RUN` puts a page with every step, its prompt and its answer into the request's own thread; "
    "`trace` alone takes the latest one here.",
    "stats": "`stats` compares patterns, flows, agents, models and tools by this month's requests here: cost, time, "
    "feedback, and what that suggests; `stats 2026-10` takes another month.",
    "stop": "`stop` (or `cancel`) ends what runs for you here; `stop RUN` ends one request that `runs` lists, named by "
    "its id or a beginning of it. Finished steps are paid, nothing more.",
    "status": "`status` is the same as `runs`.",
    "cancel": "`cancel` is the same as `stop`.",
    "models": "`models` lists the agents, each with the model that answers for it.",
    "version": "`version` says which version answers here, and with which models.",
    "reset": "There is nothing to reset: every thread is a conversation of its own. A new message starts afresh.",
    "allow": "`allow guests` or `allow external` opens this channel to guests or to other organisations; for admins.",
    "tools": "`tools` shows which tools agents have here, and for whom; admins switch them on and off there.",
    "settings": "`settings` opens a form for admins: who may ask in this channel, its usual flow, which replies count.",
    "deny": "`deny guests` or `deny external` closes this channel to them again; for admins.",
}
"""The words of the grammar, each with one sentence of help."""
