"""Read the files in which providers tell what was used: their encodings, separators, numbers and shapes.

OpenAI and Anthropic export CSV from their consoles and JSON from their admin APIs (buckets of a day with results); a
spreadsheet saves either with semicolons, UTF-16 or grouped numbers. Pure.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from patterns.core.errors import UserError

Row = Mapping[str, Any]
DATE = (
    "date",
    "day",
    "usage_date_utc",
    "start_time_iso",
    "starting_at",
    "bucket_start",
    "start_time",
    "usage_date",
    "timestamp",
)
MODEL = ("model", "model_version", "model_name", "snapshot")
INPUT = ("input_tokens", "prompt_tokens", "usage_input_tokens", "n_context_tokens_total")
OUTPUT = ("output_tokens", "completion_tokens", "usage_output_tokens", "n_generated_tokens_total")
COST = ("cost_usd", "cost", "amount", "amount_usd", "total_cost", "cost_in_usd", "amount_value")
"""The names that providers give to a column, in order of preference."""
_UNCACHED = ("uncached_input_tokens", "usage_input_tokens_no_cache", "input_tokens_no_cache")
_CACHE = re.compile(r"(?:usage_)?(?:input_tokens_cache_(?:write|read).*|cache_(?:read|creation)_input_tokens)")
"""Anthropic counts what a cache gave or took beside the input; OpenAI counts it in."""
_SEPARATORS = ",;\t|"
_GROUPED = re.compile(r"\d{1,3}(?:([.,' \u00a0\u202f\u2019])\d{3})(?:\1\d{3})*")
_DATES = ("%d.%m.%Y", "%Y/%m/%d", "%b %d, %Y", "%d %b %Y", "%Y%m%d")
_DIGITS_MAX = 30
_NAME_MAX = 120
_MILLISECONDS = 100_000_000_000


def decoded(data: bytes) -> str:
    """Return the text of a file: UTF-8 or UTF-16 with or without a mark, else Latin-1 as Windows writes it."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    head = data[:200]
    if head.count(0) * 3 > len(head):
        return data.decode("utf-16-le" if head[1:2] == b"\x00" else "utf-16-be", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def rows_of(text: str) -> list[Row]:
    """Return the rows of an export with plain column names: JSON of any nesting, JSON lines, or CSV.

    Raises:
        UserError: it begins like JSON and is none.
    """
    plain = text.lstrip("\ufeff \t\r\n")
    found = _json_rows(plain) if plain[:1] in {"[", "{"} else _csv_rows(plain)
    rows = [{_name(column): value for column, value in row.items() if column is not None} for row in found]
    return [
        row for row in rows if any(first(row, names) is not None for names in (MODEL, INPUT, OUTPUT, _UNCACHED, COST))
    ]


def _json_rows(text: str) -> list[Row]:
    try:
        return list(_flat(_json(text), {}))
    except RecursionError:
        raise UserError("That JSON is nested too deep to be an export of usage.") from None


def _json(text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as error:
        try:
            return [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]
        except ValueError:
            is_none = isinstance(error, json.JSONDecodeError)
            why = f"That is not JSON: {error}." if is_none else "A number in that JSON is too long for one."
            raise UserError(why) from None


def _flat(value: Any, outer: Row) -> Iterator[Row]:  # noqa: ANN401 - whatever JSON holds
    """Yield the innermost objects with the plain values of those around them: a bucket's day is its results' day."""
    if isinstance(value, list):
        for one in value:
            yield from _flat(one, outer)
    elif isinstance(value, dict):
        lists = [one for one in value.values() if isinstance(one, list) and any(isinstance(i, dict) for i in one)]
        own = {**outer, **{key: one for key, one in value.items() if not isinstance(one, list | dict)}}
        for key, one in value.items():
            if isinstance(one, dict):
                own |= {f"{key}_{inner}": part for inner, part in one.items() if not isinstance(part, list | dict)}
        if lists:
            for one in lists:
                yield from _flat(one, own)
        elif not any(isinstance(one, list) for one in value.values()):
            yield own


def _csv_rows(text: str) -> list[Row]:
    first_line, _, rest = text.partition("\n")
    if first_line.strip().casefold().startswith("sep="):
        text, separator = rest, first_line.strip()[4:5] or ","
    else:
        separator = max(_SEPARATORS, key=first_line.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [{**row, "decimal_comma": separator == ";"} for row in rows]
    except csv.Error as error:
        raise UserError(f"That is neither CSV nor JSON of an export of usage: {error}.") from None


def _name(column: str) -> str:
    return re.sub(r"[\s-]+", "_", str(column).strip().strip('"').casefold())


def first(row: Row, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - a cell of a foreign file
    """Return the first of the columns that has a value; None when none has."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def needed(row: Row, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - same
    """Return the same; raise ValueError when none has a value."""
    value = first(row, names)
    if value is None:
        raise ValueError(f"there is no {names[0]}")
    return value


def input_tokens(row: Row) -> int:
    """Return all input tokens of a row, those included that a cache gave or took."""
    told = first(row, _UNCACHED)
    plain = needed(row, INPUT) if told is None else told
    cached = [value for name, value in row.items() if _CACHE.fullmatch(name) and value not in (None, "")]
    cached += [value for name, value in row.items() if name.startswith("cache_creation_ephemeral") and value]
    if "cache_creation_input_tokens" in row and any(name.startswith("cache_creation_ephemeral") for name in row):
        cached.remove(row["cache_creation_input_tokens"])  # the sum of the two that follow it
    return sum(map(tokens, [plain, *cached]))


def tokens(value: Any) -> int:  # noqa: ANN401 - a cell of a foreign file
    """Return a count: `1050`, `1,050`, `1.050`, `1 050` and `1050.0` are the same. ValueError for anything else."""
    plain = str(value).strip()
    if _GROUPED.fullmatch(plain):
        return int(re.sub(r"\D", "", plain))
    number = _decimal(plain.replace(",", "."))
    if number is None or number != number.to_integral_value():
        raise ValueError(f"{plain[:20]} is no number of tokens")
    return int(number)


def usd(value: Any, *, decimal_comma: bool) -> Decimal:  # noqa: ANN401 - same
    """Return an amount: `$1,234.50`, `1.234,50` and, in files with semicolons, `0,07`."""
    plain = re.sub(r"[$\u20ac\s\u00a0']|USD", "", str(value), flags=re.IGNORECASE)
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma > point and (point >= 0 or decimal_comma or not _GROUPED.fullmatch(plain)):
        amount = _decimal(plain.replace(".", "").replace(",", "."))
    else:
        amount = _decimal(plain.replace(",", ""))
    if amount is None:
        raise ValueError(f"{plain[:20]} is no amount")
    return amount


def _decimal(plain: str) -> Decimal | None:
    """Return a number, or None for what is none, is not finite, or would take gigabytes to write out."""
    try:
        number = Decimal(plain)
    except ArithmeticError:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < _DIGITS_MAX else None


def day(value: Any) -> date:  # noqa: ANN401 - a day as text, or seconds since 1970
    """Return the UTC day of a date, a time, or seconds or milliseconds since 1970; ValueError for anything else."""
    plain = str(value).strip().removesuffix(" UTC")
    try:
        return _day(plain)
    except (ValueError, ArithmeticError, OSError):
        raise ValueError(f"{plain[:20]} is no day") from None


def _day(plain: str) -> date:
    if plain.isdigit() and len(plain) > len("20261005"):
        seconds = int(plain) / 1000 if int(plain) > _MILLISECONDS else int(plain)
        return datetime.fromtimestamp(seconds, UTC).date()
    for form in _DATES:
        try:
            return datetime.strptime(plain, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    stamp = datetime.fromisoformat(plain)
    return stamp.astimezone(UTC).date() if stamp.tzinfo else stamp.date()


def model(name: str) -> str:
    """Return a model's name without litellm's provider and without the date of its snapshot."""
    plain = "".join(letter for letter in name if letter.isprintable())[:_NAME_MAX]
    return re.sub(r"[-@](?:\d{4}-\d{2}-\d{2}|20\d{6}|latest)$", "", plain.strip().rpartition("/")[2])
