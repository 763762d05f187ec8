"""Split off bot/requests.py."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bot.commands.budget import BudgetCommand
from bot.commands.commands import Ask
from bot.commands.origin import Origin
from bot.messages.budget_views import AuditView, BooksView, BudgetView
from bot.messages.card_views import ConfirmChoice
from bot.messages.home_views import HomeView
from bot.messages.list_views import BalancesView, RunsView
from bot.messages.notice_views import NoticeView
from bot.messages.views import DetailsView
from bot.runs.request import RunRequest, StopOutcome
from patterns.core.ports import DecisionVerdict, Payer, Question


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
        self, run_id: str, path: str, *, workspace: str, user: str, verdict: DecisionVerdict, text: str = ""
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


class BudgetActions(Protocol):
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


class HomeViews(Protocol):
    """The app's home."""

    async def view(self, payer: Payer) -> HomeView:
        """What one person sees there; `payer` is their direct messages with us."""
        ...


class PayloadStore(Protocol):
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


class UninstallHandler(Protocol):
    """What follows when the app is taken out of a workspace."""

    async def forget(self, *, enterprise_id: str, team_id: str, is_org_wide: bool) -> None:
        """Its token goes at once."""
        ...

    async def end_runs(self) -> None:
        """What is open there ends."""
        ...
