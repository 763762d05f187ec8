"""The page of a run in a real browser: it reads well, opens its steps, and does nothing that a text in it asks for."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.messages.mrkdwn import clean
from bot.messages.trace_page import trace_page
from tests.support.stories import HOSTILE, hostile_story, story


async def opened(page: Page, folder: Path, view: object) -> list[str]:
    """Open a run's page from a file; what it asked the network for."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    file = folder / "run.html"
    file.write_text(trace_page(view), "utf-8")
    await page.goto(file.as_uri())
    return [url for url in asked if url != file.as_uri()]


async def test_a_step_opens_with_its_prompt_its_answer_and_its_attempts(page: Page, tmp_path: Path) -> None:
    asked = await opened(page, tmp_path, story(3))
    assert await page.locator("h1").inner_text() == "Partly answered · $0.03"
    assert await page.locator("details").count() == 3
    second = page.locator("details").nth(1)
    assert not await second.locator("table").is_visible()
    await second.locator("summary").click()
    said = await second.inner_text()
    for words in ("Given as system", "Answer in two lines.", "SQLite, for now.", "2 of process 2", "without a bill"):
        assert words in said
    assert "waited 3 h 5 min" in await page.locator(".wait").inner_text()
    assert asked == []


async def test_the_keyboard_opens_a_step(page: Page, tmp_path: Path) -> None:
    await opened(page, tmp_path, story(3))
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert await page.locator("details[open]").count() == 1


@pytest.mark.parametrize("steps", [3, 300])
@pytest.mark.parametrize("width", [1440, 390])
async def test_bars_stand_in_order_and_nothing_is_wider_than_the_screen(
    page: Page, tmp_path: Path, steps: int, width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 900})
    await opened(page, tmp_path, story(steps))
    assert await page.locator("details").count() == steps
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    lefts = await page.locator("details .track i").evaluate_all("bars => bars.map(bar => parseFloat(bar.style.left))")
    assert lefts == sorted(lefts)
    assert lefts[0] == 0
    assert lefts[-1] < 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_can_be_read_in_both_colour_schemes(page: Page, tmp_path: Path, scheme: str) -> None:
    await page.emulate_media(color_scheme=scheme)
    await opened(page, tmp_path, story(3))
    await page.locator("details").first.locator("summary").click()
    for selector in ("body", ".soft", ".failed .who", ".head", "pre.text"):
        assert await page.locator(selector).first.evaluate(CONTRAST) >= 4.5, selector


async def test_hostile_text_stays_text(page: Page, tmp_path: Path) -> None:
    asked = await opened(page, tmp_path, hostile_story())
    await page.locator("summary").click()
    assert await page.title() == "Run r0123456789ab"
    assert await page.locator("script, img, iframe, a, form").count() == 0
    shown = await page.locator("pre.text").first.inner_text()
    assert shown == clean(HOSTILE)
    assert asked == []


async def test_a_run_without_steps_has_a_page(page: Page, tmp_path: Path) -> None:
    await opened(page, tmp_path, replace(story(3), steps=(), decisions=(), diagram=(), answer=""))
    assert "No agent was called." in await page.locator("main").inner_text()


CONTRAST = """node => {
  const rgb = text => text.match(/[0-9.]+/g).map(Number);
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = text => rgb(text).slice(0, 3).map(v => linear(v / 255))
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  let under = node;
  while (under && (rgb(getComputedStyle(under).backgroundColor)[3] ?? 1) === 0) under = under.parentElement;
  const pair = [light(getComputedStyle(node).color), light(getComputedStyle(under).backgroundColor)];
  return (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
}"""
"""WCAG's contrast of a text with what is under it."""
