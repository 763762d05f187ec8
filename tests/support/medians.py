"""How long something takes in the middle of several tries, or at its quickest."""

import statistics
import time
from collections.abc import Awaitable, Callable


async def median_ms(ask: Callable[[], Awaitable[object]], times: int = 15) -> float:
    """Return the median duration in milliseconds."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)


async def quickest_cpu_ms(ask: Callable[[], Awaitable[object]], times: int = 15) -> float:
    """Return the least processor time of this process in milliseconds: what others on the machine add is left out."""
    took = []
    for _ in range(times):
        start = time.process_time()
        await ask()
        took.append((time.process_time() - start) * 1000)
    return min(took)
