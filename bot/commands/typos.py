"""Typing errors: whether one word was meant as another."""

_LONG_WORD = 6


def is_near(said: str, known: str) -> bool:
    """Return True when one typing error, or two in a long word, turns `known` into `said`."""
    allowed = 2 if len(known) >= _LONG_WORD else 1
    return abs(len(said) - len(known)) <= allowed and _slips(said, known) <= allowed


def _slips(said: str, known: str) -> int:
    """Return the optimal string alignment distance: deletions, insertions, substitutions, swapped neighbours."""
    before: list[int] = []
    row = list(range(len(known) + 1))
    for i, a in enumerate(said, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(known, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == known[j - 2] and b == said[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
