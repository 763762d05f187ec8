"""Requests in line for money that other runs hold: offered, held by nobody, begun in the order of asking, or ended."""

from bot.messages.action_ids import QUEUE_IT
from bot.threads.budget_queue import BudgetQueue
from patterns.core.holds import Hold, Payer
from patterns.flow import Choice
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import TEAM
from tests.integration.test_review import reminders
from tests.integration.test_slack_main_job import DECIDE, PLATFORM, texts, until_ended
from tests.support.ledgers import USD, Asking, execute, open_run
from tests.support.running_bot import House, Opened

ASKER, ADMIN = "U0LEE", "U0DANA"
OFFERED = "Queue this until that request is done"
WAITS = "Waiting for budget. This costs about "
BEGAN = "Enough budget came free, so it started"
SMALL = "use answer with researcher: why?"


def said(slack: SlackServer, text: str) -> int:
    return sum(text in one for one in texts(slack))


def privately(slack: SlackServer, text: str) -> list[str]:
    return [m["text"] for m in slack.ephemerals(ASKER) if text in m["text"]]


async def hold_it_all(slack: SlackServer, house: House, *parts_nusd: int) -> list[Hold]:
    """Somebody else's run that holds the whole month, in one call or in several."""
    await slack.command("budget set 1", user=ADMIN)
    await slack.wait_for(lambda: said(slack, "$1.00"))
    db, other = house.bot.engine.db, Asking("other", Payer(TEAM, PLATFORM, "channel", ADMIN))
    await open_run(db, other)
    # A shell owns it, so that this bot does not go on with it.
    await execute(db, "UPDATE run SET kind = 'terminal', lease_until_us = 9000000000000000 WHERE id = 'other'")
    return [await house.bot.engine.ledger.hold(other.hold(nusd)) for nusd in parts_nusd or (USD,)]


async def queue(slack: SlackServer, request: str = DECIDE) -> None:
    """A request that is refused over held money, and told to wait."""
    waiting = said(slack, WAITS)
    offered = len(privately(slack, OFFERED))
    await slack.command(request, user=ASKER)
    await slack.wait_for(lambda: len(privately(slack, OFFERED)) > offered)
    await slack.click(QUEUE_IT, user=ASKER)
    await slack.wait_for(lambda: said(slack, WAITS) > waiting)


async def release(house: House, hold: Hold) -> None:
    await house.bot.engine.ledger.release([hold])


def line(house: House) -> BudgetQueue:
    return reminders(house, ahead_s=0).budget_queue


async def test_it_waits_holding_nothing_and_begins_when_the_money_is_free(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    (hold,) = await hold_it_all(slack, house)
    await queue(slack)
    await line(house).admit_next()
    assert (house.held_nusd(), provider.calls, said(slack, BEGAN)) == (USD, [], 0)
    await release(house, hold)
    await line(house).admit_next()
    await until_ended(slack)
    assert (said(slack, BEGAN), house.held_nusd()) == (1, 0)


async def test_a_grant_lets_it_begin_at_once(slack: SlackServer, house: House) -> None:
    await hold_it_all(slack, house)
    await queue(slack)
    await slack.command('budget grant 5 "a launch"', user=ADMIN)
    await until_ended(slack)
    assert said(slack, BEGAN) == 1


async def test_the_end_of_another_run_lets_it_begin_at_once(slack: SlackServer, house: House) -> None:
    (hold,) = await hold_it_all(slack, house)
    await queue(slack)
    await release(house, hold)
    await slack.command(SMALL, user=ADMIN)
    await slack.wait_for(lambda: said(slack, "answered · ") == 2)
    assert said(slack, BEGAN) == 1


async def test_a_smaller_request_does_not_get_past_one_before_it(slack: SlackServer, house: House) -> None:
    engine = house.bot.engine
    payer = Payer(TEAM, PLATFORM, "channel", ASKER)
    small_nusd = (await engine.quote(payer, "why?", Choice("answer", ("researcher",)))).needed_nusd
    most, rest = await hold_it_all(slack, house, USD - small_nusd, small_nusd)
    await queue(slack)
    await queue(slack, SMALL)
    await release(house, rest)
    await line(house).admit_next()
    assert said(slack, BEGAN) == 0
    await release(house, most)
    await line(house).admit_next()
    await slack.wait_for(lambda: said(slack, "answered · ") == 2)
    assert said(slack, BEGAN) == 2


async def test_it_ends_unstarted_after_its_deadline(slack: SlackServer, house: House, provider: Provider) -> None:
    await hold_it_all(slack, house)
    await queue(slack)
    await reminders(house, ahead_s=2 * 3600).process_waiting()
    await slack.wait_for(lambda: said(slack, "Not started, nothing spent."))
    assert said(slack, "Not enough budget came free in time, so it did not start") == 1
    assert provider.calls == []


async def test_it_ends_when_the_others_have_spent_what_they_held(slack: SlackServer, house: House) -> None:
    await hold_it_all(slack, house)
    await queue(slack)
    await execute(house.bot.engine.db, "UPDATE run SET status = 'done' WHERE id = 'other'")
    await house.bot.engine.ledger.sweep()
    await line(house).admit_next()
    await slack.wait_for(lambda: said(slack, "Not started, nothing spent."))


async def test_it_can_be_stopped(slack: SlackServer, house: House, provider: Provider) -> None:
    await hold_it_all(slack, house)
    await queue(slack)
    await slack.command("stop", user=ASKER)
    await until_ended(slack, "stopped")
    assert provider.calls == []


async def test_it_waits_on_in_the_next_process(slack: SlackServer, opened: Opened) -> None:
    async with opened() as house:
        (hold,) = await hold_it_all(slack, house)
        await queue(slack)
    async with opened() as house:
        await release(house, hold)
        await line(house).admit_next()
        await until_ended(slack)
        assert (said(slack, BEGAN), said(slack, WAITS)) == (1, 0)


async def test_a_refusal_over_spent_money_offers_no_line(slack: SlackServer, house: House) -> None:
    (hold,) = await hold_it_all(slack, house)
    await house.bot.engine.ledger.release([hold])
    await slack.command("budget set 0.01", user=ADMIN)
    await slack.wait_for(lambda: said(slack, "$0.01"))
    await slack.command(DECIDE, user=ASKER)
    await slack.wait_for(lambda: privately(slack, "Not started, nothing spent."))
    assert privately(slack, OFFERED) == []
