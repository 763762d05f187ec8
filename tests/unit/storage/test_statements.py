"""Which statements return rows: on PostgreSQL the others travel with the next answer or the COMMIT."""

from importlib.resources import files

import pytest

from storage.database.statements import Query, load

NAMES = sorted(path.name.removesuffix(".sql") for path in files("storage").joinpath("queries").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_what_returns_no_rows_only_changes_them(name: str) -> None:
    for query in load(name)._queries.values():
        if not query.returns_rows:
            words = (
                query.sqlite[query.sqlite.rindex("--") :].partition("\n")[2] if "--" in query.sqlite else query.sqlite
            )
            assert words.split()[0] in {"INSERT", "UPDATE", "DELETE"}, (name, query.name)


@pytest.mark.parametrize(
    ("sql", "returns"),
    [
        ("SELECT 1", True),
        ("-- INSERT\n(SELECT 1) UNION (SELECT 2)", True),
        ("UPDATE run SET a = 1 RETURNING id", True),
        ("WITH found AS (SELECT 1) SELECT * FROM found", True),
        ("INSERT INTO run (id) SELECT id FROM other -- RETURNING", False),
    ],
)
def test_rows_come_from_reads_and_what_says_returning(sql: str, *, returns: bool) -> None:
    assert Query("some", sql).returns_rows is returns
