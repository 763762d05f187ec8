"""Read `dry run` at the beginning of a request, wherever it is typed: whoever writes it wants nothing done. Pure."""

import re

from bot.commands.text import plain_signs
from patterns.core.errors import UserError
from patterns.core.invisible import without_invisible

NOTHING_ASKED = "Write the request after `dry run:`, like `dry run: open an issue for the failing export`"
FORMATTING = "\"'*_~` "
_MARK = r"[>*_~'\"`]{0,4}"
_DRY_RUN = re.compile(
    rf"(?P<mark>{_MARK})\s*dry[\s_-]{{0,3}}run(?P<end>{_MARK})(?!'?\w)\s*"
    rf"(?P<sign>[:,.;!?]+|(?<=\s)-+(?=\s))?(?P<close>{_MARK})\s*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
"""The words in bold, quoted or as code too, with a sign behind them or without."""
_PART_OF_IT = re.compile(
    r"(?:an?|the|of|for|on|in|with|our|my|your|its|their|this|that|these|those|is|are|was|and|or|vs)\b", re.IGNORECASE
)
"""Words before which `dry run` belongs to the sentence: `dry run the migration`."""


_FLOW_FIRST = re.compile(r"\s*use\s+[\w-]+(?:\s+with\s+[\w ,&-]+?)?(?:\s*:|\s+-+(?=\s)|(?=\s+dry))\s*", re.IGNORECASE)


def without_dry_run(text: str) -> str | None:
    """Return what a text that begins with `dry run` asks for, empty for nothing; None for any other text.

    Without a sign behind them, the two words stay where the sentence needs them.
    """
    match = _DRY_RUN.fullmatch(plain_signs(text))
    if match is None:
        return None
    rest = text[match.start("rest") :].strip()
    if not match["sign"] and _PART_OF_IT.match(rest):
        return text.strip()
    is_open = bool(match["mark"].strip(">")) and not match["end"] and not match["close"]
    return rest.rstrip(FORMATTING) if is_open else rest


def says_dry_run(text: str) -> bool:
    """Return whether a text begins with `dry run`, also behind `use FLOW`."""
    return without_dry_run(_FLOW_FIRST.sub("", text, count=1)) is not None


def read_dry_run(text: str, *, dry: bool) -> tuple[str, bool]:
    """Return a request that came beside a sign of its own for a dry run, without these words, and whether it is one.

    Raises:
        UserError: nothing is asked for behind them.
    """
    typed = without_invisible(text).strip()
    said = without_dry_run(typed)
    if said == "":
        raise UserError(NOTHING_ASKED)
    return said or text, dry or says_dry_run(typed)
