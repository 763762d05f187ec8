"""People and money under the names that people use; ids where Slack says nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bot.messages.card_views import Needs
from bot.messages.views import Person
from bot.people.admins import Admins
from bot.people.directory import LookupFailedError
from bot.people.profiles import ProfileLookup
from patterns.core.quotes import PriceEstimate, Quote
from patterns.flow import NO_COST, Plan
from patterns.pattern import Solo
from patterns.router import RouteDecision
from storage.database.connect import connect
from storage.database.database import Database
from storage.ledger.balances import Balances
from storage.ledger.ledger import SqlLedger
from tests.support.ledgers import CENT, PAYER, POLICY, USD, Asking, FakeClock, open_run, settled


class Directory:
    """Knows U1 and C1; about everything else Slack cannot be asked."""

    async def user(self, user: str, *, workspace: str) -> Mapping[str, Any]:
        if (workspace, user) != ("T1", "U1"):
            raise LookupFailedError
        return {"name": "ada.l", "real_name": "Ada Lovelace", "profile": {"display_name": "Ada"}}

    async def channel(self, channel: str, *, workspace: str) -> Mapping[str, Any] | None:
        return {"name": "platform"} if (workspace, channel) == ("T1", "C1") else None

    async def direct_messages(self, user: str, *, workspace: str) -> str:
        raise NotImplementedError


@pytest.fixture
async def database(sqlite_url: str) -> Any:
    opened = await connect(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
def figures(database: Database) -> ProfileLookup:
    return ProfileLookup(Balances(database, FakeClock(), POLICY), Directory(), Admins({"U1"}))


async def test_people_have_the_name_they_chose_or_their_id(figures: ProfileLookup) -> None:
    assert await figures.person("U1", "T1") == Person("U1", "Ada")
    assert await figures.person("U2", "T1") == Person("U2", "U2")
    assert await figures.owner("T1") == Person("U1", "Ada")
    assert await replace(figures, admins=Admins()).owner("T1") is None


async def test_a_channels_month_shows_what_is_spent_held_and_free(figures: ProfileLookup, database: Database) -> None:
    asking = Asking()
    await open_run(database, asking)
    ledger = SqlLedger(database, FakeClock(), POLICY)
    await ledger.settle(await ledger.hold(asking.hold(30 * CENT)), settled(30 * CENT), asking.fence)
    await ledger.hold(asking.hold(20 * CENT))
    view = await figures.balance(PAYER)
    assert (view.name, view.limit_nusd, view.resets_on) == ("#platform", USD, "1 Dec")
    assert (view.settled_nusd, view.held_nusd, view.free_nusd, view.held_runs) == (30 * CENT, 20 * CENT, 50 * CENT, 1)
    over = await figures.balance(PAYER, ended_run=asking.run_id)
    assert (over.held_nusd, over.held_runs) == (0, 0)
    await ledger.close()


async def test_months_are_named_from_the_nearest_to_the_farthest(figures: ProfileLookup) -> None:
    shown = await replace(figures, is_play_money=True).all(PAYER)
    assert [view.name for view in shown.balances] == ["#platform", "the workspace"]
    assert shown.play_money
    dm = replace(PAYER, channel="D1", channel_kind="dm")
    assert [view.name for view in (await figures.all(dm)).balances] == ["your direct messages", "the workspace"]
    elsewhere = replace(PAYER, channel="C9")
    assert (await figures.balance(elsewhere)).name == "C9"


def plan(nusd: int) -> Plan:
    decision = RouteDecision(flow="answer", chosen_by="person")
    return Plan(decision, Solo("a"), Quote(nusd, nusd), worst_nusd=nusd, told=Quote(nusd, nusd, nusd), took=NO_COST)


@pytest.mark.parametrize(("needs", "offered"), [(40 * CENT, "answer"), (2 * USD, "")])
async def test_a_refusal_offers_the_cheaper_flow_only_when_it_can_be_paid(
    figures: ProfileLookup, needs: int, offered: str
) -> None:
    balance = await figures.balances.balance(PAYER)
    wants = Needs(PriceEstimate(USD, 3 * USD), 3 * USD)
    view = await figures.refusal(PAYER, balance, needs=wants, instead=plan(needs))
    assert (view.needs, view.alternative_flow, view.owner) == (wants, offered, Person("U1", "Ada"))
    assert view.alternative_price == (plan(needs).price if offered else None)


async def test_the_month_resets_on_the_first_of_the_places_own_zone(figures: ProfileLookup, database: Database) -> None:
    east = replace(figures, balances=Balances(database, FakeClock(), replace(POLICY, zone="Pacific/Auckland")))
    assert (await east.balance(PAYER)).resets_on == "1 Dec"
