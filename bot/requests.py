"""What listeners hand over and what they need in return: the contract between Slack's payloads and the runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from bot.budget_commands import BudgetCommand
from bot.budget_views import AuditView, BooksView, BudgetView
from bot.commands import Ask
from bot.home_views import HomeView
from bot.list_views import AgentLine, AgentsView, BalancesView, FlowLine, FlowsView, HelpView, RunsView
from bot.notice_views import EditedView, InviteView, NearMissView, NoticeView
from bot.views import DetailsView
from patterns.ports import Payer, Question

ChannelKind = Literal["channel", "dm"]
PrivateView = (
    AuditView
    | BooksView
    | BudgetView
    | AgentsView
    | BalancesView
    | DetailsView
    | EditedView
    | FlowsView
    | HelpView
    | InviteView
    | NearMissView
    | NoticeView
    | RunsView
)
"""What only the person who acted may see."""


@dataclass(frozen=True, slots=True)
class Attached:
    """What came with a request besides its words, as Slack described it; reading it is `bot.gather`'s.

    `files` are Slack's ids of files. `may_have_more` says that Slack left files out of this kind of event. `about` is
    the delivery key of a message somebody pointed at with our shortcut.
    """

    files: tuple[str, ...] = ()
    may_have_more: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was said or clicked, so that the answer finds the person again.

    `thread_ts` is the thread it was said in (None at the top of a channel and for slash commands), `message_ts` the
    message itself. `response_url` is good for 30 minutes and five answers. `trigger_id` opens one form within 3 s.
    """

    delivery_key: str
    workspace: str
    channel: str
    user: str
    thread_ts: str | None = None
    message_ts: str | None = None
    response_url: str | None = None
    trigger_id: str | None = None
    attached: Attached = field(default_factory=Attached)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request that passed access, not yet the budget.

    `delivery_key` makes a second delivery the same run. `thread_ts` None opens a new thread: under `message_ts` when
    the person wrote a message, else under a root message of ours. `forced_here` says that the person chose this
    place in the form or by a button, `in_line` that it may wait for money others hold. The text is raw, unescaped.
    """

    delivery_key: str
    workspace: str
    channel: str
    channel_kind: ChannelKind
    user: str
    text: str
    flow: str | None = None
    agents: tuple[str, ...] = ()
    thread_ts: str | None = None
    message_ts: str | None = None
    response_url: str | None = None
    forced_here: bool = False
    in_line: bool = False
    attached: Attached = field(default_factory=Attached)


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """What stopping did. `text` is the sentence for the person, naming the runs that end."""

    stopped: tuple[str, ...]
    text: str


ConfirmChoice = Literal["run", "cancel", "answer"]
Verdict = Literal["approve", "changes", "edit", "stop", "run", "instead", "cancel", "expired", "none"]


class Runs(Protocol):
    """The life of runs, as far as people touch it. Any method may raise UserError: its sentence is shown privately."""

    async def open(self, request: RunRequest) -> None:
        """Store the run and set it going, or tell the person why not. The same delivery key again changes nothing."""
        ...

    async def stop(
        self, *, workspace: str, channel: str, thread_ts: str | None, run_id: str | None, user: str
    ) -> StopOutcome:
        """Stop the named run, else those of the thread, else this person's in the channel; checks who asks."""
        ...

    async def message_deleted(self, *, workspace: str, channel: str, message_ts: str) -> None:
        """Stop the run that this message asked for, if there is one: who deletes the question wants no answer."""
        ...

    async def stop_sign(self, *, workspace: str, channel: str, message_ts: str, user: str) -> None:
        """Somebody put a stop sign on a message: stop the run that it shows or that it asked for, if they may."""
        ...

    async def details(self, run_id: str, *, workspace: str, user: str) -> DetailsView:
        """Models, tokens and steps of a run this person may see."""
        ...

    async def asked(self, run_id: str, *, workspace: str, user: str) -> Ask:
        """What a run this person may see was asked, and by which flow it ran."""
        ...

    async def feedback(self, run_id: str, *, workspace: str, user: str, value: str) -> None:
        """Keep what a person thought of an answer: `up` or `down`."""
        ...

    async def balance(self, payer: Payer) -> BalancesView:
        """What is left, for the accounts this person may see here."""
        ...

    async def recent(self, *, workspace: str, user: str, channel: str) -> RunsView:
        """This person's latest runs. `channel` empty: wherever they were."""
        ...

    async def estimate(self, request: RunRequest) -> NoticeView:
        """The worst-case price of a request, in a sentence. Nothing is started or held."""
        ...


class Reviews(Protocol):
    """What people decide on parked runs; UserError for those who may not, and for those who come second."""

    async def confirm(self, run_id: str, *, workspace: str, user: str, choice: ConfirmChoice) -> None:
        """Answer the price card of a waiting run; the first answer counts."""
        ...

    async def question(self, run_id: str, path: str, *, workspace: str, user: str) -> Question:
        """What is asked, for somebody who may decide it and before anybody has."""
        ...

    async def decide(
        self, run_id: str, path: str, *, workspace: str, user: str, verdict: Verdict, text: str = ""
    ) -> None:
        """Decide what a parked run waits for, and set it going again."""
        ...

    async def ask_for_money(self, run_id: str, path: str, *, workspace: str, user: str) -> None:
        """Call whoever can grant money into the thread, once."""
        ...

    async def is_waiting(self, *, workspace: str, channel: str, thread_ts: str) -> bool:
        """Whether a reply in this thread can be a word on a draft."""
        ...

    async def reply(self, origin: Origin, text: str, *, was_called: bool) -> bool:
        """Take a reply in a thread under review as a decision; False when nothing is under review there."""
        ...


class Followups(Protocol):
    """Which messages concern us although nobody called us; asked before anything of them is kept."""

    async def continues(self, origin: Origin) -> bool:
        """Whether an untagged reply belongs to a conversation of ours."""
        ...

    async def was_asked(self, origin: Origin) -> bool:
        """Whether that message, changed now, had asked for a run."""
        ...


class Budgets(Protocol):
    """The desk for everything after `/agents budget`. A UserError is shown privately."""

    async def do(
        self, command: BudgetCommand, origin: Origin, payer: Payer, *, can_post: bool
    ) -> BudgetView | BooksView | AuditView | NoticeView | None:
        """The private answer; None when everybody in the channel was answered."""
        ...

    async def steer(
        self, commands: Sequence[BudgetCommand], origin: Origin, payer: Payer, *, can_post: bool
    ) -> NoticeView | None:
        """Change what is asked, one after the other, and say it where it concerns people."""
        ...

    async def form(self, payer: Payer, *, response_url: str | None) -> dict[str, Any]:
        """The form with everything that can be changed there."""
        ...


class Home(Protocol):
    """The app's home."""

    async def view(self, payer: Payer) -> HomeView:
        """What one person sees there; `payer` is their direct messages with us."""
        ...


class Whisper(Protocol):
    """The way to one person: rendering and posting, private as Slack allows."""

    async def private(self, to: Origin, view: PrivateView) -> None:
        """Show it to the person only: by response_url, else as an ephemeral, or plainly in our direct messages."""
        ...


class Say(Whisper, Protocol):
    """The way to people."""

    async def public(self, to: Origin, view: NoticeView) -> None:
        """Tell everybody there; where we cannot post, the person, and that the others do not know."""
        ...


class Inbox(Protocol):
    """Deliveries, committed before Slack hears that we have them."""

    async def store(self, key: str, workspace: str, kind: str, payload: Mapping[str, Any]) -> bool:
        """Commit a delivery; False when the key was seen before."""
        ...

    async def done(self, key: str, note: str) -> None:
        """Nothing is left to do for it; what is not done is replayed at the next start."""
        ...

    async def find(self, key: str, *, workspace: str) -> Mapping[str, Any] | None:
        """The workspace's stored payload, while kept: a button names it, its own value is too small for the text."""
        ...


@dataclass(frozen=True, slots=True)
class Menu:
    """What can be asked for here: the roster as people see it, with worst-case prices."""

    flows: tuple[FlowLine, ...]
    agents: tuple[AgentLine, ...]


class Departures(Protocol):
    """What follows when the app is taken out of a workspace."""

    async def forget(self, *, enterprise_id: str, team_id: str, is_org_wide: bool) -> None:
        """Its token goes at once."""
        ...

    async def end_runs(self) -> None:
        """What is open there ends."""
        ...
