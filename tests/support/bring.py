"""Before the tests: fetch what they need and no wheel carries. `python -m tests.support.bring`."""

import asyncio
import os
import sys

from bot.demo.cache import local_slack_program
from patterns.core.errors import AgentsError
from tests.support import chromium, node


def main() -> None:
    try:
        asyncio.run(local_slack_program(os.environ))
    except AgentsError as error:
        sys.exit(str(error))
    chromium.bring()
    node.bring()


if __name__ == "__main__":
    main()
