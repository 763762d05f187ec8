"""The real clock behind ports.Clock; tests bring their own."""

import asyncio
import time


class SystemClock:
    """Wall time for records, monotonic time for durations."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
