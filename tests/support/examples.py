"""Hypothesis profiles: `quick` for every run while working, `full` for `make test`."""

from hypothesis import settings

QUICK, FULL = "quick", "full"


def register_profiles() -> None:
    """Register both profiles and load the quick one; `--hypothesis-profile=full` chooses the other."""
    settings.register_profile(QUICK, max_examples=15, deadline=None)
    settings.register_profile(FULL, max_examples=100, deadline=None)
    settings.load_profile(QUICK)


def examples(count: int) -> settings:
    """Return the settings of a test that needs `count` examples to be sure, fewer of them in the quick profile."""
    is_full = settings.get_current_profile_name() == FULL
    return settings(max_examples=count if is_full else min(count, settings().max_examples))
