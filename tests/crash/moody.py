"""A provider with moods: it thinks for a moment, refuses now and then, and sometimes hangs up on what it has billed."""

import random
from dataclasses import dataclass, field

from tests.fakes.provider import Call, Fault, Reply
from tests.fakes.team import Team

THINKS_S = 0.6
MOOD = 0.12
CUTS: tuple[Fault, ...] = ("drop", "drop_mid", "truncate", "no_usage")
"""What leaves nobody sure of the bill."""


@dataclass
class Moody:
    """The script of the storm's provider. `cuts` counts replies whose bill the caller cannot know."""

    chance: random.Random
    cuts: int = 0
    refusals: int = 0
    _seen: set[str] = field(default_factory=set)

    def __call__(self, call: Call) -> Reply:
        """A step meets one mood at most: a second try helps, so that every run can end well."""
        step = f"{call.system}\n{call.user}"
        if step not in self._seen and self.chance.random() < MOOD:
            self._seen.add(step)
            return self._mood(call)
        return Team(delay_s=THINKS_S * self.chance.random())(call)

    def _mood(self, call: Call) -> Reply:
        if self.chance.random() < 0.5:
            self.refusals += 1
            status = self.chance.choice((429, 500, 503))
            return Reply(status=status, retry_after_s=self.chance.random() / 2 if status == 429 else None)
        self.cuts += 1
        return Reply(Team()(call).text, fault=self.chance.choice(CUTS), delay_s=THINKS_S * self.chance.random())
