"""local-slack's page as a person uses it: pick who you are, type, open a thread, press buttons, read."""

from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Locator, Page, expect

WAIT_S = 30


@dataclass(frozen=True)
class SlackPage:
    page: Page

    @classmethod
    async def open(cls, page: Page, url: str, *, person: str = "Ada", channel: str = "try-it") -> "SlackPage":
        await page.goto(url)
        slack = cls(page)
        await slack.act_as(person)
        await slack.go_to(channel)
        return slack

    async def act_as(self, person: str) -> None:
        await self.page.locator(".actas select").select_option(label=person)

    async def go_to(self, place: str) -> None:
        """A channel, a direct message or the app's Home, by its name in the side bar."""
        await self.page.locator(".sidebar-item", has_text=place).first.click()

    async def until_bot_is_connected(self) -> None:
        await expect(self.page.get_by_role("button", name="agents connected")).to_be_visible(timeout=WAIT_S * 1000)

    async def type(self, text: str) -> None:
        """Type into the channel's composer and send."""
        await self._send(self.page.locator(".main .composer-input"), text)

    async def reply(self, text: str) -> None:
        """Type into the open thread and send."""
        await self._send(self.page.locator(".thread-pane .composer-input"), text)

    async def open_thread(self, root: str) -> None:
        """Open the thread under the newest message that contains `root`, as soon as it has a reply."""
        summary = self.page.locator(".main .msg", has_text=root).last.locator(".thread-summary")
        await summary.click(timeout=WAIT_S * 1000)

    async def press(self, label: str) -> None:
        """Press the newest button of that name."""
        await self.page.get_by_role("button", name=label, exact=True).last.click(timeout=WAIT_S * 1000)

    async def fill_in(self, label: str, text: str) -> None:
        """Write into the field of that label in the open form."""
        await self.field(label).locator("input, textarea").fill(text)

    async def choose(self, label: str, option: str) -> None:
        """Pick from the menu of that label in the open form."""
        await self.field(label).locator("select").select_option(label=option)

    async def until_channel_says(self, text: str, *, wait_s: float = WAIT_S) -> None:
        await expect(self.page.locator(".main .messages")).to_contain_text(text, timeout=wait_s * 1000)

    async def until_thread_says(self, text: str, *, wait_s: float = WAIT_S) -> None:
        await expect(self.page.locator(".thread-body")).to_contain_text(text, timeout=wait_s * 1000)

    async def privately(self, text: str) -> str:
        """The newest message that only this person can see and that contains `text`, as soon as it is there."""
        message = self.page.locator(".msg", has=self.page.locator(".badge-eph")).filter(has_text=text).last
        await expect(message).to_be_visible(timeout=WAIT_S * 1000)
        return await message.locator(".msg-body").inner_text()

    async def channel(self) -> list[str]:
        """What stands in the channel, a string each message, as it is read."""
        return await self.page.locator(".main .msg .msg-body").all_inner_texts()

    async def thread(self) -> list[str]:
        """What stands in the open thread, its root first."""
        return await self.page.locator(".thread-body .msg .msg-body").all_inner_texts()

    async def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=path, animations="disabled")

    def field(self, label: str) -> Locator:
        """The field of that label in the open form."""
        return self.page.locator(".modal .bk-input", has=self.page.get_by_text(label, exact=True))

    async def _send(self, composer: Locator, text: str) -> None:
        await composer.fill(text)
        await composer.press("Enter")
