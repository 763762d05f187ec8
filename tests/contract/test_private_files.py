"""Making a file private must not take the locks away that SQLite holds on it in the same process."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from storage.database.private_files import create_private

WRITES = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT INTO t VALUES (2)")
connection.commit()
connection.close()
"""


def test_a_database_in_use_keeps_its_locks(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as ours:
        ours.execute("PRAGMA journal_mode=WAL")
        ours.execute("CREATE TABLE t (n INTEGER)")
        create_private(path)
        # If our locks were gone, this process would take itself for the last and delete the write-ahead log under us.
        subprocess.run([sys.executable, "-c", WRITES, str(path)], check=True)
        assert path.with_name("agents.db-wal").exists()
        ours.execute("INSERT INTO t VALUES (3)")
    with closing(sqlite3.connect(path)) as later:
        assert later.execute("SELECT COUNT(*) FROM t").fetchone() == (2,)
