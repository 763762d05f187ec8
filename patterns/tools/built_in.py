"""Tools that every deployment has: dates and arithmetic. They read nothing, change nothing and evaluate no code."""

import ast
import calendar
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, DecimalException, localcontext
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.ports import Clock
from patterns.core.tools import ToolOutput, ToolSchema

EXPRESSION_CHARS = 300
POWER_MAX = 1000
DIGITS = 50
"""Precision of arithmetic; amounts and dates need far less."""
YEARS_MAX = 1000
_ZONE = {"type": "string", "maxLength": 64, "description": "A time zone such as Europe/Berlin; UTC where left out."}
_DATE = {"type": "string", "maxLength": 40, "description": "A date such as 2026-11-29, or a moment in ISO 8601."}


def _schema(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


_AMOUNTS = {
    name: {"type": "integer", "minimum": -10_000_000, "maximum": 10_000_000}
    for name in ("years", "months", "weeks", "days", "hours", "minutes")
}
SCHEMAS = {
    "clock.now": ToolSchema("clock.now", "Tell the date, the time and the weekday.", _schema({"zone": _ZONE})),
    "clock.shift": ToolSchema(
        "clock.shift",
        "Add a span to a date, or subtract one with negative numbers; months end on their last day where they must.",
        _schema({"start": _DATE, **_AMOUNTS}, "start"),
    ),
    "clock.between": ToolSchema(
        "clock.between",
        "Count the days between two dates, with the working days from Monday to Friday; the last day is not counted.",
        _schema({"start": _DATE, "end": _DATE}, "start", "end"),
    ),
    "arithmetic.calculate": ToolSchema(
        "arithmetic.calculate",
        "Calculate exactly with + - * / // % ** and brackets, round(x, digits), abs, min, max, sum.",
        _schema({"expression": {"type": "string", "maxLength": EXPRESSION_CHARS}}, "expression"),
    ),
}


@dataclass(frozen=True)
class BuiltInTools:
    """The `ToolBox` of the program itself."""

    clock: Clock

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        """Return the tools of these names."""
        return tuple(SCHEMAS[name] for name in names)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        key: str,  # noqa: ARG002 - the port
        timeout_s: float,  # noqa: ARG002 - the port
        asker: str = "",  # noqa: ARG002 - the port
        answers: FormAnswers = NOBODY_TO_ASK,  # noqa: ARG002 - the port
    ) -> ToolOutput:
        """Return the result; what cannot be worked out is an error with the reason."""
        work: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "clock.now": self._now,
            "clock.shift": _shift,
            "clock.between": _between,
            "arithmetic.calculate": lambda given: calculate(str(given["expression"])),
        }
        try:
            text = work[tool](arguments)
        except (ValueError, OverflowError, DecimalException, ZoneInfoNotFoundError, RecursionError) as error:
            return ToolOutput(f"That cannot be worked out: {error}", is_error=True)
        return ToolOutput(text, bytes_read=len(text.encode()))

    def _now(self, given: Mapping[str, Any]) -> str:
        zone = str(given.get("zone") or "UTC")
        if "." in zone or zone.startswith("/"):
            raise ValueError(f"{zone!r} is no time zone")
        now = datetime.fromtimestamp(self.clock.now_us() / 1_000_000, tz=UTC).astimezone(ZoneInfo(zone))
        week = now.isocalendar().week
        return f"{now.isoformat(timespec='seconds')}, {now:%A}, week {week}, time zone {zone}"


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no date; write one like 2026-11-29") from None


def _shift(given: Mapping[str, Any]) -> str:
    start = _moment(str(given["start"]))
    months = 12 * int(given.get("years", 0)) + int(given.get("months", 0))
    total = start.year * 12 + start.month - 1 + months
    year, month = divmod(total, 12)
    if not 1 <= year <= 9999:  # noqa: PLR2004 - the years that dates have
        raise ValueError("that is outside the years 1 to 9999")
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    moved = start.replace(year=year, month=month + 1, day=day)
    span = {name: int(given.get(name, 0)) for name in ("weeks", "days", "hours", "minutes")}
    moved += timedelta(**span)
    has_time = bool(span["hours"] or span["minutes"] or "T" in str(given["start"]) or ":" in str(given["start"]))
    shown = moved.isoformat(timespec="minutes") if has_time else moved.date().isoformat()
    return f"{shown}, {moved:%A}"


def _between(given: Mapping[str, Any]) -> str:
    start, end = (_moment(str(given[name])).date() for name in ("start", "end"))
    days = (end - start).days
    if abs(days) > 366 * YEARS_MAX:
        raise ValueError(f"that is more than {YEARS_MAX} years")
    weeks, rest = divmod(abs(days), 7)
    first: date = min(start, end)
    working = weeks * 5 + sum((first + timedelta(days=one)).weekday() < 5 for one in range(rest))  # noqa: PLR2004
    return f"{days} days ({weeks} weeks and {rest} days), {working} of them working days"


# ---------------------------------------------------------------- arithmetic

_BINARY: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def calculate(expression: str) -> str:
    """Return the value of an arithmetic expression; only numbers, operators and five functions are understood.

    Raises:
        ValueError, DecimalException: it is something else, or has no value.
    """
    if len(expression) > EXPRESSION_CHARS:
        raise ValueError(f"it is longer than {EXPRESSION_CHARS} signs")
    try:
        tree = ast.parse(expression.strip().replace("^", "**"), mode="eval")
    except SyntaxError:
        raise ValueError("it is no arithmetic expression") from None
    with localcontext(Context(prec=DIGITS)):
        value = _value(tree.body)
        if not value.is_finite():
            raise ValueError("it has no finite value")
        rounded = value.quantize(Decimal(1)) if value == value.to_integral_value() and abs(value) < 10**30 else value
        return f"{rounded.normalize() if rounded.as_tuple().exponent != 0 else rounded:f}"[:200]


def _value(node: ast.expr) -> Decimal:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return Decimal(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _function(name, [_value(arg) for arg in args])
    raise ValueError("only numbers, + - * / // % **, brackets, round, abs, min, max and sum are understood")


def _power(base: Decimal, exponent: Decimal) -> Decimal:
    if abs(exponent) > POWER_MAX:
        raise ValueError(f"the exponent is above {POWER_MAX}")
    return Decimal(base**exponent)


def _function(name: str, values: Sequence[Decimal]) -> Decimal:
    match name, len(values):
        case "abs", 1:
            return abs(values[0])
        case "round", 1:
            return values[0].quantize(Decimal(1))
        case "round", 2:
            return round(values[0], max(-20, min(20, int(values[1]))))
        case "min" | "max" | "sum", count if count:
            total: Decimal = {"min": min, "max": max, "sum": sum}[name](values)  # type: ignore[operator]
            return total
    raise ValueError(f"{name} with {len(values)} numbers is not understood")
