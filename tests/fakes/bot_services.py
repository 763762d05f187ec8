"""Doubles of what listeners need, a Slack Web API without a network, and payloads shaped like Slack's own."""

import asyncio
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from slack_bolt.async_app import AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient
from slack_sdk.webhook.webhook_response import WebhookResponse

from bot.bolt_app import CountingApp
from bot.commands.budget import EditBudget
from bot.commands.commands import Ask
from bot.commands.origin import Origin
from bot.listeners import ListenerServices, register_all
from bot.listeners.background import BackgroundTasks
from bot.listeners.foreground import Foreground
from bot.messages.home_views import HomeView, OwnMonth, WaitingLine
from bot.messages.list_views import AgentLine, BalancesView, Catalog, FlowLine, RunLine, RunsView
from bot.messages.notice_views import NoticeView
from bot.messages.own_words import OwnWords
from bot.messages.stats_views import StatsView
from bot.messages.story_views import StoryView
from bot.messages.views import BalanceView, DetailsView, Person, PrivateView, RunState, RunView
from bot.people.access import Access, AccessError
from bot.people.admins import Admins
from bot.people.channel_rules import Change, ChannelRules
from bot.people.channel_tools import StandingGrant, ToolsHere
from bot.people.directory import SlackDirectory
from bot.runs.request import RepeatedRequest, RunRequest, StopOutcome
from bot.slack.workspaces import OneToken
from patterns.core.errors import StorageError
from patterns.core.holds import Payer
from patterns.core.questions import Question
from patterns.core.quotes import PriceEstimate
from patterns.core.tools import Grant
from patterns.roster.tool_schema import ToolSpec
from tests.support.statistics import stats_view
from tests.support.stories import story

TEAM, BOT, ANNA, BEN = "T1", "UBOT", "UANNA", "UBEN"
CHANNEL, PRIVATE, OUTSIDE, DM = "C1", "G1", "C2", "D1"
RESPONSE_URL = "https://hooks.slack.example/commands/T1/1/abc"
SECRET = "signing secret"
MENU = Catalog(
    flows=(
        FlowLine("answer", "One agent answers.", PriceEstimate(10_000_000, 50_000_000)),
        FlowLine("decide", "Four agents argue.", PriceEstimate(40_000_000, 250_000_000, has_history=True)),
    ),
    agents=(AgentLine("advocate", "Speaks for it."), AgentLine("sceptic", "Speaks against it.")),
)
BALANCES = BalancesView((BalanceView("#platform", 25_000_000_000, 1_000_000_000, 0, "1 Dec"),))
_numbers = itertools.count(1)


class FakeSlack:
    """The Web API: answers by method, or by method and id; an exception or an error code is raised."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.responded: list[dict[str, Any]] = []
        member = {"is_member": True, "name": "platform"}
        self.answers: dict[str, Any] = {
            f"users.info {ANNA}": {"user": {"id": ANNA, "team_id": TEAM}},
            f"users.info {BEN}": {"user": {"id": BEN, "team_id": TEAM}},
            f"conversations.info {CHANNEL}": {"channel": {"id": CHANNEL, **member}},
            f"conversations.info {PRIVATE}": "channel_not_found",
            f"conversations.info {OUTSIDE}": {"channel": {"id": OUTSIDE, "is_member": False, "name": "general"}},
            f"conversations.info {DM}": {"channel": {"id": DM, "is_im": True, "user": ANNA}},
            "conversations.open": {"channel": {"id": DM}},
            "views.open": {"view": {"id": "V1"}},
            "views.publish": {"view": {"id": "V2"}},
        }

    async def api_call(self, method: str, **said: Any) -> Mapping[str, Any]:
        """Stands in for AsyncWebClient.api_call."""
        arguments = said.get("json") or said.get("params") or {}
        self.calls.append((method, arguments))
        name = arguments.get("user") or arguments.get("channel") or ""
        answer = self.answers.get(f"{method} {name}", self.answers.get(method))
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, dict):
            raise SlackApiError(f"{method} failed", {"ok": False, "error": answer or "unknown_method"})
        return answer

    async def respond(self, body: dict[str, Any]) -> WebhookResponse:
        """Stands in for what is posted to a response_url."""
        self.responded.append(body)
        return WebhookResponse(url=RESPONSE_URL, status_code=200, body="ok", headers={})

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of the network."""
        monkeypatch.setattr(AsyncWebClient, "api_call", lambda _client, method, **said: self.api_call(method, **said))
        monkeypatch.setattr(AsyncWebhookClient, "send_dict", lambda _client, body, **_: self.respond(body))

    def called(self, method: str) -> list[dict[str, Any]]:
        return [said for name, said in self.calls if name == method]


class FakeRuns:
    """Remembers what was asked of it; `error` is raised instead."""

    def __init__(self) -> None:
        self.opened: list[RunRequest] = []
        self.stopped: list[dict[str, Any]] = []
        self.deleted: list[tuple[str, str]] = []
        self.signs: list[tuple[str, str, str]] = []
        self.feedbacks: list[tuple[str, str, str]] = []
        self.payers: list[Payer] = []
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def flows(self, payer: Payer) -> tuple[FlowLine, ...]:  # noqa: ARG002 - the same price everywhere
        return MENU.flows

    async def open(self, request: RunRequest) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.opened.append(request)

    async def stop(self, origin: Origin, *, run_id: str | None) -> StopOutcome:
        place = {name: getattr(origin, name) for name in ("workspace", "channel", "thread_ts", "user")}
        self.stopped.append({**place, "run_id": run_id})
        return StopOutcome(("r1",), "Stopped r1.")

    async def message_deleted(self, origin: Origin, message_ts: str) -> None:
        assert origin.workspace == TEAM
        self.deleted.append((origin.channel, message_ts))

    async def stop_reaction(self, origin: Origin) -> None:
        assert origin.workspace == TEAM
        self.signs.append((origin.channel, origin.message_ts or "", origin.user))

    async def details(self, run_id: str, by: Origin) -> DetailsView:
        assert by.workspace == TEAM
        return DetailsView(RunView(run_id, CHANNEL, Person(by.user, by.user), "tea", RunState.DONE), 1.0, 5)

    async def asked(self, run_id: str, by: Origin) -> Ask:
        assert (by.workspace, bool(by.user)) == (TEAM, True)
        return Ask(f"tea, asked in {run_id}?", "decide")

    async def repeated(self, run_id: str, by: Origin) -> RepeatedRequest:
        origin = Origin("message:first", TEAM, CHANNEL, by.user, "1700000000.0001", is_claimed=True)
        return RepeatedRequest(Ask("tea?", "decide"), origin, run_id, "1700000000.0001")

    async def feedback(self, run_id: str, by: Origin, *, value: str) -> None:
        assert by.workspace == TEAM
        self.feedbacks.append((run_id, by.user, value))

    async def balance(self, payer: Payer, *, with_workspace: bool) -> BalancesView:  # noqa: ARG002
        self.payers.append(payer)
        if self.error is not None:
            raise self.error
        return BALANCES

    async def recent(self, *, workspace: str, user: str, channel: str) -> RunsView:
        assert workspace == TEAM
        return RunsView(
            (RunLine("r1", f"{user} in {channel or 'all'}", RunState.DONE, 5, "today", "https://l.example"),)
        )

    async def estimate(self, request: RunRequest) -> NoticeView:
        return NoticeView(f"At most $0.05 for {request.text} by {request.flow}.")


class FakePastRuns:
    """Shows one story, whatever was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, str]] = []

    async def story(self, run_id: str | None, by: Origin) -> StoryView:
        assert by.workspace == TEAM
        self.asked.append(("show", run_id, by.user))
        return story()

    async def trace(self, run_id: str | None, by: Origin) -> NoticeView:
        assert by.workspace == TEAM
        self.asked.append(("trace", run_id, by.user))
        return NoticeView("The page is in the request's thread.")


class FakeStatistics:
    """Has one month to show."""

    def __init__(self) -> None:
        self.asked: list[tuple[Payer, str]] = []

    async def month(self, payer: Payer, period: str) -> StatsView:
        self.asked.append((payer, period))
        return stats_view()


class FakeFollowups:
    """Threads of ours by who opened them, and the messages that asked for runs."""

    def __init__(self) -> None:
        self.openers: dict[str, str] = {}
        self.asked: set[str] = set()
        self.error: Exception | None = None

    async def continues(self, origin: Origin) -> bool:
        if self.error is not None:
            raise self.error
        return self.openers.get(origin.thread_ts or "") == origin.user

    async def was_asked(self, origin: Origin) -> bool:
        return origin.message_ts in self.asked


class FakeReviews:
    """Remembers what was decided; `waiting` are the threads with a draft under review."""

    def __init__(self) -> None:
        self.confirmed: list[tuple[str, str, str]] = []
        self.decided: list[tuple[str, str, str, str, str]] = []
        self.scopes: list[str] = []
        self.replies: list[tuple[str, str, bool]] = []
        self.requests: list[tuple[str, str, str]] = []
        self.waiting: set[str] = set()
        self.asked = Question(kind="approve", title="The draft is ready", draft="Dear all", amount_nusd=20_000_000)
        self.error: Exception | None = None

    async def confirm(self, run_id: str, by: Origin, *, choice: str) -> None:
        assert by.workspace == TEAM
        self.confirmed.append((run_id, by.user, choice))

    async def question(self, run_id: str, path: str, by: Origin) -> Question:
        assert (by.workspace, bool(run_id and path and by.user)) == (TEAM, True)
        if self.error is not None:
            raise self.error
        return self.asked

    async def shown(self, run_id: str, path: str, by: Origin) -> Question:
        return await self.question(run_id, path, by)

    async def decide(
        self, run_id: str, path: str, by: Origin, *, verdict: str, text: str = "", scope: str = "once"
    ) -> None:
        assert by.workspace == TEAM
        self.decided.append((run_id, path, by.user, verdict, text))
        self.scopes.append(scope)

    async def ask_for_budget(self, run_id: str, path: str, by: Origin) -> None:
        assert by.workspace == TEAM
        self.requests.append((run_id, path, by.user))

    async def is_waiting(self, origin: Origin) -> bool:
        assert (origin.workspace, bool(origin.channel)) == (TEAM, True)
        return origin.thread_ts in self.waiting

    async def reply(self, origin: Origin, text: str, *, was_called: bool) -> bool:
        if origin.thread_ts not in self.waiting:
            return False
        self.replies.append((origin.user, text, was_called))
        return True


class FakeInbox:
    """Deliveries in memory; `error` is raised when one is stored."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self.action_tokens: list[str] = []
        self.notes: dict[str, str] = {}
        self.error: Exception | None = None

    async def store(
        self, key: str, workspace: str, kind: str, payload: Mapping[str, Any], *, action_token: str = ""
    ) -> bool:
        self.action_tokens.append(action_token)
        assert workspace == TEAM
        if self.error is not None:
            raise self.error
        is_new = key not in self.stored
        self.stored.setdefault(key, (kind, json.loads(json.dumps(payload))))
        return is_new

    async def mark_processed(self, key: str, note: str) -> None:
        self.notes[key] = note

    async def find(self, key: str, *, workspace: str) -> Mapping[str, Any] | None:
        assert workspace == TEAM
        return self.stored[key][1] if key in self.stored else None


class FakeNotifier:
    """What people were shown in private, and what everybody was told."""

    def __init__(self) -> None:
        self.told: list[NoticeView] = []
        self.said: list[tuple[Origin, PrivateView]] = []
        self.error: Exception | None = None

    async def private(self, to: Origin, view: PrivateView) -> None:
        if self.error is not None:
            raise self.error
        self.said.append((to, view))

    async def public(self, to: Origin, view: NoticeView) -> None:
        assert to.channel
        self.told.append(view)

    @property
    def views(self) -> list[PrivateView]:
        return [view for _origin, view in self.said]


class FakeRules:
    """Rules of channels in memory."""

    def __init__(self) -> None:
        self.by_channel: dict[str, ChannelRules] = {}
        self.changes: list[tuple[str, str]] = []

    async def rules(self, *, workspace: str, channel: str) -> ChannelRules:
        assert workspace == TEAM
        return self.by_channel.get(channel, ChannelRules())

    async def change_rules(
        self, change: Change, *, workspace: str, channel: str, actor: str
    ) -> tuple[ChannelRules, ChannelRules]:
        before = await self.rules(workspace=workspace, channel=channel)
        after = change(before)
        if after != before:
            self.by_channel[channel] = after
            self.changes.append((channel, actor))
        return before, after


class FakeDepartures:
    """Remembers who left; `error` is raised instead."""

    def __init__(self) -> None:
        self.left: list[tuple[str, str, bool]] = []
        self.ended = 0
        self.error: Exception | None = None

    async def forget(self, *, enterprise_id: str, team_id: str, is_org_wide: bool) -> None:
        if self.error is not None:
            raise self.error
        self.left.append((enterprise_id, team_id, is_org_wide))

    async def end_runs(self) -> None:
        self.ended += 1


class FakeBudgets:
    """Remembers what was asked of the desk, and answers with a sentence."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, Payer, bool]] = []
        self.steered: list[tuple[tuple[Any, ...], Payer]] = []
        self.asked: list[EditBudget] = []
        self.error: Exception | None = None

    async def do(self, command: Any, origin: Origin, payer: Payer, *, can_post: bool) -> NoticeView | None:
        if self.error is not None:
            raise self.error
        self.done.append((command, payer, can_post))
        return NoticeView(f"{type(command).__name__} for {origin.user}")

    async def apply_changes(self, commands: Any, origin: Origin, payer: Payer, *, can_post: bool) -> NoticeView | None:
        assert can_post
        self.steered.append((tuple(commands), payer))
        return NoticeView(f"Changed for {origin.user}")

    async def form(self, asked: EditBudget, payer: Payer, *, response_url: str | None) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        self.asked.append(asked)
        return {"type": "modal", "callback_id": "budget_form", "payer": payer.channel, "url": response_url}


class FakeOwnWords:
    """Remembers whose words were looked at, sent and erased."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def stored(self, *, workspace: str, user: str) -> OwnWords:
        assert workspace == TEAM
        self.asked.append(("stored", user))
        return OwnWords(requests=2, texts=5, attachments=1, decisions=0, ratings=1, deliveries=3)

    async def download(self, *, workspace: str, user: str) -> None:
        assert workspace == TEAM
        self.asked.append(("download", user))

    async def erase(self, *, workspace: str, user: str) -> str:
        assert workspace == TEAM
        self.asked.append(("erase", user))
        return "Erased."


class FakeOpenings:
    """Remembers which channels were enabled; a channel is news once."""

    def __init__(self) -> None:
        self.enabled: list[tuple[str, str]] = []

    async def enable(self, *, workspace: str, channel: str, user: str) -> tuple[str, bool]:
        assert workspace == TEAM
        is_news = channel not in [known for known, _ in self.enabled]
        self.enabled.append((channel, user))
        return f"{user} enabled {channel}.", is_news


class FakeHelpDesk:
    """Remembers who called for help with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []

    async def for_run(self, run_id: str, by: Origin) -> NoticeView:
        self.calls.append(("run", run_id, by.user))
        return NoticeView("Asked.")

    async def for_request(self, request: RunRequest) -> NoticeView:
        self.calls.append(("request", request.text, request.origin.user))
        return NoticeView("Asked.")

    async def for_fault(self, code: str, by: Origin) -> NoticeView:
        self.calls.append(("fault", code, by.user))
        return NoticeView("Asked.")


class FakeTools:
    """The tools of one channel, which BEN may change."""

    def __init__(self) -> None:
        reads = ToolSpec("wiki", "find", read_only=True, asks=False)
        self.specs = (ToolSpec("tickets", "create_issue", price_nusd=10_000_000), reads)
        self.rules = ChannelRules()
        self.outsiders = False
        self.standing = [StandingGrant(Grant("g1", "tickets.create_issue", "hash", BEN), 0, 1_795_000_000_000_000)]

    async def here(self, *, workspace: str, channel: str, user: str) -> ToolsHere:
        assert (workspace, bool(user)) == (TEAM, True)
        return ToolsHere(
            self.specs,
            self.rules,
            self.rules.tools_on,
            outsiders=self.outsiders,
            is_dm=channel == DM,
            grants=tuple(self.standing),
        )

    async def require_admin(self, *, workspace: str, channel: str, user: str) -> None:
        assert (workspace, bool(channel)) == (TEAM, True)
        if user != BEN:
            raise AccessError("Only admins of this workspace can say which tools agents have in a channel.")

    async def change(
        self, change: Change, *, workspace: str, channel: str, user: str
    ) -> tuple[ChannelRules, ChannelRules]:
        await self.require_admin(workspace=workspace, channel=channel, user=user)
        before, self.rules = self.rules, change(self.rules)
        return before, self.rules

    async def revoke(self, grant_id: str, *, workspace: str, channel: str, user: str) -> StandingGrant | None:
        await self.require_admin(workspace=workspace, channel=channel, user=user)
        found = next((one for one in self.standing if one.grant.id == grant_id), None)
        self.standing = [one for one in self.standing if one.grant.id != grant_id]
        return found


class FakeGreeter:
    """Remembers where we were invited."""

    def __init__(self) -> None:
        self.invitations: list[tuple[str, str]] = []

    async def invited(self, *, workspace: str, channel: str, inviter: str) -> None:
        assert workspace == TEAM
        self.invitations.append((channel, inviter))


class FakePreferences:
    """What people chose, in memory."""

    def __init__(self) -> None:
        self.mentioned: dict[str, bool] = {}

    async def is_mentioned(self, workspace: str, user: str) -> bool:
        assert workspace == TEAM
        return self.mentioned.get(user, True)

    async def set_mentioned(self, workspace: str, user: str, *, is_on: bool) -> None:
        assert workspace == TEAM
        self.mentioned[user] = is_on


class FakeHome:
    """One home for everybody."""

    def __init__(self) -> None:
        self.shown = HomeView(
            runs=RunsView((RunLine("r1", "tea?", RunState.DONE, 5, "today", "https://l.example"),)),
            waiting=(WaitingLine("coffee?", "A draft to decide on.", "https://d.example"),),
            month=OwnMonth("November", 1_234_000_000, (0, 1_234_000_000, 0)),
            balances=BALANCES,
        )

    async def view(self, payer: Payer) -> HomeView:
        assert payer.channel_kind == "dm"
        return self.shown


@dataclass
class Bot:
    """The app with doubles around it."""

    slack: FakeSlack = field(default_factory=FakeSlack)
    runs: FakeRuns = field(default_factory=FakeRuns)
    past_runs: FakePastRuns = field(default_factory=FakePastRuns)
    statistics: FakeStatistics = field(default_factory=FakeStatistics)
    reviews: FakeReviews = field(default_factory=FakeReviews)
    followups: FakeFollowups = field(default_factory=FakeFollowups)
    inbox: FakeInbox = field(default_factory=FakeInbox)
    notifier: FakeNotifier = field(default_factory=FakeNotifier)
    rules: FakeRules = field(default_factory=FakeRules)
    uninstalls: FakeDepartures = field(default_factory=FakeDepartures)
    budgets: FakeBudgets = field(default_factory=FakeBudgets)
    home: FakeHome = field(default_factory=FakeHome)
    preferences: FakePreferences = field(default_factory=FakePreferences)
    own_words: FakeOwnWords = field(default_factory=FakeOwnWords)
    openings: FakeOpenings = field(default_factory=FakeOpenings)
    welcome: FakeGreeter = field(default_factory=FakeGreeter)
    help_desk: FakeHelpDesk = field(default_factory=FakeHelpDesk)
    tools: FakeTools = field(default_factory=FakeTools)
    observed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        client = AsyncWebClient(token="xoxb-test")
        self.foreground = Foreground()
        self.tasks = BackgroundTasks(inbox=self.inbox, notifier=self.notifier, foreground=self.foreground)
        self.services = ListenerServices(
            budget=self.budgets,
            runs=self.runs,
            past_runs=self.past_runs,
            statistics=self.statistics,
            reviews=self.reviews,
            access=Access(SlackDirectory(client, OneToken("xoxb-test")), self.rules, admins=Admins({BEN})),
            notifier=self.notifier,
            catalog=lambda: MENU,
            inbox=self.inbox,
            tasks=self.tasks,
            observe_clock=self.observed.append,
            followups=self.followups,
            uninstalls=self.uninstalls,
            home=self.home,
            preferences=self.preferences,
            own_words=self.own_words,
            openings=self.openings,
            welcome=self.welcome,
            help_desk=self.help_desk,
            tools=self.tools,
        )
        # Without a name Bolt reads the source of every frame of the stack to find one.
        self.app = CountingApp(
            name="agents",
            signing_secret=SECRET,
            authorize=_authorize,
            client=client,
            process_before_response=True,
        )
        self.app.foreground = self.foreground
        register_all(self.app, self.services)

    async def receive(self, body: dict[str, Any], *, retry: int = 0) -> BoltResponse:
        """One delivery by Socket Mode, with everything that follows from it."""
        headers = {"x-slack-retry-num": str(retry), "x-slack-retry-reason": "timeout"} if retry else None
        response = await self.app.async_dispatch(AsyncBoltRequest(body=body, mode="socket_mode", headers=headers))
        await self.settle()
        return response

    async def receive_http(self, body: dict[str, Any], *, secret: str = SECRET) -> BoltResponse:
        """One delivery by HTTP, signed."""
        is_form = "command" in body
        raw = urlencode(body) if is_form else json.dumps(body)
        stamp = str(int(time.time()))
        headers = {
            "content-type": "application/x-www-form-urlencoded" if is_form else "application/json",
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": SignatureVerifier(secret).generate_signature(timestamp=stamp, body=raw) or "",
        }
        response = await self.app.async_dispatch(AsyncBoltRequest(body=raw, headers=headers))
        await self.settle()
        return response

    async def settle(self) -> None:
        """Let what was handed over come to its end."""
        while True:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if others:
                await asyncio.wait(others)
            elif self.tasks.is_anything_in_line:
                await asyncio.sleep(0)
            else:
                return


async def _authorize(**_said: Any) -> AuthorizeResult:
    return AuthorizeResult(
        enterprise_id=None, team_id=TEAM, bot_user_id=BOT, bot_id="BBOT", bot_token="xoxb-test", team="Team"
    )


BROKEN = StorageError("The disk is full.")
UNREACHABLE = aiohttp.ClientConnectionError("no route")

# ---------------------------------------------------------------- payloads, as Slack sends them


def command(text: str = "", *, user: str = ANNA, channel: str = CHANNEL, name: str = "/agents") -> dict[str, Any]:
    return {
        "token": "verification",
        "team_id": TEAM,
        "team_domain": "team",
        "channel_id": channel,
        "channel_name": "directmessage" if channel == DM else "platform",
        "user_id": user,
        "user_name": "anna",
        "command": name,
        "text": text,
        "api_app_id": "A1",
        "is_enterprise_install": "false",
        "response_url": RESPONSE_URL,
        "trigger_id": f"{next(_numbers)}.738474920.8088930838d88f008e0",
    }


def event(inner: dict[str, Any]) -> dict[str, Any]:
    number = next(_numbers)
    return {
        "token": "verification",
        "team_id": TEAM,
        "api_app_id": "A1",
        "event": inner,
        "type": "event_callback",
        "event_id": f"Ev{number}",
        "event_time": 1_700_000_000,
        "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": BOT, "is_bot": True}],
        "is_ext_shared_channel": False,
    }


def message(
    text: str, *, ts: str = "1700000000.000100", user: str = ANNA, channel: str = CHANNEL, **more: Any
) -> dict[str, Any]:
    kind = "im" if channel == DM else "channel"
    said = {"type": "message", "user": user, "text": text, "ts": ts, "channel": channel, "team": TEAM}
    return event(said | {"channel_type": kind, "event_ts": ts} | more)


def mention(
    text: str, *, ts: str = "1700000000.000100", user: str = ANNA, channel: str = CHANNEL, **more: Any
) -> dict[str, Any]:
    said = {"type": "app_mention", "user": user, "text": text, "ts": ts, "channel": channel, "team": TEAM}
    return event(said | {"event_ts": ts} | more)


def click(
    action_id: str, value: str = "", *, user: str = ANNA, channel: str | None = CHANNEL, **more: Any
) -> dict[str, Any]:
    place = {} if channel is None else {"channel": {"id": channel, "name": "platform"}}
    return {
        "type": "block_actions",
        "user": {"id": user, "username": "anna", "team_id": TEAM},
        "api_app_id": "A1",
        "token": "verification",
        "container": {"type": "message", "message_ts": "1700000001.000100", "channel_id": channel},
        "trigger_id": f"{next(_numbers)}.738474920.8088930838d88f008e0",
        "team": {"id": TEAM, "domain": "team"},
        "enterprise": None,
        "is_enterprise_install": False,
        "state": {"values": {}},
        "response_url": RESPONSE_URL,
        "actions": [
            {
                "type": "button",
                "action_id": action_id,
                "block_id": "b",
                "value": value,
                "action_ts": "1700000002.500000",
            }
        ],
        **place,
        **more,
    }


def submission(
    view: dict[str, Any], values: dict[str, Any], *, view_id: str = "V1", user: str = ANNA
) -> dict[str, Any]:
    return {
        "type": "view_submission",
        "team": {"id": TEAM, "domain": "team"},
        "user": {"id": user, "username": "anna", "team_id": TEAM},
        "api_app_id": "A1",
        "token": "verification",
        "trigger_id": f"{next(_numbers)}.738474920.8088930838d88f008e0",
        "view": {**view, "id": view_id, "hash": "156772938.1827394", "state": {"values": values}},
        "response_urls": [],
        "is_enterprise_install": False,
        "enterprise": None,
    }
