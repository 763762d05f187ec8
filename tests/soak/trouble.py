"""A provider in trouble: it refuses, hangs up, dawdles and falls silent, and is well again by the second try."""

from tests.crash.moody import Moody
from tests.fakes.provider import Call, Fault, Reply
from tests.fakes.team import Team

REFUSALS = (429, 429, 500, 503, 529)
GAVE_UP = 502
"""What a gateway says that may have been billed: nobody can know."""
BROKEN: tuple[Fault, ...] = ("drop", "drop_mid", "truncate", "no_usage", "bad_chunk", "garbage", "error_event")
SLOW_S = 8.0


class Trouble(Moody):
    """The script of a soak's provider; `cuts` counts replies whose bill the caller cannot know."""

    def _mood(self, call: Call) -> Reply:
        way, text = self.chance.random(), Team()(call).text
        if way < 0.5:
            self.refusals += 1
            status = self.chance.choice(REFUSALS)
            return Reply(status=status, retry_after_s=self.chance.random() if status == 429 else None)
        if way < 0.75:
            self.cuts += 1
            is_gone = self.chance.random() < 1 / (1 + len(BROKEN))
            return Reply(status=GAVE_UP) if is_gone else Reply(text, fault=self.chance.choice(BROKEN))
        if way < 0.95:
            return Reply(text, delay_s=SLOW_S * self.chance.random())
        return Reply(text, chunk_delay_s=0.5)
