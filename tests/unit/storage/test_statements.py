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


def test_a_statement_for_many_rows_takes_the_columns_in_the_order_of_the_rows() -> None:
    sql = "UPDATE t SET a = :a WHERE id = :id"
    query = Query(
        "save", sql, "UPDATE t SET a = n.a FROM unnest(:a::bigint[], :id::text[]) AS n (a, id) WHERE t.id = n.id"
    )
    assert query.many([{"id": "x", "a": 1}, {"id": "y", "a": 2}]).params == [(1, "x"), (2, "y")]
    assert query.at_once is not None
    assert "unnest(%s::bigint[], %s::text[])" in query.at_once
    with pytest.raises(ValueError, match="another order"):
        Query("save", sql, "UPDATE t SET a = n.a FROM unnest(:id::text[], :a::bigint[]) AS n (id, a) WHERE t.id = n.id")


def test_the_ledger_writes_many_rows_at_once() -> None:
    ledger = load("ledger")
    for query in (ledger.save_account, ledger.save_call, ledger.open_call):
        assert query.at_once is not None
        assert query.at_once.count("%s") == query.each["postgresql"].count("%s")
