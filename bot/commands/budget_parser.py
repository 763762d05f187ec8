"""Parse the text after `budget` into typed values: pure, and strict wherever a number could be misread.

A verb is a command only when the rest looks like its values; `budget set up a meeting` stays a request. What looks like
a value and is not raises a UserError that says how to write it.
"""

import re
from collections.abc import Callable

from bot.commands.budget import (
    AmountName,
    BudgetCommand,
    EditBudget,
    Flip,
    Grant,
    LiftModel,
    ReleaseCalls,
    SetAlerts,
    SetAmount,
    SetDigest,
    SetModels,
    SetOwner,
    SetZone,
    ShowAll,
    ShowAudit,
    ShowBudget,
    ShowReport,
    Switch,
)
from bot.commands.budget_values import read_amount, read_models, read_month, read_percents
from patterns.core.errors import UserError
from patterns.core.money import MAX_NUSD
from storage.ledger.periods import checked_zone

_QUOTED = re.compile(r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')\s*""")
_CALL_ID = re.compile(r"r[0-9a-f]{12}/\S+")
_PERSON = re.compile(r"(?:@\S+ \()?<?@?(?P<id>[UW][A-Z0-9]{2,})>?\)?")
_AMOUNTS: dict[str, AmountName] = {
    "set": "limit",
    "user-cap": "user-cap",
    "default": "channel-default",
    "dm-default": "dm-default",
    "workspace": "workspace-limit",
}
_BACK = frozenset({"default", "off", "none"})


def parse_budget(text: str) -> BudgetCommand | None:
    """Return the command in the text after `budget`, already unescaped; None when it is a request.

    Raises:
        UserError: it is a command with a value that cannot be used.
    """
    verb, rest = [*text.split(maxsplit=1), "", ""][:2]
    verb, rest = verb.casefold().rstrip("?!."), rest.strip()
    reader = _READERS.get(verb)
    command = _amount(_AMOUNTS[verb], verb, rest) if verb in _AMOUNTS else reader(rest) if reader else None
    if command is None and verb in _LIKE and len(rest.split()) <= _ATTEMPT_WORDS:
        said = f"budget {verb} {rest[:40]}".rstrip()
        raise UserError(
            f"I cannot read `{said}`. Write it like `budget {_LIKE[verb]}`;"
            " or write `ask` first to send it as a request."
        )
    return command


def _amount(name: AmountName, verb: str, rest: str) -> BudgetCommand | None:
    said, reason = _split_reason(rest)
    if said.casefold() in _BACK:
        return SetAmount(name, None, reason)
    if not _looks_like_amount(said):
        return None
    _only_one(said, f"budget {verb} 50", f'budget {verb} 50 "why"')
    return SetAmount(name, read_amount(said), reason)


def _grant(rest: str) -> BudgetCommand | None:
    said, reason = _split_reason(rest)
    if not _looks_like_amount(said):
        return None
    _only_one(said, "budget grant 10", 'budget grant 10 "launch week"')
    nusd = read_amount(said)
    if not 0 < nusd <= MAX_NUSD:
        raise UserError("A grant of nothing changes nothing. Write how many dollars, like 10.")
    return Grant(nusd, reason)


def _alerts(rest: str) -> BudgetCommand | None:
    return SetAlerts(read_percents(rest)) if rest[:1].isdigit() or rest.startswith("-") else None


def _zone(rest: str) -> BudgetCommand | None:
    said = rest.strip("\"'")
    return SetZone(checked_zone(said)) if said and " " not in said else None


def _flip(switch: Switch) -> Callable[[str], BudgetCommand | None]:
    def read(rest: str) -> BudgetCommand | None:
        said, reason = _split_reason(rest)
        return None if said else Flip(switch, reason)

    return read


def _release(rest: str) -> BudgetCommand | None:
    said, reason = _split_reason(rest)
    if not said:
        return EditBudget()  # its form has the list of them
    if not _CALL_ID.fullmatch(said.strip("`")):
        return None
    if not reason:
        raise UserError('Say why it costs nothing, in quotes: budget release CALL "the provider lists no such call".')
    return ReleaseCalls((said.strip("`"),), reason)


def _lift(rest: str) -> BudgetCommand | None:
    model, _, percent = rest.partition(" ")
    said = percent.strip().rstrip("%")
    if not said or not said.isascii() or not said.isdigit():
        return None
    return LiftModel(model, int(said))


def _report(rest: str) -> BudgetCommand | None:
    period, csv = "", False
    for word in rest.split():
        if word.casefold() == "csv":
            csv = True
        elif word[0].isdigit() and not period:
            period = read_month(word)
        else:
            return None
    return ShowReport(period, csv)


def _owner(rest: str) -> BudgetCommand | None:
    said = re.sub(r"^(?:add|remove)\s+", "", rest)
    match = _PERSON.fullmatch(said)
    return SetOwner(match["id"], owns=not rest.startswith("remove")) if match else None


def _models(rest: str) -> BudgetCommand | None:
    # Plain words may be a request ("models for the forecast"); model names contain a sign, or stand alone.
    parts = rest.replace(",", " ").split()
    is_list = len(parts) == 1 or ("," in rest) or any("/" in part for part in parts)
    return SetModels(read_models(rest)) if parts and is_list else None


def _digest(rest: str) -> BudgetCommand | None:
    return SetDigest(rest.casefold() == "on") if rest.casefold() in {"on", "off"} else None


def _alone(command: BudgetCommand) -> Callable[[str], BudgetCommand | None]:
    return lambda rest: None if rest else command


_READERS: dict[str, Callable[[str], BudgetCommand | None]] = {
    "": _alone(ShowBudget()),
    "report": _report,
    "grant": _grant,
    "alerts": _alerts,
    "zone": _zone,
    "freeze": _flip("freeze"),
    "unfreeze": _flip("unfreeze"),
    "pause": _flip("pause"),
    "resume": _flip("resume"),
    "release": _release,
    "lift": _lift,
    "audit": _alone(ShowAudit()),
    "all": _alone(ShowAll()),
    "edit": _alone(EditBudget()),
    "digest": _digest,
    "owner": _owner,
    "models": _models,
}


_LIKE = {
    "set": "set 50",
    "grant": 'grant 10 "launch week"',
    "user-cap": "user-cap 5",
    "default": "default 25",
    "dm-default": "dm-default 5",
    "workspace": "workspace 100",
    "alerts": "alerts 50 80 95 100",
    "zone": "zone Europe/Paris",
    "freeze": 'freeze "why"',
    "unfreeze": "unfreeze",
    "release": 'release CALL "why"',
    "lift": "lift MODEL 150",
    "report": "report 2026-10",
    "owner": "owner @dana",
    "models": "models openai",
    "digest": "digest on",
}
_ATTEMPT_WORDS = 2
"""After a verb so few words are an attempt at the command; more may be a request, like `budget set up a meeting`."""


def _split_reason(rest: str) -> tuple[str, str]:
    """Split off a quoted reason at the end; return the text before it and the reason."""
    for match in _QUOTED.finditer(rest):
        if match.end() == len(rest):
            return rest[: match.start()].strip(), (match["double"] or match["single"] or "").strip()[:500]
    return rest.strip(), ""


def _looks_like_amount(said: str) -> bool:
    return bool(re.match(r"[-$€£¥₹]?\s*[.\d]", said))


def _only_one(said: str, plain: str, with_reason: str) -> None:
    if " " in re.sub(r"\s*(?:usd|dollars?|eur|euros?|gbp|pounds?|chf|jpy|inr)$", "", said, flags=re.IGNORECASE):
        raise UserError(f"Write one amount, like `{plain}`, and a reason in quotes, like `{with_reason}`.")
