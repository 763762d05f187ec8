"""What people do in the Slack double: type, click, submit, edit, delete; and what they see."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.slack_state import APP_ID, BOT_USER, ResponseUrl, Workspace


class People:
    """Acts return when the app has acked; what it does afterwards is waited for with `wait_for`."""

    base = ""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    async def deliver(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        raise NotImplementedError

    # ------------------------------------------------------------ what is seen

    def messages(self, channel: str = "C0PLATFORM", thread_ts: str | None = None) -> list[dict[str, Any]]:
        """The messages of a channel, or of one thread with its root, oldest first."""
        found = self.workspace.channels[channel].messages
        return [m for m in found if thread_ts is None or m.get("thread_ts", m["ts"]) == thread_ts]

    def ephemerals(self, user: str = "U0DANA") -> list[dict[str, Any]]:
        return [m for m in self.workspace.ephemerals if m["to"] == user]

    def calls(self, method: str) -> list[dict[str, Any]]:
        """The arguments of every call of a method, in order."""
        return [args for name, args in self.workspace.calls if name == method]

    async def wait_for(self, condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        return await self.workspace.wait_for(condition, timeout_s)

    # ------------------------------------------------------------ what is done

    async def command(
        self, text: str = "", *, user: str = "U0DANA", channel: str = "C0PLATFORM", command: str = "/agents"
    ) -> dict[str, Any] | None:
        payload = {
            "token": "verification",
            "team_id": self.workspace.team,
            "team_domain": "agents",
            "channel_id": channel,
            "channel_name": self.workspace.channels[channel].name or "directmessage",
            "user_id": user,
            "user_name": user.lower(),
            **({"enterprise_id": self.workspace.enterprise} if self.workspace.enterprise else {}),
            "command": command,
            "text": text,
            "api_app_id": APP_ID,
            "is_enterprise_install": "false",
            "response_url": self._response_url(channel, user),
            "trigger_id": self.workspace.trigger(user),
        }
        return await self.deliver("slash_commands", payload)

    async def say(
        self,
        text: str,
        *,
        user: str = "U0DANA",
        channel: str = "C0PLATFORM",
        thread_ts: str | None = None,
        more: dict[str, Any] | None = None,
    ) -> str:
        """Write a message; the app hears of it as `message`, and as `app_mention` when it is mentioned.

        `more` is what else it holds: attachments, blocks.
        """
        room = self.workspace.channels[channel]
        message = {
            "type": "message",
            "user": user,
            "text": text,
            "ts": self.workspace.ts(),
            "team": self.workspace.team,
        }
        message |= {"client_msg_id": self.workspace.number("client-"), **(more or {})}
        if thread_ts:
            message |= {"thread_ts": thread_ts, "parent_user_id": self.workspace.message(channel, thread_ts)["user"]}
        room.messages.append(message)
        await self.workspace.changed()
        if BOT_USER in room.members:
            kind = "im" if room.is_im else "group" if room.is_private else "channel"
            event = {**message, "channel": channel, "event_ts": message["ts"]}
            event["action_token"] = self.workspace.action_token(user)
            await self.event({**event, "channel_type": kind})
            if f"<@{BOT_USER}>" in text and not room.is_im:
                await self.event({**event, "type": "app_mention"})
        return str(message["ts"])

    async def share(self, name: str, content: bytes, text: str, *, mimetype: str = "text/plain", **where: Any) -> str:
        """Write a message with a file; `where` is as for `say`."""
        file_id = self.workspace.number("F0")
        facts = {"id": file_id, "name": name, "mimetype": mimetype, "size": len(content)}
        url = f"{self.base}/{self.workspace.team}/file/{file_id}"
        self.workspace.files[file_id] = {**facts, "url_private_download": url, "content": content}
        return await self.say(text, more={"files": [facts], "subtype": "file_share"}, **where)

    async def edit(self, ts: str, text: str, *, channel: str = "C0PLATFORM") -> None:
        message = self.workspace.message(channel, ts)
        before = dict(message)
        message.update(text=text, edited={"user": message["user"], "ts": self.workspace.ts()})
        event = {"type": "message", "subtype": "message_changed", "message": message, "previous_message": before}
        await self.event({**event, "channel": channel, "ts": self.workspace.ts(), "channel_type": "channel"})

    async def delete(self, ts: str, *, channel: str = "C0PLATFORM") -> None:
        message = self.workspace.message(channel, ts)
        self.workspace.channels[channel].messages.remove(message)
        event = {"type": "message", "subtype": "message_deleted", "deleted_ts": ts, "previous_message": message}
        await self.event({**event, "channel": channel, "ts": self.workspace.ts(), "channel_type": "channel"})

    async def open_home(self, *, user: str = "U0DANA", tab: str = "home") -> None:
        event = {"type": "app_home_opened", "user": user, "channel": self.workspace.dm(user).id, "tab": tab}
        await self.event({**event, "event_ts": self.workspace.ts()})

    async def invite(self, channel: str, *, inviter: str = "U0DANA") -> None:
        """Invite the bot into a channel; Slack says so to it alone of its own."""
        room = self.workspace.channels[channel]
        room.members.add(BOT_USER)
        event = {"type": "member_joined_channel", "user": BOT_USER, "channel": channel, "channel_type": "C"}
        by = {"inviter": inviter} if inviter else {}
        await self.event({**event, **by, "team": self.workspace.team, "event_ts": self.workspace.ts()})

    async def event(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Any event, in Slack's outer wrapper."""
        payload = {"type": "event_callback", "team_id": self.workspace.team, "api_app_id": APP_ID, "event": event}
        who = {"enterprise_id": self.workspace.enterprise or None, "team_id": self.workspace.team}
        authorizations = [{**who, "user_id": BOT_USER, "is_bot": True}]
        payload |= {"event_id": self.workspace.number("Ev"), "event_time": int(self.workspace.clock())}
        return await self.deliver("events_api", {**payload, "authorizations": authorizations})

    async def click(
        self, action_id: str, *, user: str = "U0DANA", channel: str = "C0PLATFORM", ts: str | None = None
    ) -> dict[str, Any] | None:
        """Press the newest button of that id in the channel, among this person's private messages too."""
        private = [m for m in self.ephemerals(user) if m["channel"] == channel]
        shown = sorted([*self.messages(channel), *private], key=lambda m: str(m["ts"]), reverse=True)
        for message in shown:
            for block, element in _buttons(message):
                if element["action_id"] == action_id and ts in {None, message["ts"]}:
                    return await self._press(message, block, element, user=user, channel=channel)
        raise AssertionError(f"nobody sees a button {action_id}")

    async def _press(
        self,
        message: Mapping[str, Any],
        block: Mapping[str, Any],
        element: Mapping[str, Any],
        *,
        user: str,
        channel: str,
    ) -> dict[str, Any] | None:
        private = bool(message.get("is_ephemeral"))
        container = {"type": "message", "message_ts": message["ts"], "channel_id": channel, "is_ephemeral": private}
        if "thread_ts" in message:
            container["thread_ts"] = message["thread_ts"]
        told = ("type", "action_id", "value", "text", "selected_option")
        action = {k: element[k] for k in told if k in element}
        action |= {"block_id": block["block_id"], "action_ts": self.workspace.ts()}
        payload = {**self._who("block_actions", user), "container": container, "actions": [action]}
        payload |= {"channel": {"id": channel, "name": self.workspace.channels[channel].name}, "message": message}
        payload["response_url"] = self._response_url(channel, user, str(message["ts"]))
        return await self.deliver("interactive", {**payload, "state": {"values": {}}})

    async def press_at_home(self, action_id: str, *, user: str = "U0DANA") -> None:
        """Press the first button of that id in somebody's home tab, which is no channel and has no response_url."""
        for block, element in _buttons(self.workspace.homes[user]):
            if element["action_id"] == action_id:
                action = {k: element[k] for k in ("type", "action_id", "value", "text") if k in element}
                action |= {"block_id": block.get("block_id", "b"), "action_ts": self.workspace.ts()}
                payload = {**self._who("block_actions", user), "container": {"type": "view"}, "actions": [action]}
                await self.deliver("interactive", {**payload, "state": {"values": {}}})
                return
        raise AssertionError(f"no button {action_id} at home")

    async def submit(
        self, values: Mapping[str, Mapping[str, Any]] | None = None, *, user: str = "U0DANA", view_id: str = ""
    ) -> dict[str, Any] | None:
        """Submit the newest form. `values[block_id][action_id]` is the typed text or the chosen option's value.

        Untouched fields carry their initial values, as in Slack. The answer is the app's ack (its errors, or `{}`).
        """
        mine = [v for v in self.workspace.views.values() if v["user"] == user and v["type"] == "modal"]
        view = self.workspace.views[view_id] if view_id else mine[-1]
        typed = values or {}
        state: dict[str, dict[str, Any]] = {}
        for block in view["blocks"]:
            if block["type"] not in {"input", "actions"}:
                continue
            for element in [block["element"]] if "element" in block else block["elements"]:
                given = typed.get(block["block_id"], {}).get(element["action_id"])
                state.setdefault(block["block_id"], {})[element["action_id"]] = _field(element, given)
        payload = {**self._who("view_submission", user), "view": {**view, "state": {"values": state}}}
        answer = await self.deliver("interactive", {**payload, "response_urls": []})
        if answer is not None and answer.get("response_action") in {None, "clear"}:
            self.workspace.views.pop(view["id"], None)
        return answer

    def _who(self, kind: str, user: str) -> dict[str, Any]:
        person = {"id": user, "username": user.lower(), "name": user.lower(), "team_id": self.workspace.team}
        team = {"id": self.workspace.team, "domain": "agents"}
        enterprise = {"id": self.workspace.enterprise, "name": "Org"} if self.workspace.enterprise else None
        base = {"type": kind, "user": person, "team": team, "api_app_id": APP_ID, "token": "verification"}
        base |= {"trigger_id": self.workspace.trigger(user), "is_enterprise_install": False}
        return {**base, "enterprise": enterprise}

    def _response_url(self, channel: str, user: str, message_ts: str | None = None) -> str:
        name = self.workspace.number("response-")
        self.workspace.response_urls[name] = ResponseUrl(channel, user, message_ts, self.workspace.clock())
        return f"{self.base}/{self.workspace.team}/response/{name}"


def _buttons(message: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Everything that can be pressed; feedback buttons count as their positive one."""
    found = []
    for block in message.get("blocks", ()):
        for element in [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]:
            if element.get("type") == "feedback_buttons":
                found.append(
                    (
                        block,
                        {**element["positive_button"], "action_id": element["action_id"], "type": "feedback_buttons"},
                    )
                )
            elif "action_id" in element:
                found.append((block, element))
    return found


def _field(element: Mapping[str, Any], given: Any) -> dict[str, Any]:
    kind = element["type"]
    if kind == "checkboxes":
        ticked = [o for o in element["options"] if o["value"] in (given or ())]
        return {"type": kind, "selected_options": ticked if given is not None else element.get("initial_options", [])}
    if kind == "multi_users_select":
        return {"type": kind, "selected_users": list(element.get("initial_users", ()) if given is None else given)}
    if "select" in kind or kind == "radio_buttons":
        key = "selected_conversation" if kind == "conversations_select" else "selected_option"
        if key == "selected_conversation":
            return {"type": kind, key: given or element.get("initial_conversation")}
        chosen = next((o for o in element.get("options", ()) if o["value"] == given), element.get("initial_option"))
        return {"type": kind, key: chosen}
    return {"type": kind, "value": given if given is not None else element.get("initial_value")}
