"""The form in which admins say which tools agents have in one channel, for whom, and before whom; and its parsing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.messages.mrkdwn import clip, literal
from bot.people.channel_rules import Audience, ChannelRules
from patterns.roster.tool_schema import ToolSpec

TOOLS_FORM = "tools_form"
"""callback_id of the form."""
AS_HERE = "as the other tools here"
TOOLS, WHO, PEOPLE, OUTSIDE = "tools", "who", "people", "outside"
_OPTION_CHARS = 75
GROUP = 10
"""Boxes that Slack draws in one field."""
TOOLS_MAX = 90
"""Tools that the form offers: a form has a hundred fields, and nobody reads more."""
_ALLOWED = "allowed"
FOR_WHOM = {
    "everyone": "everybody who may ask here",
    "members": "members of this workspace",
    "admins": "admins and owners of the budget",
    "named": "them and the people named below",
}


@dataclass(frozen=True, slots=True)
class ToolsForm:
    """A submitted form: the new rules and their channel."""

    channel: str
    rules: ChannelRules


def tools_form(rules: ChannelRules, specs: Sequence[ToolSpec], *, channel: str) -> dict[str, Any]:
    """Build the form, filled with the rules in force; it offers `TOOLS_MAX` tools."""
    offered = specs[:TOOLS_MAX]
    whom = [_option(words[:1].upper() + words[1:], value) for value, words in FOR_WHOM.items()]
    now = next(option for option in whom if option["value"] == rules.tools_for)
    people = {"type": "multi_users_select", "action_id": PEOPLE, "initial_users": sorted(rules.tools_people)}
    outside = _option("Also where guests and people of other organisations read", _ALLOWED)
    blocks = [
        *(_group(at, offered[at : at + GROUP], rules) for at in range(0, len(offered), GROUP)),
        _input(
            WHO, "In requests of", {"type": "static_select", "action_id": WHO, "options": whom, "initial_option": now}
        ),
        _input(PEOPLE, "People", people),
        _input(OUTSIDE, "Before others", _boxes(OUTSIDE, [outside], [outside] if rules.tools_outside else [])),
    ]
    kept = {
        "channel": channel,
        "tools": sorted(rules.tools_on & {spec.name for spec in offered}),
        "who": rules.tools_for,
        "people": sorted(rules.tools_people),
        "outside": rules.tools_outside,
    }
    return {
        "type": "modal",
        "callback_id": TOOLS_FORM,
        "private_metadata": json.dumps(_within(kept)),
        "title": _plain("Tools in this channel"),
        "submit": _plain("Save"),
        "close": _plain("Cancel"),
        "blocks": blocks,
    }


def read_tools_form(view: Mapping[str, Any], before: ChannelRules) -> ToolsForm | dict[str, str]:
    """Return the rules before with what the person changed of those shown, or Slack's field errors.

    What another admin changed since the form opened stays so. An untouched field may come as null.
    """
    kept, fields = json.loads(view["private_metadata"]), view["state"]["values"]
    shown = before.tools_on if kept["tools"] is None else frozenset(kept["tools"])
    tools = _chosen_tools(view, fields, shown)
    was_named = before.tools_people if kept["people"] is None else frozenset(kept["people"])
    people = _of(fields, PEOPLE).get("selected_users")
    named = was_named if people is None else frozenset(people)
    who = (_of(fields, WHO).get("selected_option") or {}).get("value") or kept["who"]
    boxes = _of(fields, OUTSIDE).get("selected_options")
    outside = kept["outside"] if boxes is None else bool(boxes)
    if who == "named" and not named:
        return {PEOPLE: "Name the people who have them here, or choose another answer above."}
    off, on = shown - tools, tools - shown
    rules = replace(
        before,
        tools=(before.tools - off) | (on - before.tools_whom.keys()),
        tools_whom={tool: audience for tool, audience in before.tools_whom.items() if tool not in off},
        tools_people=(before.tools_people - (was_named - named)) | (named - was_named),
        tools_for=before.tools_for if who == kept["who"] else who,
        tools_outside=before.tools_outside if outside == kept["outside"] else outside,
    )
    return ToolsForm(str(kept["channel"]), rules)


def tools_changes(before: ChannelRules, after: ChannelRules) -> str:
    """Return what changed, in words; empty when nothing did."""
    on, off = sorted(after.tools_on - before.tools_on), sorted(before.tools_on - after.tools_on)
    said = [f"switched on {_listed(on)}"] if on else []
    said += [f"switched off {_listed(off)}"] if off else []
    if for_whom(before) != for_whom(after):
        said.append(f"changed whose requests have tools from “{for_whom(before)}” to “{for_whom(after)}”")
    for tool in sorted(after.tools_on & before.tools_on):
        if before.tools_whom.get(tool) != after.tools_whom.get(tool):
            was, now = for_whom(before, tool), for_whom(after, tool)
            said.append(f"changed whose requests have {tool} from “{was}” to “{now}”")
    if before.tools_outside != after.tools_outside:
        how = "also" if after.tools_outside else "no longer"
        said.append(f"decided that tools are {how} on where guests and people of other organisations read")
    return "; ".join(said)


def for_whom(rules: ChannelRules, tool: str = "") -> str:
    """Return whose requests have the tools of a channel, or one of them, in words."""
    if tool and tool not in rules.tools_whom:
        return f"{AS_HERE}: {audience_words(rules.audience)}"
    return audience_words(rules.audience_of(tool))


def audience_words(audience: Audience) -> str:
    """Return an audience in words."""
    if audience.who != "named":
        return FOR_WHOM[audience.who]
    number = len(audience.people)
    return f"admins, owners of the budget and {'1 other person' if number == 1 else f'{number} other people'}"


def _within(kept: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept with the form, without its long lists where Slack would not keep so much."""
    return kept if len(json.dumps(kept)) <= 2_800 else {**kept, "tools": None, "people": None}  # noqa: PLR2004


def _label(spec: ToolSpec) -> str:
    return f"{spec.name} ({'reads' if spec.read_only else 'acts'}{', asks first' if spec.asks else ''})"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _chosen_tools(view: Mapping[str, Any], fields: Mapping[str, Any], shown: frozenset[str]) -> frozenset[str]:
    """Return the tools that are ticked, group by group."""
    chosen: set[str] = set()
    for block in view["blocks"]:
        name = str(block.get("block_id", ""))
        if not name.startswith(TOOLS):
            continue
        ticked = _of(fields, name).get("selected_options")
        offered = {str(option["value"]) for option in block["element"]["options"]}
        chosen |= shown & offered if ticked is None else {str(option["value"]) for option in ticked} & offered
    return frozenset(chosen)


def _of(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what was filled into a field; empty where it was left alone."""
    return fields.get(name, {}).get(name) or {}


def _group(at: int, specs: Sequence[ToolSpec], rules: ChannelRules) -> dict[str, Any]:
    """Return the boxes of some tools: Slack draws ten in a field."""
    options = [_option(_label(spec), spec.name) for spec in specs]
    on = [option for option in options if option["value"] in rules.tools_on]
    label = "Tools that agents have here" if at == 0 else "More tools"
    return _input(f"{TOOLS}{at}", label, _boxes(f"{TOOLS}{at}", options, on))


def _boxes(name: str, options: list[dict[str, Any]], ticked: list[dict[str, Any]]) -> dict[str, Any]:
    given = {"initial_options": ticked} if ticked else {}
    return {"type": "checkboxes", "action_id": name, "options": options, **given}


def _input(name: str, label: str, element: dict[str, Any]) -> dict[str, Any]:
    return {"type": "input", "block_id": name, "optional": True, "label": _plain(label), "element": element}


def _option(text: str, value: str) -> dict[str, Any]:
    return {"text": _plain(clip(text, _OPTION_CHARS)), "value": value}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": literal(text), "emoji": False}
