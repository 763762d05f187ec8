"""A provider that is down, over real HTTP: after a few failures nothing is held or sent, and the thread says so."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from patterns.models import circuit_breaker
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import ANSWER
from tests.integration.test_slack_main_job import texts
from tests.support.running_bot import House, open_house

ROSTER = """
version: 1
models:
  main: {{model: openai/main, fallback: [spare], price: {{input_usd_per_mtok: 1, output_usd_per_mtok: 2}}}}
  spare: {{model: openai/spare, api_base: "{spare}", price: {{input_usd_per_mtok: 1, output_usd_per_mtok: 2}}}}
  alone: {{model: auto, price: {{input_usd_per_mtok: 1, output_usd_per_mtok: 2}}}}
agents:
  writer: {{description: Writes., model: main, prompt: researcher, max_output_tokens: 300, timeout_s: 30}}
  loner: {{description: Writes., model: alone, prompt: researcher, max_output_tokens: 300, timeout_s: 30}}
flows:
  answer: {{description: One agent., agent: writer}}
  solo: {{description: One agent., agent: loner}}
router: {{model: main, default: answer, min_confidence: 0.6}}
limits: {{run_usd: 5, run_s: 300, confirm_above_usd: 1, concurrency: 8, steps: 10}}
budgets: {{workspace_usd: 100, default_channel_usd: 25, dm_user_usd: 5, new_channels: on, timezone: UTC, alerts: [80]}}
"""


class Trouble:
    """A provider that is down until somebody says otherwise."""

    def __init__(self) -> None:
        self.is_down = True
        self.status = 503
        self.asked: list[str] = []

    def __call__(self, call: Call) -> Reply:
        self.asked.append(call.model)
        return Reply(status=self.status) if self.is_down else Reply(ANSWER)


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
async def house(slack: SlackServer, trouble: Trouble, tmp_path: Path) -> AsyncIterator[House]:
    async with Provider(trouble) as provider, Provider(lambda _: Reply(ANSWER)) as spare:
        roster = ROSTER.format(spare=spare.api_base("openai"))
        async with open_house(api_url=slack.url, provider=provider, folder=tmp_path, roster=roster) as house:
            yield house


async def ask(slack: SlackServer, house: House, flow: str, number: int) -> str:
    """Ask and return what the thread says in the end."""
    before = house.ledger("SELECT COUNT(*) FROM run")
    await slack.say(f"<@{BOT_USER}> use {flow}: what is thing {number}?")
    await house.until_told(runs=before + 1)
    return texts(slack)[-1]


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_the_thread_says_since_when_a_provider_fails_and_who_answered_instead(
    slack: SlackServer, trouble: Trouble, house: House, status: int
) -> None:
    trouble.status = status
    said = [await ask(slack, house, "answer", number) for number in range(4)]
    assert len(trouble.asked) == circuit_breaker.FAILURES  # two tries a request, and none once it is open
    sentence = re.compile(r"The provider of main has been failing since \d\d:\d\d UTC, so it was not asked\.")
    assert [bool(sentence.search(one)) for one in said] == [False, False, True, True]
    assert "spare answered instead." in said[-1]
    assert "PostgreSQL" in said[-1]
    assert house.ledger("SELECT COUNT(*) FROM call WHERE model = 'main'") == circuit_breaker.FAILURES
    assert (house.held_nusd(), house.bot.engine.client.circuits.failing().keys()) == (0, {"openai"})


async def test_without_another_model_the_thread_gives_the_reason_and_nothing_is_held(
    slack: SlackServer, trouble: Trouble, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "OPEN_S", 300.0)
    said = [await ask(slack, house, "solo", number) for number in range(4)]
    assert len(trouble.asked) == circuit_breaker.FAILURES
    assert re.search(r"its provider has been failing since \d\d:\d\d UTC, so it was not asked", said[-1])
    assert house.ledger("SELECT COUNT(*) FROM call") == circuit_breaker.FAILURES
    assert (house.spent_nusd(), house.held_nusd()) == (0, 0)


async def test_one_held_call_finds_out_that_the_provider_is_back(
    slack: SlackServer, trouble: Trouble, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "OPEN_S", 0.001)
    for number in range(3):
        await ask(slack, house, "answer", number)
    trouble.is_down = False
    said = await ask(slack, house, "answer", 3)
    assert "answered instead" not in said
    assert house.bot.engine.client.circuits.failing() == {}


async def test_refusals_of_single_requests_open_nothing(slack: SlackServer, trouble: Trouble, house: House) -> None:
    trouble.status = 400
    for number in range(circuit_breaker.FAILURES + 2):
        await ask(slack, house, "answer", number)
    assert len(trouble.asked) == circuit_breaker.FAILURES + 2
    assert house.bot.engine.client.circuits.failing() == {}
