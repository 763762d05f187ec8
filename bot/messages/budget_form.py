"""The budget form: every limit of a channel with its current value, parsed back into the commands that change it.

A field left as it is, or emptied, changes nothing, because Slack sends both alike; words like `default` and `none`
remove a value.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.commands import budget as said
from bot.commands.budget import BudgetCommand, EditBudget
from bot.commands.budget_values import read_amount, read_models, read_percents
from bot.messages.budget_views import BUDGET_FORM
from bot.messages.mrkdwn import clip, literal
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from patterns.core.money import NUSD_PER_USD
from storage.ledger.periods import checked_zone
from storage.ledger.reports import PayerSettings

LIMIT, GRANT, CAP, ALERTS, ZONE = "limit", "grant", "user_cap", "alerts", "zone"
STATE, MODELS, DIGEST, RELEASE, REASON = "state", "models", "digest", "release", "reason"
OPEN, FROZEN, ON, OFF = "open", "frozen", "on", "off"
AS_IT_IS = EditBudget()
CALLS_SHOWN = 50
_TICKS_MAX = 10
"""Most checkboxes that Slack takes in one group."""
_VALUE_CHARS = 150
_LABEL_CHARS = 75
_WORDS_BACK = frozenset({"default", "none", "off"})


@dataclass(frozen=True, slots=True)
class BudgetForm:
    """A submitted form: its changes, and the account it was opened for (`payer.user` is empty)."""

    commands: tuple[BudgetCommand, ...]
    payer: Payer
    response_url: str | None


@dataclass(frozen=True, slots=True)
class DoubtfulCall:
    """An uncertain call in the form: when, by whom, what it costs, and what was asked."""

    call_id: str
    label: str
    asked: str = ""


def budget_form(
    payer: Payer,
    settings: PayerSettings,
    *,
    name: str,
    uncertain: Sequence[DoubtfulCall],
    response_url: str | None,
    asked: EditBudget = AS_IT_IS,
) -> dict[str, Any]:
    """Build the form, filled with the values in force, and with the one that was `asked` for."""
    now = _current(settings)
    shown = {GRANT: "", **now} | ({asked.field: asked.value} if asked.field else {})
    blocks = [
        _text(LIMIT, "Monthly limit, in dollars", shown[LIMIT], hint="Write default to return to the workspace's."),
        _text(GRANT, "Grant for this month only, in dollars", shown[GRANT], hint="On top of the limit, this month."),
    ]
    if payer.channel_kind == "channel":
        blocks.append(_text(CAP, "Most that one person may spend in a month", shown[CAP], hint="none: no such cap."))
    blocks += [
        _text(ALERTS, "Tell people at these shares, in per cent", shown[ALERTS]),
        _text(ZONE, "Time zone in which the month turns", now[ZONE], hint="Counts from the next month on."),
        _choice(STATE, "New calls", {OPEN: "Open", FROZEN: "Frozen: nothing new starts"}, now[STATE]),
    ]
    if payer.channel_kind == "channel":
        blocks += [
            _text(MODELS, "Providers and models text may go to", now[MODELS], hint="any: all of the roster."),
            _choice(DIGEST, "Summary every Monday", {OFF: "Off", ON: "On"}, now[DIGEST]),
        ]
    blocks += _boxes(uncertain)
    blocks.append(_text(REASON, "Reason, for the audit log", ""))
    kept: dict[str, Any] = {"payer": [payer.workspace, payer.channel, payer.channel_kind], "now": now}
    kept |= {"response_url": response_url, "asked": {asked.field: asked.value} if asked.field else {}}
    return {
        "type": "modal",
        "callback_id": BUDGET_FORM,
        "private_metadata": json.dumps(kept),
        "title": _plain("Budget"),
        "submit": _plain("Save"),
        "close": _plain("Cancel"),
        "blocks": [{"type": "section", "text": _plain(f"Budget of {name}")}, *blocks],
    }


def read_budget_form(view: Mapping[str, Any]) -> BudgetForm | dict[str, str]:
    """Return the form's changes, or Slack's field errors by block."""
    kept = json.loads(view["private_metadata"])
    fields = view["state"]["values"]
    now: dict[str, str] = kept["now"]
    written = {name: _value(fields, name) for name in (*now, GRANT, REASON)}
    if not any(written[name] for name in now if name in fields):
        # Nobody empties every field: a client that sends none of those it did not touch, such as the demo's.
        written |= {name: value for name, value in kept["asked"].items() if not written[name]}
    reason = written[REASON][:500]
    readers: dict[str, Callable[[str], BudgetCommand]] = {
        LIMIT: lambda text: said.SetAmount("limit", _amount(text), reason),
        GRANT: lambda text: _grant(text, reason),
        CAP: lambda text: said.SetAmount("user-cap", _amount(text), reason),
        ALERTS: lambda text: said.SetAlerts(read_percents(text)),
        ZONE: lambda text: said.SetZone(checked_zone(text)),
        STATE: lambda text: said.Flip("freeze" if text == FROZEN else "unfreeze", reason),
        MODELS: lambda text: said.SetModels(read_models(text)),
        DIGEST: lambda text: said.SetDigest(text == ON),
    }
    commands, errors = [], {}
    for name, reader in readers.items():
        text = written.get(name, "")
        if text and text != now.get(name):
            try:
                commands.append(reader(text))
            except UserError as error:
                errors[name] = str(error)
    if ticked := _ticked(fields):
        commands.append(said.ReleaseCalls(ticked, reason))
        if not reason:
            errors[REASON] = "Say why those calls cost nothing: it stands in the audit log."
    if errors:
        return errors
    if not commands:
        return {LIMIT: "Nothing was changed. Change a value, or press Cancel."}
    workspace, channel, kind = kept["payer"]
    return BudgetForm(tuple(commands), Payer(workspace, channel, kind, ""), kept["response_url"])


def _current(settings: PayerSettings) -> dict[str, str]:
    cap = settings.user_cap_nusd
    return {
        LIMIT: _dollars(settings.limit_nusd),
        CAP: "none" if cap is None else _dollars(cap),
        ALERTS: " ".join(map(str, settings.alerts_pct)),
        ZONE: settings.next_zone or settings.zone,
        STATE: FROZEN if settings.frozen else OPEN,
        MODELS: " ".join(settings.settings.get("models", ())) or "any",
        DIGEST: ON if settings.settings.get("digest") else OFF,
    }


def _dollars(nusd: int) -> str:
    """Return a limit as it is typed: two decimals, more where a roster has them."""
    whole, part = divmod(nusd, NUSD_PER_USD)
    return f"{whole}.{f'{part:09d}'.rstrip('0').ljust(2, '0')}"


def _amount(text: str) -> int | None:
    return None if text.casefold() in _WORDS_BACK else read_amount(text)


def _grant(text: str, reason: str) -> BudgetCommand:
    nusd = read_amount(text)
    if not nusd:
        raise UserError("A grant of nothing changes nothing. Write how many dollars, like 10.")
    return said.Grant(nusd, reason)


def _boxes(calls: Sequence[DoubtfulCall]) -> list[dict[str, Any]]:
    """Return the uncertain calls to tick, in groups as Slack takes them."""
    shown = [call for call in calls if len(call.call_id) <= _VALUE_CHARS][:CALLS_SHOWN]
    groups = [shown[at : at + _TICKS_MAX] for at in range(0, len(shown), _TICKS_MAX)]
    label = "Uncertain calls that were never billed"
    return [
        _input(
            f"{RELEASE}{at}",
            label if not at else f"{label}, more",
            {"type": "checkboxes", "action_id": f"{RELEASE}{at}", "options": [_box(call) for call in group]},
        )
        for at, group in enumerate(groups)
    ]


def _box(call: DoubtfulCall) -> dict[str, Any]:
    box: dict[str, Any] = {"text": _plain(clip(call.label, _LABEL_CHARS)), "value": call.call_id}
    return box | ({"description": _plain(clip(call.asked, _LABEL_CHARS))} if call.asked else {})


def _ticked(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the ticked calls."""
    found = [fields[name].get(name) or {} for name in sorted(fields) if name.startswith(RELEASE)]
    return tuple(str(option["value"]) for group in found for option in group.get("selected_options") or ())


def _value(fields: Mapping[str, Any], name: str) -> str:
    """Return a field's text; an untouched field may come as null, or not at all."""
    found: Mapping[str, Any] = fields.get(name, {}).get(name) or {}
    chosen = found.get("selected_option") or {}
    return str(chosen.get("value") or found.get("value") or "").strip()


def _text(name: str, label: str, value: str, hint: str = "") -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": name, "max_length": 500}
    return _input(name, label, element | ({"initial_value": value[:500]} if value else {}), hint)


def _choice(name: str, label: str, options: Mapping[str, str], value: str) -> dict[str, Any]:
    listed = {key: {"text": _plain(text[:75]), "value": key} for key, text in options.items()}
    initial = {"initial_option": listed[value]} if value in listed else {}
    return _input(name, label, {"type": "static_select", "action_id": name, "options": [*listed.values()]} | initial)


def _input(name: str, label: str, element: dict[str, Any], hint: str = "") -> dict[str, Any]:
    more = {"hint": _plain(hint)} if hint else {}
    block = {"type": "input", "block_id": name, "optional": True, "label": _plain(label), "element": element}
    return block | more


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": literal(text), "emoji": False}
