"""The ports of the listeners: what they hand over to, implemented by the rooms below and beside them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bot.commands.budget import BudgetCommand, EditBudget
from bot.commands.commands import Ask
from bot.commands.origin import Origin
from bot.messages.budget_views import AuditView, BooksView, BudgetView
from bot.messages.card_views import ConfirmChoice
from bot.messages.home_views import HomeView
from bot.messages.list_views import BalancesView, FlowLine, RunsView
from bot.messages.notice_views import NoticeView
from bot.messages.own_words import OwnWords
from bot.messages.stats_views import StatsView
from bot.messages.story_views import StoryView
from bot.messages.views import DetailsView
from bot.people.channel_rules import Change, ChannelRules
from bot.people.channel_tools import StandingGrant, ToolsHere
from bot.runs.request import RepeatedRequest, RunRequest, StopOutcome
from patterns.core.holds import Payer
from patterns.core.questions import DecisionVerdict, Question, Scope


class Runs(Protocol):
    """Runs as people use them. Any method may raise UserError: its sentence is shown privately."""

    async def open(self, request: RunRequest) -> None:
        """Store the run and submit it, or tell the person why not. The same idempotency key again changes nothing."""
        ...

    async def stop(self, origin: Origin, *, run_id: str | None) -> StopOutcome:
        """Stop the named run, else those of the thread, else this person's in the channel; check permission."""
        ...

    async def message_deleted(self, origin: Origin, message_ts: str) -> None:
        """Stop the run that this deleted message asked for, if any: no answer is wanted."""
        ...

    async def stop_reaction(self, origin: Origin) -> None:
        """Stop the run that this message shows or asked for, after a stop reaction of a person who may."""
        ...

    async def details(self, run_id: str, by: Origin) -> DetailsView:
        """Return models, tokens and steps of a run this person may see."""
        ...

    async def asked(self, run_id: str, by: Origin) -> Ask:
        """Return the request and flow of a run this person may see."""
        ...

    async def repeated(self, run_id: str, by: Origin) -> RepeatedRequest:
        """Return the request of a finished run this person may see, to be asked again where it stands."""
        ...

    async def feedback(self, run_id: str, by: Origin, *, value: str) -> None:
        """Store a person's rating of an answer: `up` or `down`."""
        ...

    async def balance(self, payer: Payer, *, with_workspace: bool) -> BalancesView:
        """Return what is left in the accounts this person may see here."""
        ...

    async def recent(self, *, workspace: str, user: str, channel: str) -> RunsView:
        """Return this person's latest runs. An empty `channel` means everywhere."""
        ...

    async def estimate(self, request: RunRequest) -> NoticeView:
        """Return a request's price in a sentence. Nothing is started or held."""
        ...

    async def flows(self, payer: Payer) -> tuple[FlowLine, ...]:
        """Return the flows with what each costs there."""
        ...


class PastRuns(Protocol):
    """Runs as people read them afterwards. Any method may raise UserError: its sentence is shown privately."""

    async def story(self, run_id: str | None, by: Origin) -> StoryView:
        """Return the story of a run this person may read; without an id, of the latest one here."""
        ...

    async def trace(self, run_id: str | None, by: Origin) -> NoticeView:
        """Put the page of a run into its own thread; return the confirmation."""
        ...


class Statistics(Protocol):
    """What a month's runs say of patterns, flows, agents, models and tools."""

    async def month(self, payer: Payer, period: str) -> StatsView:
        """Return the statistics of a place; UserError where there is nothing to compare."""
        ...


class HelpDesk(Protocol):
    """Calls for help to whoever can put right what stood in a request's way; UserError where nobody can be asked."""

    async def for_run(self, run_id: str, by: Origin) -> NoticeView:
        """Call for help with a finished run; return the confirmation."""
        ...

    async def for_request(self, request: RunRequest) -> NoticeView:
        """Call for help with a request that was refused before it began; return the confirmation."""
        ...

    async def for_fault(self, code: str, by: Origin) -> NoticeView:
        """Tell an admin of a fault by its code in the log; return the confirmation."""
        ...


class Reviews(Protocol):
    """Decisions on parked runs; UserError for people who may not, and for those who come second."""

    async def confirm(self, run_id: str, by: Origin, *, choice: ConfirmChoice) -> None:
        """Answer the price card of a parked run; the first answer counts."""
        ...

    async def question(self, run_id: str, path: str, by: Origin) -> Question:
        """Return the open question, for a person who may decide it."""
        ...

    async def shown(self, run_id: str, path: str, by: Origin) -> Question:
        """Return a question, decided or not, for a person who may read the run."""
        ...

    async def decide(
        self,
        run_id: str,
        path: str,
        by: Origin,
        *,
        verdict: DecisionVerdict,
        text: str = "",
        scope: Scope = "once",
    ) -> None:
        """Decide a run's question and resume the run; `scope` is what the approval of a tool covers."""
        ...

    async def ask_for_budget(self, run_id: str, path: str, by: Origin) -> None:
        """Ask an admin in the thread for more budget, once."""
        ...

    async def approve_reaction(self, origin: Origin) -> None:
        """Approve the draft on whose card a person put a sign of approval, if they may; else it is only a reaction."""
        ...

    async def is_waiting(self, origin: Origin) -> bool:
        """Return True when a reply in this thread can be feedback on a draft."""
        ...

    async def reply(self, origin: Origin, text: str, *, was_called: bool) -> bool:
        """Take a reply in a thread under review as a decision; return False when nothing is under review there."""
        ...


class Tools(Protocol):
    """Tools of conversations, and who may change them."""

    async def here(self, *, workspace: str, channel: str, user: str) -> ToolsHere:
        """Return the tools of a conversation for whoever looks, and what admins have said about them."""
        ...

    async def require_admin(self, *, workspace: str, channel: str, user: str) -> None:
        """Check that somebody may change which tools a channel has; raise AccessError."""
        ...

    async def change(
        self, change: Change, *, workspace: str, channel: str, user: str
    ) -> tuple[ChannelRules, ChannelRules]:
        """Change which tools a channel has; return its rules before and after. Raise AccessError for others."""
        ...

    async def revoke(self, grant_id: str, *, workspace: str, channel: str, user: str) -> StandingGrant | None:
        """Have a tool ask again in a channel; return the approval that is taken back, None where there is none."""
        ...


class Followups(Protocol):
    """Decides which messages without a mention concern us, before anything of them is stored."""

    async def continues(self, origin: Origin) -> bool:
        """Return True when a reply without a mention belongs to a conversation of ours."""
        ...

    async def was_asked(self, origin: Origin) -> bool:
        """Return True when the edited message had asked for a run."""
        ...


class BudgetActions(Protocol):
    """Budget commands. A UserError is shown privately."""

    async def do(
        self, command: BudgetCommand, origin: Origin, payer: Payer, *, can_post: bool
    ) -> BudgetView | BooksView | AuditView | NoticeView | None:
        """Run a budget command; return the private reply, None when it was posted in the channel."""
        ...

    async def apply_changes(
        self, commands: Sequence[BudgetCommand], origin: Origin, payer: Payer, *, can_post: bool
    ) -> NoticeView | None:
        """Apply changes one after the other; post them where they concern the channel, return the rest privately."""
        ...

    async def form(self, asked: EditBudget, payer: Payer, *, response_url: str | None) -> dict[str, Any]:
        """Return the form with everything that can be changed there, and the value that was asked for in it."""
        ...


class HomeViews(Protocol):
    """The App Home tab."""

    async def view(self, payer: Payer) -> HomeView:
        """Return the home view of one person; `payer` is their direct messages with us."""
        ...


class PersonalSettings(Protocol):
    """A person's own settings."""

    async def is_mentioned(self, workspace: str, user: str) -> bool:
        """Return whether a person wants to be mentioned when an answer took long; True by default."""
        ...

    async def set_mentioned(self, workspace: str, user: str, *, is_on: bool) -> None:
        """Set whether a person is mentioned when an answer took long."""
        ...


class PersonalWords(Protocol):
    """What is stored about a person, for that person."""

    async def stored(self, *, workspace: str, user: str) -> OwnWords:
        """Return how much of a person is stored."""
        ...

    async def download(self, *, workspace: str, user: str) -> None:
        """Send a person everything that is stored about them."""
        ...

    async def erase(self, *, workspace: str, user: str) -> str:
        """Erase what a person wrote; return a sentence that says what was done."""
        ...


class Openings(Protocol):
    """The decision about new channels."""

    async def enable(self, *, workspace: str, channel: str, user: str) -> tuple[str, bool]:
        """Enable a channel and close its card; return the sentence about it, and whether it is news for all there."""
        ...


class Greeter(Protocol):
    """Greets a channel that the bot was invited to."""

    async def invited(self, *, workspace: str, channel: str, inviter: str) -> None:
        """Say once who we are, and show the channel's settings to who invited us."""
        ...


class PayloadStore(Protocol):
    """Received payloads, committed before Slack gets its acknowledgement."""

    async def store(
        self, key: str, workspace: str, kind: str, payload: Mapping[str, Any], *, action_token: str = ""
    ) -> bool:
        """Commit a payload; return False when its key was seen before."""
        ...

    async def mark_processed(self, key: str, note: str) -> None:
        """Mark a payload as finished; what is not finished is replayed at the next start."""
        ...

    async def find(self, key: str, *, workspace: str) -> Mapping[str, Any] | None:
        """Return the workspace's stored payload, None once deleted; a button names it, being too small for the text."""
        ...


class UninstallHandler(Protocol):
    """Handles the removal of the app from a workspace."""

    async def forget(self, *, enterprise_id: str, team_id: str, is_org_wide: bool) -> None:
        """Forget its token at once."""
        ...

    async def end_runs(self) -> None:
        """End the open runs of workspaces without the app."""
        ...
