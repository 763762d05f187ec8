"""What people press under an ending: the same request again, other words, or a message to whoever can help."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bot.messages.action_ids import REQUEST_HELP, REQUEST_INSTEAD, REQUEST_RETRY, RUN_CHANGE, RUN_HELP, RUN_RETRY
from bot.runs.engine import Engine
from patterns.core.errors import RosterError
from patterns.core.holds import Payer
from patterns.flow import Choice, Plan
from tests.fakes.provider import Call, Provider, Reply, Script
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.integration.test_slack_main_job import PLATFORM, answers, privately, texts, until_ended
from tests.support.running_bot import House

ASK = "use answer: which database?"
SAID = "once two programs write"
LEE = "U0LEE"
DANA_DM = "D0DANA"


class Broken:
    """A team whose models fail by `fault` until it is taken away."""

    def __init__(self, fault: Callable[[Call], Reply]) -> None:
        self.fault: Callable[[Call], Reply] | None = fault
        self.team = Team()

    def __call__(self, call: Call) -> Reply:
        return self.team(call) if self.fault is None else self.fault(call)


def _refused_key(_: Call) -> Reply:
    return Reply(status=401, error="Incorrect API key provided")


@pytest.fixture
def broken() -> Broken:
    return Broken(_refused_key)


@pytest.fixture
def team(broken: Broken) -> Script:
    return broken


@pytest.fixture
async def provider(team: Script) -> Any:
    async with Provider(team, strict=False) as provider:
        yield provider


def buttons(slack: SlackServer, channel: str = PLATFORM) -> list[str]:
    """The action ids of every button in a channel."""
    return [
        element["action_id"]
        for message in slack.messages(channel)
        for block in message.get("blocks", [])
        for element in block.get("elements", [])
        if element.get("type") == "button"
    ]


def said_to_lee(slack: SlackServer, text: str) -> bool:
    return any(text in message["text"] for message in slack.ephemerals(LEE))


async def until_failed(slack: SlackServer) -> None:
    await slack.wait_for(lambda: RUN_RETRY in buttons(slack), 60)  # the first request of a process waits for litellm


async def test_retry_is_one_new_run_in_the_same_messages_however_often_it_is_pressed(
    slack: SlackServer, house: House, broken: Broken
) -> None:
    await slack.command(ASK)
    await until_failed(slack)
    broken.fault = None
    await slack.click(RUN_RETRY)
    await slack.click(RUN_RETRY)
    await until_ended(slack)
    await house.until_no_run_is_open()
    assert house.ledger("SELECT COUNT(*) FROM run") == 2
    assert answers(slack, SAID) == 1
    roots = [said for said in texts(slack) if "asked:" in said]
    assert (len(roots), "answered" in roots[0]) == (1, True)
    assert len(privately(slack, "That was asked again already")) == 1


async def test_retry_of_a_mention_answers_under_the_same_message_and_reads_no_earlier_try(
    slack: SlackServer, house: House, broken: Broken, provider: Provider
) -> None:
    asked = await slack.say(f"<@{BOT_USER}> {ASK}")
    await until_failed(slack)
    broken.fault = None
    await slack.click(RUN_RETRY)
    await slack.wait_for(lambda: answers(slack, SAID))
    await house.until_no_run_is_open()
    ours = [message for message in slack.messages() if message["user"] == BOT_USER]
    assert {message["thread_ts"] for message in ours} == {asked}
    assert sum("which database?" in text for _, text in provider.calls[-1].messages) == 1


async def test_change_and_ask_again_opens_the_filled_form(slack: SlackServer, house: House, broken: Broken) -> None:
    def empty(call: Call) -> Reply:
        return Team()(call) if call.schema is not None else Reply(" ")

    broken.fault = empty
    await slack.command(ASK)
    await until_failed(slack)
    assert "its model sent an empty answer" in "".join(texts(slack))
    await slack.click(RUN_CHANGE)
    await slack.wait_for(lambda: slack.calls("views.open"))
    assert "which database?" in json.dumps(slack.calls("views.open"))
    assert house.ledger("SELECT COUNT(*) FROM run") == 1


@pytest.mark.usefixtures("house")
async def test_a_call_for_help_tells_the_admin_once_what_is_wrong_and_where(slack: SlackServer) -> None:
    await slack.command(ASK, user=LEE)
    await until_failed(slack)
    await slack.click(RUN_HELP, user=LEE)
    await slack.click(RUN_HELP, user=LEE)
    await slack.wait_for(lambda: said_to_lee(slack, "You asked Dana"))
    (told,) = texts(slack, DANA_DM)
    assert "Lee asks for your help" in told
    assert "refused our key. You must check it with `agents doctor`." in told
    assert "|a request> in #platform" in told
    assert said_to_lee(slack, "I asked Dana in a direct message")


async def test_what_a_frozen_budget_refused_can_be_asked_about_and_sent_again(slack: SlackServer, house: House) -> None:
    await slack.command('budget freeze "we wait for the invoice"')
    await slack.wait_for(lambda: any("froze" in said for said in texts(slack)))
    await slack.command(ASK, user=LEE)
    await slack.wait_for(lambda: slack.ephemerals(LEE), 60)
    refusal = slack.ephemerals(LEE)[-1]
    assert "we wait for the invoice" in refusal["text"]
    offered = json.dumps(refusal["blocks"])
    assert [REQUEST_HELP in offered, REQUEST_RETRY in offered, REQUEST_INSTEAD in offered] == [True, False, False]
    await slack.click(REQUEST_HELP, user=LEE)
    (told,) = await slack.wait_for(lambda: texts(slack, DANA_DM))
    assert "The budget of #platform is frozen. You can unfreeze it." in told
    await slack.command("budget unfreeze")
    await slack.wait_for(lambda: any("from frozen to open" in said for said in texts(slack)))
    await slack.click(REQUEST_HELP, user=LEE)
    await slack.wait_for(lambda: said_to_lee(slack, "Nothing is in its way any more: send it again."))
    await slack.command(ASK, user=LEE)
    await slack.wait_for(lambda: any("asked:" in said for said in texts(slack)))
    assert house.ledger("SELECT COUNT(*) FROM run") == 1


async def test_a_model_without_a_price_is_an_admins_to_put_right(
    slack: SlackServer, house: House, broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    priced = Engine.quote

    def unpriced(engine: Engine, payer: Payer, request: str, choice: Choice) -> Plan:
        if request:  # the menu keeps its prices
            raise RosterError("No price is known for fast (openai/new).")
        return priced(engine, payer, request, choice)

    broken.fault = None
    with monkeypatch.context() as without:
        without.setattr(Engine, "quote", unpriced)
        await slack.command(ASK, user=LEE)
        await slack.wait_for(lambda: said_to_lee(slack, "Not started, nothing spent. No price is known for fast"), 60)
        await slack.click(REQUEST_HELP, user=LEE)
        (told,) = await slack.wait_for(lambda: texts(slack, DANA_DM))
    assert "No price is known for fast (openai/new)." in told
    await slack.click(REQUEST_RETRY, user=LEE)
    await until_ended(slack)
    assert house.ledger("SELECT COUNT(*) FROM run") == 1


async def test_a_refusal_offers_the_cheaper_flow(slack: SlackServer, house: House, broken: Broken) -> None:
    broken.fault = None
    await slack.command("budget set 0.10")
    await slack.wait_for(lambda: texts(slack))
    await slack.command("use decide: which database?", user=LEE)
    await slack.wait_for(lambda: slack.ephemerals(LEE), 60)
    await slack.click(REQUEST_INSTEAD, user=LEE)
    await until_ended(slack)
    assert house.ledger("SELECT COUNT(*) FROM run WHERE flow = 'answer'") == 1


@pytest.mark.usefixtures("house")
async def test_the_one_who_can_help_is_told_so(slack: SlackServer) -> None:
    await slack.command(ASK)
    await until_failed(slack)
    await slack.click(RUN_HELP)
    await slack.wait_for(lambda: privately(slack, "You are the one who can help here."))
    assert texts(slack, DANA_DM) == []
