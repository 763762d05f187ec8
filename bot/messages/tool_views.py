"""What is shown of tools: the card that asks before one acts, what nobody knows, and which are on in a channel."""

from dataclasses import dataclass
from typing import ClassVar

from bot.messages.views import LookedUp, Person, PrivateView, RunView, View
from patterns.core.tools import AskedCall

BLOCK_ID_MAX = 255
"""Characters that Slack takes as the id of a block; the one with the menu names the question."""


@dataclass(frozen=True, slots=True)
class ToolCardView(View):
    """The card that asks whether the calls of one turn may be made. `decided` closes it: who decided what, and when.

    `question` belongs to the buttons. `who` says who may decide, `deadline` what happens without a decision.
    `may_stand` is whether an admin could have them no longer ask here. `looked_up` is what the agent called before in
    the step: what it wants to do may come from there.
    """

    template: ClassVar = "tool_card"
    run: RunView
    calls: tuple[AskedCall, ...]
    who: str = ""
    deadline: str = ""
    decided: str = ""
    question: str = ""
    may_stand: bool = True
    looked_up: tuple[LookedUp, ...] = ()

    @property
    def place(self) -> str:
        """Return the question that the buttons name: the run and the path."""
        return f"{self.run.run_id}:{self.question}"

    @property
    def has_menu(self) -> bool:
        """Return whether the menu fits: it names the question in the id of its block."""
        return len(self.place) <= BLOCK_ID_MAX


@dataclass(frozen=True, slots=True)
class OutcomeCardView(View):
    """The card about a call of which nobody knows whether it was done. `decided` closes it."""

    template: ClassVar = "tool_outcome"
    run: RunView
    call: AskedCall
    who: str = ""
    deadline: str = ""
    decided: str = ""
    question: str = ""

    @property
    def place(self) -> str:
        """Return the question that the buttons name: the run and the path."""
        return f"{self.run.run_id}:{self.question}"


@dataclass(frozen=True, slots=True)
class FormCardView(View):
    """The card of a server that asks something: the labels of its `fields`, or the address that it wants opened.

    `decided` closes it. All of it but the run is the server's.
    """

    template: ClassVar = "tool_form"
    run: RunView
    tool: str
    message: str
    fields: tuple[str, ...] = ()
    url: str = ""
    host: str = ""
    who: str = ""
    deadline: str = ""
    decided: str = ""
    question: str = ""

    @property
    def place(self) -> str:
        """Return the question that the buttons name: the run and the path."""
        return f"{self.run.run_id}:{self.question}"


@dataclass(frozen=True, slots=True)
class ToolLine:
    """One tool of the roster as a channel has it."""

    name: str
    is_on: bool
    reads_only: bool
    asks: bool
    price_nusd: int = 0
    is_allowed: bool = False
    """Whether an admin switched it on, also where it is off because of who reads there."""
    whom: str = ""
    """Whose requests have it, in words, where that are others than those of the channel's other tools."""


@dataclass(frozen=True, slots=True)
class GrantLine:
    """A standing approval: the tool that asks no more, who said so, until when."""

    id: str
    tool: str
    given_by: str
    until: str


@dataclass(frozen=True, slots=True)
class OffersLine:
    """What a server that is on has besides tools: addresses of resources, and names of prompts."""

    server: str
    resources: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolsView(PrivateView):
    """The tools of a conversation: `for_whom` in words, and why they are off where guests or others read."""

    template: ClassVar = "tools"
    channel: str
    name: str
    tools: tuple[ToolLine, ...]
    for_whom: str = ""
    is_dm: bool = False
    outsiders: bool = False
    outsiders_allowed: bool = False
    grants: tuple[GrantLine, ...] = ()
    may_change: bool = False
    owner: Person | None = None
    offers: tuple[OffersLine, ...] = ()
