"""`agents run` with another date: the soak lets a month end in its middle, and hears of it within a minute.

The database and the durations keep their real clocks; only what the bot takes for the date is shifted.
"""

import os
import time

from bot import schedule
from bot.cli import main
from bot.clock import SystemClock

OFFSET = "SOAK_OFFSET_US"
ANNOUNCE_S = 60


def shifted_us(_clock: SystemClock) -> int:
    """Microseconds since 1970, `SOAK_OFFSET_US` from now."""
    return time.time_ns() // 1000 + int(os.environ[OFFSET])


if __name__ == "__main__":
    SystemClock.now_us = shifted_us  # type: ignore[method-assign]
    schedule.ANNOUNCE_S = ANNOUNCE_S
    main(prog_name="agents")
