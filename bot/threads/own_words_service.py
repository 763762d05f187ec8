"""A person's own words: counted, handed over as a file, erased; on their own request only."""

import asyncio
from dataclasses import dataclass
from typing import Any

from bot.messages.own_words import OwnWords
from bot.messages.printable_json import printable_json
from bot.slack.errors import SlackError
from bot.slack.uploads import Upload, upload
from bot.slack.workspaces import Slack
from bot.threads.welcome import Welcome
from patterns.core.errors import UserError
from storage.personal_data import PersonalData

_ERASED = "What you wrote is erased here. What it cost stays, without text; messages in Slack are yours to delete."
_HELD_UP = "What you wrote is erased, except for a request that is not over: its words go within a minute of its end."

_NO_FILES = (
    "I cannot send you a file: the app lacks files:write. An admin can reinstall it with its manifest, and whoever "
    "runs me can give you a copy."
)


@dataclass(frozen=True, slots=True)
class OwnWordsService:
    """The port `PersonalWords` of the listeners."""

    data: PersonalData
    slack: Slack
    welcome: Welcome

    async def stored(self, *, workspace: str, user: str) -> OwnWords:
        """Return how much of a person is stored."""
        found = await self.data.export_person(workspace=workspace, user=user)
        attachments = sum(text["kind"] == "material" for text in found["texts"])
        return OwnWords(
            requests=len(found["runs"]),
            texts=len(found["texts"]) - attachments,
            attachments=attachments,
            decisions=len(found["decisions"]),
            ratings=len(found["ratings"]),
            deliveries=found["stored_deliveries"],
            settings=len(found["settings"]),
            rules=await self.welcome.what_is_stored(),
        )

    async def download(self, *, workspace: str, user: str) -> None:
        """Send a person everything that is stored about them, as a file in their direct messages.

        Raises:
            UserError: the app may not upload files here.
        """
        found = await self.data.export_person(workspace=workspace, user=user)
        found["files"] = await self.data.export_files(workspace=workspace, user=user)
        out = self.slack.of(workspace)
        file = Upload("about-me.json", "What is stored about you", await asyncio.to_thread(_printed, found))
        try:
            await upload(out, [file], channel=await out.open_dm(user), thread_ts=None)
        except SlackError as error:
            if error.kind != "missing_scope":
                raise
            raise UserError(_NO_FILES) from error
        await self.data.record_export(workspace=workspace, user=user, actor=user)

    async def erase(self, *, workspace: str, user: str) -> str:
        """Erase what a person wrote; return a sentence that says what was done."""
        await self.data.request_person_erasure(workspace=workspace, user=user, actor=user)
        held_up = await self.data.erase_requested()
        return _HELD_UP if any(one.subject == user for one in held_up) else _ERASED


def _printed(found: dict[str, Any]) -> bytes:
    return printable_json(found, indent=1).encode()
