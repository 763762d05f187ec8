"""The form in which admins say for whom one tool is on in a channel, if for others than the rest; and its parsing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.messages.mrkdwn import clip
from bot.messages.request_form import plain
from bot.people.channel_rules import Audience, ChannelRules
from bot.people.tools_form import AS_HERE, FOR_WHOM, PEOPLE, WHO, audience_words

TOOL_AUDIENCE_FORM = "tool_audience_form"
"""callback_id of the form."""
_CHANNEL = "channel"
"""The choice of those who have the other tools of the channel."""
_OPTION_CHARS = 75
_KEPT_PEOPLE_MAX = 100


@dataclass(frozen=True, slots=True)
class ToolAudienceForm:
    """A submitted form: the new rules and their channel."""

    channel: str
    rules: ChannelRules


def tool_audience_form(rules: ChannelRules, tool: str, *, channel: str) -> dict[str, Any]:
    """Build the form of one tool, filled with the rules in force."""
    own = rules.tools_whom.get(tool)
    words = {_CHANNEL: f"{AS_HERE}: {audience_words(rules.audience)}", **FOR_WHOM}
    options = [_option(text[:1].upper() + text[1:], value) for value, text in words.items()]
    chosen = next(one for one in options if one["value"] == (own.who if own else _CHANNEL))
    select = {"type": "static_select", "action_id": WHO, "options": options, "initial_option": chosen}
    people = {"type": "multi_users_select", "action_id": PEOPLE, "initial_users": sorted(own.people) if own else []}
    kept = {"channel": channel, "tool": tool, "who": chosen["value"], "people": sorted(own.people) if own else []}
    if len(kept["people"]) > _KEPT_PEOPLE_MAX:
        kept["people"] = None  # Slack keeps 3,000 characters with a form
    return {
        "type": "modal",
        "callback_id": TOOL_AUDIENCE_FORM,
        "private_metadata": json.dumps(kept),
        "title": plain("Who has this tool"),
        "submit": plain("Save"),
        "close": plain("Cancel"),
        "blocks": [
            {"type": "header", "text": plain(clip(tool, 150))},
            _input(WHO, "In requests of", select),
            _input(PEOPLE, "People", people),
        ],
    }


def read_tool_audience_form(view: Mapping[str, Any], before: ChannelRules) -> ToolAudienceForm | dict[str, str]:
    """Return the rules before with the audience that was chosen for the tool, or Slack's field errors.

    A tool that was switched off meanwhile stays off. An untouched field may come as null.
    """
    kept, fields = json.loads(view["private_metadata"]), view["state"]["values"]
    channel, tool = str(kept["channel"]), str(kept["tool"])
    who = (_of(fields, WHO).get("selected_option") or {}).get("value") or kept["who"]
    people = _of(fields, PEOPLE).get("selected_users")
    named = frozenset(kept["people"] or before.audience_of(tool).people if people is None else people)
    if who == "named" and not named:
        return {PEOPLE: "Name the people who have it here, or choose another answer above."}
    if tool not in before.tools_on:
        return ToolAudienceForm(channel, before)
    others = {name: audience for name, audience in before.tools_whom.items() if name != tool}
    if who == _CHANNEL:
        return ToolAudienceForm(channel, replace(before, tools=before.tools | {tool}, tools_whom=others))
    whom = {**others, tool: Audience(who, named if who == "named" else frozenset())}
    return ToolAudienceForm(channel, replace(before, tools=before.tools - {tool}, tools_whom=whom))


def _of(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return fields.get(name, {}).get(name) or {}


def _option(text: str, value: str) -> dict[str, Any]:
    return {"text": plain(clip(text, _OPTION_CHARS)), "value": value}


def _input(name: str, label: str, element: dict[str, Any]) -> dict[str, Any]:
    return {"type": "input", "block_id": name, "optional": name == PEOPLE, "label": plain(label), "element": element}
