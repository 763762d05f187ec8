"""Named SQL in files, written once for both databases: a query with a name and a sentence can be reviewed."""

import json
import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from operator import attrgetter, itemgetter
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Dialect = Literal["sqlite", "postgresql"]
Row = Mapping[str, Any]
"""Column name to value."""

_TOKEN = re.compile(
    r"'[^']*'|--[^\n]*|::|(?P<listed>\b(?P<no>NOT )?IN\s+:(?P<ids>[a-z]\w*)\.\.\.)|:(?P<name>[a-z]\w*)|(?P<percent>%)"
    r"|(?P<lock>\s+FOR (?:UPDATE|SHARE)\b(?: OF \w+)?(?: SKIP LOCKED)?)"
)


_MANY = "-- many rows on PostgreSQL:\n"
_COMMENT = re.compile(r"--[^\n]*")
_ROWS = re.compile(r"\A[\s(]*(?:SELECT|WITH|VALUES|EXPLAIN|SHOW)\b|\bRETURNING\b", re.IGNORECASE)


class Query:
    """One named statement; calling it binds its parameters.

    Parameters are `:name`; `IN :ids...` takes a sequence. `FOR UPDATE` and `FOR SHARE` are for PostgreSQL and dropped
    on SQLite, where a writing transaction is alone anyway.
    """

    __slots__ = ("_attributes", "_items", "_lists", "at_once", "each", "name", "postgresql", "returns_rows", "sqlite")

    def __init__(self, name: str, sql: str, at_once: str = "") -> None:
        self.name = name
        self.returns_rows = bool(_ROWS.search(_COMMENT.sub("", sql)))
        self._lists = frozenset(match["ids"] for match in _TOKEN.finditer(sql) if match["ids"])
        self.sqlite = _TOKEN.sub(_for_sqlite, sql)
        self.postgresql = _TOKEN.sub(_for_postgresql, sql)
        # Drivers bind positions in half the time of names, which counts where a statement runs once per row.
        places = [match["name"] for match in _TOKEN.finditer(sql) if match["name"]]
        self.each: Mapping[Dialect, str] = {
            "sqlite": _TOKEN.sub(lambda match: "?" if match["name"] else _for_sqlite(match), sql),
            "postgresql": _TOKEN.sub(lambda match: "%s" if match["name"] else _for_postgresql(match), sql),
        }
        self.at_once = self._columns(at_once, places) if at_once else None
        """The statement on PostgreSQL that takes the rows of `each` as columns, in the same order."""
        self._items = _getter(itemgetter, places)
        self._attributes = _getter(attrgetter, places)

    def _columns(self, sql: str, places: Sequence[str]) -> str:
        if [match["name"] for match in _TOKEN.finditer(sql) if match["name"]] != places:
            raise ValueError(f"{self.name} for many rows takes its columns in another order")
        return _TOKEN.sub(lambda match: "%s" if match["name"] else _for_postgresql(match), sql)

    def __call__(self, **params: object) -> "Statement":
        """Return the statement with one set of parameters bound."""
        return Statement(self, params)

    def rows_as(self, make: Callable[..., Any], **params: object) -> "Statement":
        """Return the statement whose rows `make` builds from the columns in order."""
        return Statement(self, params, make)

    def many(self, rows: Iterable[Row]) -> "Statement":
        """Return a statement that runs once for each row and returns nothing; not for queries with `IN :ids...`."""
        return Statement(self, list(map(self._items, rows)))

    def many_of(self, values: Iterable[object]) -> "Statement":
        """Return a statement that runs once for each object, with its attributes as parameters."""
        return Statement(self, list(map(self._attributes, values)))

    def bind(self, params: Row, dialect: Dialect) -> Row:
        """Return parameters in the shape the driver takes: sequences as JSON for SQLite, arrays for PostgreSQL."""
        if not self._lists:
            return params
        dump = json.dumps if dialect == "sqlite" else list
        return {**params, **{name: dump(list(params[name])) for name in self._lists}}


@dataclass(frozen=True, slots=True)
class Statement:
    """A query and its parameters: a mapping, or for each time it runs a tuple in the order of `query.each`."""

    query: Query
    params: Row | Sequence[tuple[object, ...]]
    make: Callable[..., Any] | None = None
    """What a row becomes, from its columns in order; without it a mapping."""
    is_last: bool = False
    """Whether its script ends with it: then its transaction may end in the same trip to the server."""

    @property
    def returns_rows(self) -> bool:
        """Return whether anybody waits for its rows."""
        return self.query.returns_rows and not isinstance(self.params, Sequence)


Asked = Statement | tuple[Statement, ...]
"""What a script asks for: the rows of a statement, or those of several in one trip, a list for each."""
Work = Generator[Asked, list[Any], T]
"""A transaction script: `rows = yield q.find_run(run_id=…)`. It may be run again, so it must not act on the outside."""


def single(statement: Statement) -> Work[list[Row]]:
    """Run one statement as a transaction of its own and return its rows."""
    rows = yield replace(statement, is_last=True)
    return rows


def beside(*works: Work[Any]) -> Work[list[Any]]:
    """Run parts of a script side by side, what they ask for at the same time in one trip; return their results."""
    results: dict[int, Any] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(works)))
    while answers:
        asked: dict[int, Asked] = {}
        for place, answer in answers.items():
            try:
                asked[place] = works[place].send(answer)
            except StopIteration as end:
                results[place] = end.value
        rows = iter((yield tuple(one for some in asked.values() for one in all_of(some))) if asked else ())
        answers = {
            place: [next(rows) for _ in some] if isinstance(some, tuple) else next(rows)
            for place, some in asked.items()
        }
    return [results[place] for place in range(len(works))]


def all_of(asked: Asked) -> tuple[Statement, ...]:
    """Return what a script asks for as several statements."""
    return asked if isinstance(asked, tuple) else (asked,)


def several(statements: Iterable[Statement]) -> Work[None]:
    """Run statements whose rows nobody wants."""
    for statement in statements:
        _ = yield statement


class Queries:
    """The queries of one file, as attributes."""

    def __init__(self, source: str, queries: Mapping[str, Query]) -> None:
        self._source = source
        self._queries = queries

    def __getattr__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            raise AttributeError(f"{self._source} has no query named {name}") from None


@cache
def load(name: str) -> Queries:
    """Return the queries of storage/queries/<name>.sql: blocks of `-- name: x`, a comment saying why, and SQL.

    A second statement for many rows at once on PostgreSQL may follow, with each parameter as an array.
    """
    source = files("storage").joinpath("queries", f"{name}.sql")
    blocks = re.split(r"^-- name: (\w+)\n", source.read_text("utf-8"), flags=re.MULTILINE)
    pairs = zip(blocks[1::2], blocks[2::2], strict=True)
    return Queries(f"{name}.sql", {key: Query(key, *_statements(block)) for key, block in pairs})


def _statements(block: str) -> list[str]:
    """Return the statement of a block, and the one for many rows on PostgreSQL where it has one."""
    return [sql.strip().rstrip(";") for sql in block.split(_MANY)]


def _getter(make: Callable[..., Any], names: Sequence[str]) -> Callable[[Any], tuple[object, ...]]:
    if len(names) > 1:
        getter: Callable[[Any], tuple[object, ...]] = make(*names)
        return getter
    one = [make(name) for name in names]
    return lambda value: tuple(get(value) for get in one)


def _for_sqlite(match: re.Match[str]) -> str:
    if match["lock"]:
        return ""
    if match["ids"]:
        return f"{match['no'] or ''}IN (SELECT value FROM json_each(:{match['ids']}))"  # noqa: S608 - a name of ours, not a value
    return match[0]


def _for_postgresql(match: re.Match[str]) -> str:
    if match["ids"]:
        return f"{'<> ALL' if match['no'] else '= ANY'}(%({match['ids']})s)"
    if match["name"]:
        return f"%({match['name']})s"
    return match[0].replace("%", "%%")
