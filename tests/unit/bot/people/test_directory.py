"""Whether guests are in a conversation: looked up page by page, remembered for a while, and never guessed."""

from collections.abc import Mapping
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.people.directory import CHANNEL_TTL_S, MEMBER_PAGES_MAX, USER_TTL_S, LookupFailedError, SlackDirectory
from bot.slack.workspaces import OneToken
from tests.fakes.bot_services import ANNA, BEN, CHANNEL, TEAM


class Pages:
    """Slack's lists of members, in pages of one."""

    def __init__(self, members: list[str], people: list[dict[str, Any]]) -> None:
        self.lists: dict[str, list[Any]] = {"conversations.members": members, "users.list": people}
        self.calls: list[str] = []

    async def api_call(self, method: str, **said: Any) -> Mapping[str, Any]:
        self.calls.append(method)
        arguments = {**(said.get("params") or {}), **(said.get("json") or {})}
        at = int(arguments.get("cursor") or 0)
        more = str(at + 1) if at + 1 < len(self.lists[method]) else ""
        return {"members": self.lists[method][at : at + 1], "response_metadata": {"next_cursor": more}}


def person(user: str, **more: bool) -> dict[str, Any]:
    return {"id": user, **more}


class Ticks:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def directory(monkeypatch: pytest.MonkeyPatch, pages: Pages, ticks: Ticks | None = None) -> SlackDirectory:
    monkeypatch.setattr(AsyncWebClient, "api_call", lambda _client, method, **said: pages.api_call(method, **said))
    return SlackDirectory(AsyncWebClient(token="xoxb-test"), OneToken("xoxb-test"), monotonic=ticks or Ticks())


@pytest.mark.parametrize(
    ("facts", "has"),
    [
        ({}, False),
        ({"is_restricted": True}, True),
        ({"is_restricted": True, "is_ultra_restricted": True}, True),
        ({"is_restricted": True, "deleted": True}, False),
    ],
)
async def test_a_guest_on_any_page_counts(
    monkeypatch: pytest.MonkeyPatch, facts: dict[str, bool], *, has: bool
) -> None:
    pages = Pages([ANNA, BEN], [person(ANNA), person("UELSE", is_restricted=True), person(BEN, **facts)])
    assert await directory(monkeypatch, pages).has_guests(CHANNEL, workspace=TEAM) is has


async def test_who_is_a_guest_and_who_is_in_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    pages, ticks = Pages([ANNA], [person(ANNA)]), Ticks()
    known = directory(monkeypatch, pages, ticks)
    for now_s in (0.0, CHANNEL_TTL_S - 1):
        ticks.now_s = now_s
        assert not await known.has_guests(CHANNEL, workspace=TEAM)
    assert sorted(pages.calls) == ["conversations.members", "users.list"]
    pages.lists["conversations.members"] = [ANNA, BEN]
    pages.lists["users.list"] = [person(ANNA), person(BEN, is_restricted=True)]
    ticks.now_s = USER_TTL_S + 1
    assert await known.has_guests(CHANNEL, workspace=TEAM)


async def test_too_many_people_to_look_through_is_said_and_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [person(f"U{n}") for n in range(MEMBER_PAGES_MAX + 1)]
    with pytest.raises(LookupFailedError):
        await directory(monkeypatch, Pages([ANNA], people)).has_guests(CHANNEL, workspace=TEAM)
