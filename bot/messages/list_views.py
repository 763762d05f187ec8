"""Lists people ask for, as frozen values with raw text: agents, flows, balances, runs, help."""

from dataclasses import dataclass
from typing import ClassVar

from bot.messages.views import BalanceView, PrivateView, RunState
from patterns.core.quotes import PriceEstimate


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent of the roster."""

    name: str
    description: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class FlowLine:
    """One flow of the roster; `price` is what a request costs, None where it was not asked for or may not be used.

    `agents` work in it; `choices` are those of them that a person can name in a request. `diagram` draws it, line by
    line, with the limits of its agents. `example` is a request for it, empty where the roster has none.
    """

    name: str
    description: str
    price: PriceEstimate | None = None
    agents: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    diagram: tuple[str, ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True)
class RunLine:
    """One earlier run. `when` is formatted (`today 14:02`); `link` leads to its thread."""

    run_id: str
    request: str
    state: RunState
    cost_nusd: int
    when: str
    link: str = ""
    dry: bool = False


@dataclass(frozen=True, slots=True)
class HelpView(PrivateView):
    """The help text, with examples that work: `example` is the flow they name."""

    template: ClassVar = "help"
    command: str = "/agents"
    mention: str = "@agents"
    flows: tuple[FlowLine, ...] = ()
    example: FlowLine | None = None


@dataclass(frozen=True, slots=True)
class AgentsView(PrivateView):
    """The agents a person would ask, by flow; `shows_all` adds those who only work inside a flow."""

    template: ClassVar = "agents"
    agents: tuple[AgentLine, ...]
    flows: tuple[FlowLine, ...] = ()
    shows_all: bool = False


@dataclass(frozen=True, slots=True)
class FlowsView(PrivateView):
    """The list of flows, drawn; `limits` is what any of them may take, in a sentence."""

    template: ClassVar = "flows"
    flows: tuple[FlowLine, ...]
    limits: str = ""


@dataclass(frozen=True, slots=True)
class BalancesView(PrivateView):
    """What is left in the accounts this person may see."""

    template: ClassVar = "balances"
    balances: tuple[BalanceView, ...]
    play_money: bool = False


@dataclass(frozen=True, slots=True)
class RunsView(PrivateView):
    """A person's recent runs."""

    template: ClassVar = "runs"
    runs: tuple[RunLine, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """What can be asked for here: the roster's agents and flows.

    `default_flow` is the one that runs where the Router is in doubt, a cheap one. `acts` is whether agents have tools
    that act.
    """

    flows: tuple[FlowLine, ...]
    agents: tuple[AgentLine, ...]
    model_note: str = ""
    limits: str = ""
    default_flow: str = "answer"
    acts: bool = False

    @property
    def example(self) -> FlowLine | None:
        """Return the flow to name in examples: the first other than the default with a choice of agents, else that."""
        others = [flow for flow in self.flows if flow.choices and flow.name != self.default_flow]
        usual = [flow for flow in self.flows if flow.name == self.default_flow]
        return next(iter([*others, *usual, *self.flows]), None)
