"""What people attach, in a browser: pictures reach models that see, and everything else that was left out is said."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.demo.local_slack import ADA, BOT_TOKEN, TRY_IT, LocalSlack
from bot.settings import SHIPPED_ROSTER
from tests.e2e.slack_page import SlackPage
from tests.fakes.provider import Provider
from tests.fakes.team import Team
from tests.support.pictures import png
from tests.support.running_bot import House, open_house

ANSWERED = "once two programs write"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider(Team()) as provider:
        yield provider


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are handed over for the right token only."""
    monkeypatch.setattr("tests.support.running_bot.BOT_TOKEN", BOT_TOKEN)


@pytest.fixture
async def house(local_slack: LocalSlack, provider: Provider, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path) as house:
        yield house


async def opened(house: House, page: Page) -> SlackPage:
    slack = await SlackPage.open(page, house.settings.slack_api_url.removesuffix("api/"))
    await slack.until_bot_is_connected()
    return slack


async def test_a_picture_reaches_the_model_byte_for_byte(
    house: House, local_slack: LocalSlack, page: Page, provider: Provider, tmp_path: Path
) -> None:
    slack = await opened(house, page)
    await local_slack.upload({"chart.png": png()}, "@agents use answer: what is this?", channel=TRY_IT, user=ADA)
    await slack.open_thread("what is this?")
    # A picture can be thousands of tokens, which is said before they are paid.
    await slack.press("Run")
    await slack.until_thread_says(ANSWERED)
    await slack.press("Details")
    assert "Read chart.png." in await slack.privately("Read chart.png.")
    await slack.picture(tmp_path / "picture.png")
    answered = provider.calls[-1]
    assert answered.images == 1
    assert base64.b64encode(png()).decode() in str(answered.body)
    assert house.held_nusd() == 0


async def test_everything_left_out_is_said_with_its_reason(
    house: House, local_slack: LocalSlack, page: Page, provider: Provider, tmp_path: Path
) -> None:
    slack = await opened(house, page)
    files = {
        "numbers.csv": b"month,exports\nOctober,12\n",
        "job.py": b"print('exports')\n",
        "broken.png": b"this is no picture",
        "photo.heic": b"\x00\x00\x00\x18ftypheic",
        "notes.txt": b"MZ\x90\x00\x03\x00\x00\x00",
        "empty.txt": b"   \n",
        "locked.pdf": b"%PDF-1.7 damaged",
    }
    await local_slack.upload(files, "@agents use answer: what is all this?", channel=TRY_IT, user=ADA)
    await slack.open_thread("what is all this?")
    await slack.until_thread_says(ANSWERED)
    for said in (
        "broken.png was left out: I see PNG, JPEG, GIF and WebP only.",
        "photo.heic was left out: I see PNG, JPEG, GIF and WebP only.",
        "notes.txt was left out: I read text, code, CSV, PDF and pictures only.",
        "empty.txt was left out: there is no text in it.",
        "locked.pdf was left out: it is damaged, locked or too large to read.",
    ):
        await slack.until_thread_says(said)
    await slack.press("Details")
    assert "Read numbers.csv, job.py." in await slack.privately("Read numbers.csv")
    await slack.picture(tmp_path / "left_out.png")
    sent = str(provider.calls[-1].body)
    assert "October,12" in sent
    assert "print('exports')" in sent
    assert provider.calls[-1].images == 0


async def test_an_agent_whose_model_is_blind_says_so(
    local_slack: LocalSlack, page: Page, provider: Provider, tmp_path: Path
) -> None:
    # `fast` is a model the operator named and which takes text only; `strong` sees.
    named = f"openai/gpt-5-mini\n    api_key_env: OPENAI_API_KEY\n    api_base: {provider.api_base('openai')}"
    roster = SHIPPED_ROSTER.read_text("utf-8").replace("${AGENTS_MODEL_FAST:-auto}", named)
    async with open_house(api_url=local_slack.api_url, provider=provider, folder=tmp_path, roster=roster) as house:
        slack = await opened(house, page)
        await local_slack.upload({"chart.png": png()}, "@agents use answer: what is this?", channel=TRY_IT, user=ADA)
        await slack.open_thread("what is this?")
        await slack.until_thread_says(ANSWERED)
        await slack.until_thread_says("Left out for researcher, whose model sees no pictures: chart.png.")
        await slack.picture(tmp_path / "blind.png")
    assert provider.calls[-1].images == 0
