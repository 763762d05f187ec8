"""The desk and the alerts over a real ledger: who may see and change what, what is said to whom, and only once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.budgets.alerts import Alerts
from bot.budgets.changes import BudgetChanges
from bot.budgets.service import BudgetService
from bot.commands import budget as said
from bot.commands.origin import Origin
from bot.messages.budget_views import AuditView, BooksView, BudgetView
from bot.messages.renderer import Renderer
from bot.messages.views import SlackMessage
from bot.people.access import Access, AccessError
from bot.people.admins import Admins
from bot.people.channel_rules import ChannelRules
from bot.people.profiles import ProfileLookup
from bot.slack.announcements import OnceOnlyAnnouncements
from bot.slack.errors import SlackError
from patterns.core.errors import UserError
from patterns.core.holds import Charged
from patterns.roster.roster import ModelSpec
from storage.channels import ChannelSettings
from storage.chores import Chores
from storage.database.database import Database
from storage.ledger.balances import Balances
from storage.ledger.budgets import Budgets
from storage.ledger.ledger import SqlLedger
from storage.ledger.reports import Reports
from tests.fakes.bot_services import TEAM, FakeRules
from tests.support.ledgers import CENT, PAYER, POLICY, USD, Asking, FakeClock, open_run

ADMIN, OWNER, ASKER = "UADMIN", "UOWNER", "U1"
HERE = Origin(delivery_key="trigger:1", workspace=TEAM, channel="C1", user=ADMIN)


class People:
    """Slack's directory: everybody is called like their id, in lower case."""

    async def user(self, user: str, *, workspace: str, anew: bool = False) -> Mapping[str, Any]:  # noqa: ARG002 - Slack's own
        assert workspace == TEAM
        return {"id": user, "name": user.lower()}

    async def channel(self, channel: str, *, workspace: str) -> Mapping[str, Any]:
        assert workspace == TEAM
        return {"id": channel, "name": {"C1": "platform"}.get(channel, "secret")}

    async def direct_messages(self, user: str, *, workspace: str) -> str:
        assert workspace == TEAM
        return f"D{user}"


@dataclass
class Posts:
    """The outbound client: what was posted where; `error` is raised instead."""

    posted: list[tuple[str, str]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    error: SlackError | None = None
    stand: dict[tuple[str, str], str] = field(default_factory=dict)

    async def post(self, *, channel: str, message: SlackMessage, thread_ts: str | None = None) -> str:
        if self.error is not None:
            raise self.error
        self.posted.append((channel if thread_ts is None else f"{channel}/{thread_ts}", message.text))
        return "1.5"

    async def post_once(
        self, run_id: str, name: str, *, channel: str, message: SlackMessage, thread_ts: str | None = None
    ) -> str:
        if (run_id, name) not in self.stand:
            self.stand[run_id, name] = await self.post(channel=channel, message=message, thread_ts=thread_ts)
        return self.stand[run_id, name]

    def of(self, workspace: str) -> "Posts":
        assert workspace == TEAM
        return self

    async def open_dm(self, user: str) -> str:
        return f"D{user}"

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        if method == "chat.getPermalink":
            return {"permalink": f"https://slack.example/{arguments['message_ts']}"}
        raise SlackError("missing_scope", code="missing_scope", method=method)


@dataclass
class Desk:
    desk: BudgetService
    out: Posts
    rules: FakeRules
    ledger: SqlLedger
    clock: FakeClock
    alerts: Alerts
    arrived: list[tuple[str, str]]

    async def do(self, command: said.BudgetCommand, *, user: str = ADMIN, can_post: bool = True) -> Any:
        payer = replace(PAYER, user=user)
        return await self.desk.do(command, replace(HERE, user=user), payer, can_post=can_post)

    async def spend(self, *cents: int, user: str = ASKER, state: str = "settled", reason: str = "") -> None:
        asking = Asking(
            run_id=f"R{len(await self.desk.reports.calls(TEAM, '2026-11'))}", payer=replace(PAYER, user=user)
        )
        await open_run(self.ledger._db, asking)
        for cent in cents:
            hold = await self.ledger.hold(asking.hold(cent * CENT))
            await self.ledger.settle(hold, Charged(state, cent * CENT, reason=reason), asking.fence)  # type: ignore[arg-type]


@pytest.fixture
def desk(database: Database) -> Desk:
    clock, rules, out = FakeClock(), FakeRules(), Posts()
    people = People()
    access = Access(people, rules, admins=Admins({ADMIN}))
    rules.by_channel["C1"] = ChannelRules(owners=frozenset({OWNER}))
    reports = Reports(database, clock, POLICY)
    balances = Balances(database, clock, POLICY)
    profiles = ProfileLookup(balances, people, Admins({ADMIN}))
    settings = ChannelSettings(database, clock)
    models = {"small": ModelSpec("small", "openai/gpt-5-mini"), "large": ModelSpec("large", "anthropic/claude")}
    budgets = Budgets(database, clock, POLICY)
    changes = BudgetChanges(budgets, reports, settings, rules, access, profiles, balances, lambda: models)
    arrived: list[tuple[str, str]] = []

    async def budget_raised(workspace: str, channel: str) -> None:
        arrived.append((workspace, channel))

    made = BudgetService(
        reports,
        changes,
        access,
        profiles,
        balances,
        out,
        Renderer("plain"),
        clock,
        lambda: "Prices: roster",
        budget_raised,  # type: ignore[arg-type]
    )
    announcements = OnceOnlyAnnouncements(out, Chores(database, clock), by="test")  # type: ignore[arg-type]
    alerts = Alerts(made, reports, profiles, made.renderer, clock, announcements, rules)
    return Desk(made, out, rules, SqlLedger(database, clock, POLICY), clock, alerts, arrived)


FROZEN_MEANS = "No new call starts here until `/agents budget unfreeze`."
CHANGES: list[tuple[said.BudgetCommand, str]] = [
    (
        said.SetAmount("limit", 50 * USD, "launch"),
        "changed the monthly limit of #platform from $1.00, the default, to $50.00 (launch).",
    ),
    (
        said.SetAmount("user-cap", 5 * USD),
        "changed what one person may spend in #platform a month from no cap to $5.00.",
    ),
    (
        said.Grant(10 * USD, "launch week"),
        "granted #platform $10.00 for November 2026 only (launch week): from $1.00 to $11.00.",
    ),
    (said.SetAlerts((80,)), "changed when people are told about #platform from 50 %, 80 %, 95 %, 100 % to 80 %."),
    (said.Flip("freeze", "audit"), f"changed the budget of #platform from open to frozen (audit). {FROZEN_MEANS}"),
    (said.SetDigest(on=True), "changed the Monday summary of #platform from off to on."),
    (said.SetModels(("openai",)), "changed where the text of #platform may go from all models to openai."),
    (said.SetOwner("U7", owns=True), "changed who looks after the budget of #platform from uowner to u7, uowner."),
]


@pytest.mark.parametrize(("command", "sentence"), CHANGES)
async def test_a_change_is_told_to_the_channel_from_what_to_what(
    desk: Desk, command: said.BudgetCommand, sentence: str
) -> None:
    assert await desk.do(command) is None
    assert desk.out.posted == [("C1", f"uadmin {sentence}")]
    log = await desk.desk.reports.audit(TEAM, "C1")
    assert [row["actor"] for row in log] == ([] if isinstance(command, said.SetOwner) else [ADMIN])


@pytest.mark.parametrize(("command", "sentence"), CHANGES)
async def test_nobody_else_changes_anything(desk: Desk, command: said.BudgetCommand, sentence: str) -> None:  # noqa: ARG001 - the same list
    with pytest.raises(AccessError) as refused:
        await desk.do(command, user=ASKER)
    assert str(refused.value).endswith("Ask uadmin." if isinstance(command, said.SetOwner) else "Ask uowner, uadmin.")
    assert (desk.out.posted, await desk.desk.reports.audit(TEAM)) == ([], [])


async def test_a_budget_owner_changes_the_channel_but_not_the_workspace(desk: Desk) -> None:
    await desk.do(said.SetAmount("limit", 2 * USD), user=OWNER)
    assert desk.out.posted[0][1].startswith("uowner changed the monthly limit")
    for command in (said.Flip("pause"), said.SetAmount("workspace-limit", USD), said.SetOwner("U7", owns=True)):
        with pytest.raises(AccessError, match="Only admins of this workspace can change that"):
            await desk.do(command, user=OWNER)
    with pytest.raises(AccessError):
        await desk.do(said.ShowAll(), user=OWNER)


async def test_what_concerns_the_workspace_is_said_to_the_admin_alone(desk: Desk) -> None:
    paused = await desk.do(said.Flip("pause", "incident"))
    lowered = await desk.do(said.SetAmount("channel-default", 3 * USD))
    assert paused.text == (
        "The whole workspace went from running to paused (incident). "
        "No new call starts anywhere until `/agents budget resume`."
    )
    assert lowered.text == "You changed the limit of channels that have none of their own from $1.00 to $3.00."
    assert desk.out.posted == []


async def test_in_a_channel_the_bot_left_nothing_is_changed(desk: Desk) -> None:
    for command in (said.SetAmount("limit", USD), said.ShowReport()):
        with pytest.raises(UserError, match="I am not in this channel, so nothing was done"):
            await desk.do(command, can_post=False)
    assert await desk.desk.reports.audit(TEAM) == []


async def test_more_money_goes_on_with_what_stopped_for_want_of_it(desk: Desk) -> None:
    await desk.do(said.Grant(USD))
    await desk.do(said.SetAmount("workspace-limit", 200 * USD))
    await desk.do(said.SetAlerts((80,)))
    assert desk.arrived == [(TEAM, "C1"), (TEAM, "")]


async def test_each_sees_their_own_share_and_only_admins_see_whose_the_rest_is(desk: Desk) -> None:
    await desk.spend(10, 20, user=ASKER)
    await desk.spend(5, user="U2")
    asker, owner = await desk.do(said.ShowBudget(), user=ASKER), await desk.do(said.ShowBudget(), user=OWNER)
    assert isinstance(asker, BudgetView)
    assert (asker.own_nusd, asker.names, asker.can_change) == (30 * CENT, (), False)
    assert (owner.own_nusd, owner.names, owner.can_change) == (0, (("U1", "u1"), ("U2", "u2")), True)


async def test_models_are_named_as_on_the_bill(desk: Desk) -> None:
    await desk.spend(10)
    shown = await desk.do(said.ShowBudget())
    assert [part.name for part in shown.report.models] == ["openai/gpt-5-mini"]


async def test_a_report_without_files_still_says_all_and_why(desk: Desk) -> None:
    await desk.spend(10, 20)
    assert await desk.do(said.ShowReport(csv=True), user=ASKER) is None
    (place, text), (thread, sorry) = desk.out.posted
    assert (place, thread) == ("C1", "C1/1.5")
    assert "*$0.30* of $1.00 spent (30 %)" in text
    assert sorry.startswith("⚠️ I could not attach the files.")


async def test_months_that_cannot_be_shown_are_refused_in_a_sentence(desk: Desk) -> None:
    await desk.spend(10)
    with pytest.raises(UserError, match=r"Nothing was spent here in January 2025\. There are figures of: 2026-11"):
        await desk.do(said.ShowReport("2025-01"))
    with pytest.raises(UserError, match="December 2026 has not begun here"):
        await desk.do(said.ShowReport("2026-12"))
    assert desk.out.posted == []


async def test_books_put_the_channel_nearest_to_its_limit_first(desk: Desk) -> None:
    await desk.spend(60)
    await desk.desk.changes.budgets.set_limit(replace(PAYER, channel="C2"), USD, actor=ADMIN)
    other = Asking(run_id="R77", payer=replace(PAYER, channel="C2"))
    await open_run(desk.ledger._db, other)
    await desk.ledger.hold(other.hold(90 * CENT))
    books = await desk.do(said.ShowAll())
    assert isinstance(books, BooksView)
    assert [(line.name, line.share_pct) for line in books.lines] == [("#secret", 90), ("#platform", 60)]
    assert (books.total.settled_nusd, books.total.limit_nusd) == (60 * CENT, 100 * USD)
    assert await desk.desk.home(TEAM, ASKER) is None


async def test_the_log_says_who_changed_what_to_what(desk: Desk) -> None:
    await desk.do(said.SetAmount("limit", 50 * USD, "launch"))
    log = await desk.do(said.ShowAudit(), user=OWNER)
    assert isinstance(log, AuditView)
    assert [(line.who, line.what, line.reason) for line in log.lines] == [
        ("uadmin", "changed the monthly limit: the default → $50.00", "launch")
    ]
    with pytest.raises(AccessError):
        await desk.do(said.ShowAudit(), user=ASKER)


async def test_an_unknown_model_is_named_with_those_there_are(desk: Desk) -> None:
    with pytest.raises(UserError, match=r"There are anthropic/claude, openai/gpt-5-mini\."):
        await desk.do(said.SetModels(("gemini",)))


async def test_a_call_of_another_channel_is_not_released_here(desk: Desk) -> None:
    other = Asking(run_id="R9", payer=replace(PAYER, channel="C2"))
    await open_run(desk.ledger._db, other)
    hold = await desk.ledger.hold(other.hold(CENT))
    await desk.ledger.settle(hold, Charged("uncertain", CENT, reason="lost"), other.fence)
    told = await desk.do(said.ReleaseCalls((hold.call_id,), "why"), user=OWNER)
    assert told.text == "Nothing changed: 1 call is released or billed already."
    assert [row["id"] for row in await desk.desk.reports.uncertain(TEAM, "C2")] == [hold.call_id]


GONE = "1 call had been released or billed before."


async def test_uncertain_calls_are_released_together_and_what_is_gone_is_told(desk: Desk) -> None:
    await desk.spend(5, 7, 9, state="uncertain", reason="the provider sent no usage")
    first, second, third = [row["id"] for row in await desk.desk.reports.uncertain(TEAM, "C1")]
    await desk.do(said.ReleaseCalls((first,), "not on the bill"), user=OWNER)
    await desk.do(said.ReleaseCalls((first, second, third), "not on the bill"))
    assert [text for _, text in desk.out.posted] == [
        "uowner released an uncertain call of #platform: $0.05 is free again (not on the bill).",
        f"uadmin released 2 uncertain calls of #platform: $0.16 is free again (not on the bill). {GONE}",
    ]
    log = await desk.do(said.ShowAudit())
    assert sorted(line.what for line in log.lines) == [
        f"released an uncertain call: counted {amount} → $0.00" for amount in ("$0.05", "$0.07", "$0.09")
    ]


async def test_the_form_tells_uncertain_calls_apart_by_who_asked_what_and_when(desk: Desk) -> None:
    await desk.spend(5, state="uncertain")
    form = await desk.desk.form(said.EditBudget(), replace(PAYER, user=ADMIN), response_url=None)
    (boxes,) = [block["element"] for block in form["blocks"] if block.get("element", {}).get("type") == "checkboxes"]
    assert "u1 · $0.05 · openai/gpt-5-mini" in boxes["options"][0]["text"]["text"]


SAME: list[tuple[said.BudgetCommand, str]] = [
    (said.SetAmount("limit", None), "the monthly limit of #platform is $1.00, the default"),
    (said.SetAmount("user-cap", None), "what one person may spend in #platform a month is no cap"),
    (said.SetAmount("workspace-limit", 100 * USD), "the limit of the whole workspace is $100.00"),
    (said.SetAlerts((50, 80, 95, 100)), "people are told about #platform at 50 %, 80 %, 95 %, 100 %"),
    (said.SetZone("UTC"), "the months of #platform turn in the time zone UTC"),
    (said.Flip("unfreeze"), "the budget of #platform is open"),
    (said.Flip("resume"), "the whole workspace is running"),
    (said.SetDigest(on=False), "the Monday summary of #platform is off"),
    (said.SetModels(()), "the text of #platform may go to all models"),
    (said.SetOwner(OWNER, owns=True), "the budget of #platform is looked after by uowner"),
]


@pytest.mark.parametrize(("command", "what"), SAME)
async def test_what_is_so_already_is_not_changed_and_said_privately(
    desk: Desk, command: said.BudgetCommand, what: str
) -> None:
    told = await desk.do(command)
    assert told.text == f"Nothing changed: {what} already."
    assert (desk.out.posted, await desk.desk.reports.audit(TEAM)) == ([], [])


async def test_the_same_value_twice_is_one_change(desk: Desk) -> None:
    for command in (said.SetAmount("limit", 50 * USD), said.Flip("freeze", "audit")):
        assert await desk.do(command) is None
        assert (await desk.do(command)).text.startswith("Nothing changed: ")
    assert len(desk.out.posted) == 2
    await desk.do(said.Flip("freeze", "we wait for the invoice"))
    assert desk.out.posted[-1][1] == "uadmin changed why the budget of #platform is frozen: we wait for the invoice."


# ---------------------------------------------------------------- alerts


async def test_thresholds_are_told_once_to_those_whom_they_concern(desk: Desk) -> None:
    await desk.spend(55)
    for _ in range(2):
        await desk.alerts.check()
    half = "⚠️ 50 % of this month's budget: $0.55 of $1.00 are spent in #platform. $0.45 are left for this month."
    assert desk.out.posted == [("DUADMIN", half), ("DUOWNER", half)]
    desk.out.posted.clear()
    await desk.spend(27)
    elsewhere = replace(desk.alerts.announcements, by="another process")
    again = replace(desk.alerts, announcements=elsewhere)
    await desk.alerts.check()
    await again.check()
    assert [(place, text[:6]) for place, text in desk.out.posted] == [("C1", "⚠️ 80 ")]


async def test_the_end_of_the_money_is_told_even_where_nobody_set_that_threshold(desk: Desk) -> None:
    await desk.do(said.SetAlerts((50,)))
    desk.out.posted.clear()
    await desk.spend(60, 40)
    await desk.alerts.check()
    assert [place for place, text in desk.out.posted if "100 % of this month's budget" in text] == ["C1"]


async def test_a_day_that_costs_a_usual_week_is_told_once_to_those_who_answer_for_it(desk: Desk) -> None:
    await desk.do(said.SetAmount("limit", 500 * USD))
    begun_us = desk.clock.us
    desk.clock.us = begun_us - 10 * 86_400 * 1_000_000
    await desk.spend(100)
    desk.clock.us = begun_us
    await desk.spend(70)
    await desk.alerts.check()
    desk.out.posted.clear()
    await desk.spend(60)
    for _ in range(2):
        await desk.alerts.check()
    assert [(place, text.partition(":")[0]) for place, text in desk.out.posted] == [
        ("DUADMIN", "⚠️ #platform spent $1.30 today"),
        ("DUOWNER", "⚠️ #platform spent $1.30 today"),
    ]


async def test_an_alert_slack_did_not_take_is_told_later(desk: Desk) -> None:
    await desk.spend(85)
    desk.out.error = SlackError("unreachable", code="connection", method="chat.postMessage")
    await desk.alerts.check()
    desk.out.error = None
    await desk.alerts.check()
    assert [place for place, _ in desk.out.posted] == ["C1"]


async def test_admins_hear_of_overruns_freezes_and_doubtful_calls_but_not_of_stops(desk: Desk) -> None:
    await desk.spend(10, state="uncertain", reason="stopped")
    await desk.spend(11, state="uncertain", reason="the provider sent no usage")
    asking = Asking(run_id="R50")
    await open_run(desk.ledger._db, asking)
    hold = await desk.ledger.hold(asking.hold(20 * CENT))
    await desk.ledger.settle(hold, Charged("settled", 2 * USD), asking.fence)
    for _ in range(2):
        await desk.alerts.check()
    admin = [text for place, text in desk.out.posted if place == "DUADMIN"]
    assert len([text for text in admin if "I took small out of use: the provider billed" in text]) == 1
    assert len([text for text in admin if "I froze the budget of #platform" in text]) == 1
    (doubtful,) = [text for text in admin if "ended without a bill" in text]
    assert "1 call in #platform ended without a bill and counts in full: $0.11." in doubtful


async def test_admins_hear_of_a_bill_for_a_call_that_was_released(desk: Desk) -> None:
    asking = Asking(run_id="R50")
    await open_run(desk.ledger._db, asking)
    hold = await desk.ledger.hold(asking.hold(20 * CENT))
    await desk.ledger.settle(hold, Charged("released", 0, reason="the provider refused it"), asking.fence)
    await desk.ledger.settle(hold, Charged("settled", 10 * CENT), asking.fence)
    for _ in range(2):
        await desk.alerts.check()
    expected = (
        "⚠️ A bill came late in #platform: small billed $0.10 for a call that had been released. It counts in full now."
        " Look at `/agents budget` there."
    )
    assert desk.out.posted == [("DUADMIN", expected), ("DUOWNER", expected)]


async def test_a_report_asked_for_again_after_a_crash_stands_once(desk: Desk) -> None:
    await desk.spend(10)
    for _ in range(2):
        await desk.do(said.ShowReport())
    assert len([text for _, text in desk.out.posted if text.startswith("*Budget of #platform")]) == 1


async def test_the_monday_summary_comes_once_a_week_where_it_was_asked_for(desk: Desk) -> None:
    await desk.spend(10)
    desk.clock.us += 5 * 86_400_000_000 + 12 * 3_600_000_000  # Monday, 23 November, in the afternoon
    await desk.alerts.check()
    assert desk.out.posted == []
    await desk.do(said.SetDigest(on=True))
    desk.out.posted.clear()
    for _ in range(2):
        await desk.alerts.check()
    assert [text.split("\n")[0] for place, text in desk.out.posted if place == "C1"] == [
        "*Budget of #platform, November 2026*"
    ]
