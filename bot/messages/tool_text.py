"""Sentences about tools: what a call would do, what nobody knows, which are on. All `Mrkdwn`, safe to post."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.messages.mrkdwn import Mrkdwn, clip, escape, join, mrkdwn
from bot.messages.run_text import count, person, short, usd
from bot.messages.tool_views import GrantLine, OffersLine, OutcomeCardView, ToolCardView, ToolLine, ToolsView
from bot.messages.views import LookedUp
from patterns.core.tools import RUN_GRANT_CALLS, AskedCall

VALUE_MAX = 300
"""Characters of one argument on a card; Show everything has the rest."""
ARGUMENTS_MAX = 1_400
CALLS_SHOWN = 4
LOOKED_UP_SHOWN, RESULT_MAX = 5, 160
"""Calls of the step so far on a card, and characters of the result of each."""
EMPTY = "(nothing)"
TOOLS_SHOWN = 60
OFFERS_SHOWN = 5
CHOICES_MAX = 100
"""Choices that Slack takes in one menu."""
APPROVE_FOR_RUN = f"Approve for this request ({RUN_GRANT_CALLS} more calls at most)"
APPROVE_STANDING = "Stop asking here for 30 days (admins)"
SHOW_ALL = "Show everything"
STOP = "Stop the request"
_REACH = {
    "provider": "stays with the provider of the model",
    "service": "goes to `{server}`",
    "anywhere": "may go anywhere on the internet",
}


def bare(tool: str) -> str:
    """Return a tool's name without its server."""
    return tool.rpartition(".")[2] or tool


def called(calls: tuple[AskedCall, ...]) -> str:
    """Return the tools of some calls in a few words, plain text: `create_issue`, `3 calls`."""
    names = list(dict.fromkeys(bare(call.tool) for call in calls))
    return names[0] if len(calls) == 1 else f"{len(calls)} calls"


def approve_label(view: ToolCardView) -> str:
    """Return the label of the button that approves, plain text."""
    return f"Approve {called(view.calls)[:50]} once"


_ASKS = "✋ *{agent}* wants to {what} for {asker}'s request."
_ASKED = "*{agent}* asked to {what} for {asker}'s request."
_UNKNOWN = (
    "❓ *Nobody knows whether `{tool}` was done.* It was sent for {asker}'s request and no answer came. It is not"
    " repeated by itself: please look whether it was done."
)
_NO_ANSWER = "`{tool}` was sent for {asker}'s request, and no answer came."


def card(view: ToolCardView) -> Mrkdwn:
    """Return what the card asks: which agent wants to make which calls, for whom."""
    what = (
        mrkdwn("use `{tool}`", tool=short(view.calls[0].tool, 120))
        if len(view.calls) == 1
        else mrkdwn("make {calls}", calls=count(len(view.calls), "call"))
    )
    agent = short(view.calls[0].agent, 80)
    head = mrkdwn(_ASKED if view.decided else _ASKS, agent=agent, what=what, asker=_asker(view))
    shown = view.calls[:CALLS_SHOWN]
    parts = [head, *(_call(call, is_closed=bool(view.decided), is_named=len(shown) > 1) for call in shown)]
    left_out = len(view.calls) - CALLS_SHOWN
    if left_out > 0:
        parts.append(mrkdwn("… and {more}: see “{label}”.", more=count(left_out, "more call"), label=SHOW_ALL))
    notes = [short(note, 300) for note in dict.fromkeys(call.note for call in view.calls) if note]
    before = Mrkdwn() if view.decided else Mrkdwn(join("\n", looked_up(view.looked_up)))
    return join("\n\n", [*parts, before, *notes, short(view.decided, 600)])


def looked_up(calls: Sequence[LookedUp]) -> list[Mrkdwn]:
    """Return what an agent called before in the step, a line each with the beginning of its result, the latest last.

    A result is code, so that nothing in it looks like a word of ours: no bold, no emoji, no link.
    """
    if not calls:
        return []
    more = len(calls) - LOOKED_UP_SHOWN
    earlier = [mrkdwn("… {more} before that", more=count(more, "call"))] if more > 0 else []
    return [Mrkdwn("It called before:"), *earlier, *map(_looked_up, calls[-LOOKED_UP_SHOWN:])]


def _looked_up(call: LookedUp) -> Mrkdwn:
    tool, verb = short(call.tool, 120), Mrkdwn("failed" if call.failed else "said")
    if not call.result:
        return mrkdwn("• `{tool}`: private, not shown here", tool=tool)
    said = short(call.result.replace("`", "'"), RESULT_MAX)
    # An address takes the sign behind it along, where a page makes it a link.
    gap = Mrkdwn(" " if "://" in said.rpartition(" ")[2] else "")
    return mrkdwn("• `{tool}` {verb}: `{said}{gap}`", tool=tool, verb=verb, said=said or EMPTY, gap=gap)


def approvers_words(approve_by: str, *, asker: str, names: Sequence[str]) -> str:
    """Return who may decide, in a sentence with names; raw text."""
    match approve_by:
        case "other":
            return f"Somebody else than {asker} has to decide."
        case "owner":
            return "An owner of this channel's budget or an admin has to decide."
        case "named":
            who = " or ".join([", ".join(names[:-1]), names[-1]]) if names[1:] else "".join(names)
            return f"{who} has to decide."
        case _:
            return f"{asker} or an admin has to decide."


def _asker(view: ToolCardView | OutcomeCardView) -> Mrkdwn:
    return short(view.run.asker.name, 80)


def card_asks(view: ToolCardView | OutcomeCardView) -> Mrkdwn:
    """Return who may decide until when."""
    return join(" ", [short(view.who, 400), short(view.deadline, 200)])


def outcome(view: OutcomeCardView) -> Mrkdwn:
    """Return what is not known: a call was sent, and no answer came."""
    said = _NO_ANSWER if view.decided else _UNKNOWN
    head = mrkdwn(said, tool=short(bare(view.call.tool), 120), asker=_asker(view))
    return join("\n\n", [head, _call(view.call, is_closed=bool(view.decided)), short(view.decided, 600)])


def _call(call: AskedCall, *, is_closed: bool, is_named: bool = False) -> Mrkdwn:
    """Return one call: the tool where several are shown, where it goes, what it costs, its arguments."""
    place = where(call)
    tool = mrkdwn("`{tool}`: ", tool=short(call.tool, 120)) if is_named else Mrkdwn()
    reach = place if is_named else Mrkdwn(place[:1].upper() + place[1:])
    terms = mrkdwn("{tool}{reach}. The call costs {price}.", tool=tool, reach=reach, price=cost(call))
    lines = arguments(call, limit=100 if is_closed else VALUE_MAX)
    return join("\n", [terms, Mrkdwn(clip(lines, ARGUMENTS_MAX))])


def where(call: AskedCall) -> Mrkdwn:
    """Return where the arguments of a call can end up."""
    return mrkdwn(_REACH[call.reach], server=short(call.tool.rpartition(".")[0] or call.tool, 120))


def cost(call: AskedCall) -> Mrkdwn:
    """Return what a call costs."""
    return usd(call.price_nusd) if call.price_nusd else Mrkdwn("nothing")


def arguments(call: AskedCall, *, limit: int) -> Mrkdwn:
    """Return the arguments of a call as a person reads them: a line for each, long ones cut at `limit`."""
    values = _read(call.arguments)
    if not isinstance(values, Mapping):
        return _line("arguments", call.arguments, limit)
    if not values:
        return Mrkdwn("_(no arguments)_")
    return join("\n", [_line(str(name), _plain(value), limit) for name, value in values.items()])


def is_folded(calls: tuple[AskedCall, ...]) -> bool:
    """Return whether a card shows less than everything that would be sent."""
    shown = all(arguments(call, limit=VALUE_MAX) == arguments(call, limit=len(call.arguments) + 9) for call in calls)
    return not shown or len(calls) > CALLS_SHOWN or any(len(call.arguments) > ARGUMENTS_MAX for call in calls)


def _line(name: str, value: str, limit: int) -> Mrkdwn:
    whole = escape(value.strip())
    cut = Mrkdwn(clip(whole, limit))
    text = Mrkdwn(cut.replace("\n", "\n> "))
    return mrkdwn("> *{name}*: {value}", name=short(name, 80), value=text)


def _plain(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text)
    except ValueError:
        return text


# ---------------------------------------------------------------- which tools are on


def tools(view: ToolsView) -> Mrkdwn:
    """Return the tools of a conversation, one per line, with what each may do."""
    if not view.tools:
        return Mrkdwn("This deployment has no tools but dates and arithmetic: its roster names none.")
    lines = [_tool(line) for line in view.tools[:TOOLS_SHOWN]]
    if len(view.tools) > TOOLS_SHOWN:
        lines.append(mrkdwn("… and {more}", more=count(len(view.tools) - TOOLS_SHOWN, "more tool")))
    return join("\n", [_head(view), *lines, *(offers(line) for line in view.offers)])


def offers(line: OffersLine) -> Mrkdwn:
    """Return what a server has besides tools: what can be attached to a request, and what is never run."""
    named = {"server": short(line.server, 60), "example": short((*line.resources, "")[0], 120)}
    attach = mrkdwn(
        "_{server}_ also has {resources}: {some}. Attach one by its address, like `summarise it with {example}`",
        resources=count(len(line.resources), "resource"),
        some=_some(line.resources),
        **named,
    )
    prompts = mrkdwn("_{server}_ has prompts, which are never run: {some}", some=_some(line.prompts), **named)
    return join("\n", [*([attach] if line.resources else []), *([prompts] if line.prompts else [])])


def _some(names: Sequence[str]) -> Mrkdwn:
    shown = join(", ", [mrkdwn("`{name}`", name=short(name, 120)) for name in names[:OFFERS_SHOWN]])
    more = len(names) - OFFERS_SHOWN
    return mrkdwn("{shown} and {more} more", shown=shown, more=str(more)) if more > 0 else shown


def _head(view: ToolsView) -> Mrkdwn:
    name = short(view.name, 80)
    if view.is_dm:
        return Mrkdwn("*Tools in our direct messages*: those that the roster opens to them.")
    if view.outsiders and not view.outsiders_allowed and any(line.is_allowed for line in view.tools):
        return mrkdwn(
            "*Tools in {name}*: all off, because guests or people of other organisations read here, or Slack did not"
            " say that none do. An admin can allow that too.",
            name=name,
        )
    if not any(line.is_on for line in view.tools):
        who = mrkdwn("{owner} or another admin", owner=person(view.owner)) if view.owner else Mrkdwn("An admin")
        switch = Mrkdwn("Switch them on below.") if view.may_change else mrkdwn("{who} can switch them on.", who=who)
        return mrkdwn("*Tools in {name}*: none is on. {switch}", name=name, switch=switch)
    return mrkdwn("*Tools in {name}*, for {whom}:", name=name, whom=short(view.for_whom, 200))


def _tool(line: ToolLine) -> Mrkdwn:
    does = "only reads" if line.reads_only else "acts"
    asks = "asks first" if line.asks else "does not ask"
    off = Mrkdwn("" if line.is_on else " (off)")
    terms = [mrkdwn("`{name}`{off}", name=short(line.name, 120), off=off), Mrkdwn(does), Mrkdwn(asks)]
    price = [mrkdwn("{price} a call", price=usd(line.price_nusd))] if line.price_nusd else []
    whom = [mrkdwn("for {whom}", whom=short(line.whom, 120))] if line.whom else []
    return mrkdwn("{mark} {terms}", mark="✅" if line.is_on else "▫️", terms=join(" · ", [*terms, *price, *whom]))


def audience_choices(view: ToolsView) -> tuple[tuple[str, str], ...]:
    """Return the tools for which an admin can say whose requests have them, as label and value."""
    on = [line.name for line in view.tools if line.is_allowed]
    return tuple((name, f"{view.channel}:{name}") for name in on[:CHOICES_MAX])


def grant(line: GrantLine) -> Mrkdwn:
    """Return a standing approval in a line."""
    return mrkdwn(
        "`{tool}` does not ask here until {until}; {name} said so.",
        tool=short(line.tool, 120),
        until=short(line.until, 40),
        name=short(line.given_by, 80),
    )
