"""Lists people ask for, as frozen values with raw text: agents, flows, balances, runs, help."""

from dataclasses import dataclass

from bot.messages.views import BalanceView, RunState


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent of the roster."""

    name: str
    description: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class FlowLine:
    """One flow of the roster; `worst_nusd` is the most a short request can cost."""

    name: str
    description: str
    worst_nusd: int | None = None


@dataclass(frozen=True, slots=True)
class RunLine:
    """One earlier run. `when` is formatted (`today 14:02`); `link` leads to its thread."""

    run_id: str
    request: str
    state: RunState
    cost_nusd: int
    when: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class HelpView:
    """The help text, with examples that work."""

    command: str = "/agents"
    mention: str = "@agents"
    flows: tuple[FlowLine, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentsView:
    """The list of agents."""

    agents: tuple[AgentLine, ...]


@dataclass(frozen=True, slots=True)
class FlowsView:
    """The list of flows."""

    flows: tuple[FlowLine, ...]


@dataclass(frozen=True, slots=True)
class BalancesView:
    """What is left in the accounts this person may see."""

    balances: tuple[BalanceView, ...]
    play_money: bool = False


@dataclass(frozen=True, slots=True)
class RunsView:
    """A person's recent runs."""

    runs: tuple[RunLine, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """What can be asked for here: the roster's agents and flows, with worst-case prices."""

    flows: tuple[FlowLine, ...]
    agents: tuple[AgentLine, ...]
