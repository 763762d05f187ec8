"""Read `dry run` at the beginning of a request, wherever it is typed: whoever writes it wants nothing done. Pure."""

import re

from bot.commands.text import plain_signs
from patterns.core.errors import UserError
from patterns.core.invisible import without_invisible

NOTHING_ASKED = "Write the request after `dry run:`, like `dry run: open an issue for the failing export`"
FORMATTING = "\"'*_~` "
_QUOTES = set(FORMATTING.strip())
_SIGNS = r"[^\w\s]{0,4}"
_DRY_RUN = re.compile(
    rf"(?:\d{{1,2}}[.)]\s)?(?P<mark>{_SIGNS})\s*dry[\s_-]{{0,3}}run(?P<end>[*_~'\"`\])}}]{{0,4}})(?!'?\w)\s*"
    rf"(?P<sign>[:,.;!?]+|=(?:true|yes|on|1)\b|(?<=\s)-+(?=\s)|(?=use\s))?(?P<close>[*_~'\"`\])}}]{{0,4}})\s*"
    r"(?P<rest>(?!=).*)",
    re.IGNORECASE | re.DOTALL,
)
"""The words in bold, in brackets, quoted, as an item of a list or as an option, with a sign behind them or without."""
_ABOUT_ONE = re.compile(
    r"(?:is|are|was|were|isn't|wasn't|looks?|looked|seems?|seemed|went|goes|works?|worked|fails?|failed|passe[sd]|succeed(?:s|ed)"
    r"|finishe[sd]|completed?|ended|done|ok|okay|fine|good|great|shows?|showed|says?|said|does|did|doesn't|didn't|has|had|can"
    r"|can't|could|will|won't|would|should|must|modes?|flags?|options?|results?|outputs?|reports?|logs?|sections?|checklists?"
    r"|support|steps?)\b",
    re.IGNORECASE,
)
"""Words before which a sentence speaks of a dry run, like `dry run looks good, now do it`."""
_AGENTS = r"[\w-]+(?:[ ,&]+[\w-]+)*"
USE = rf"use\s+(?P<flow>[\w-]+)(?:\s+with\s+(?P<agents>{_AGENTS}))?(?:\s*:|\s+-+\s)"
"""How a request names its flow. No two parts of it take the same characters, so a long text costs what it is long."""
_BEFORE = re.compile(rf"\s*{_SIGNS}(?:ask(?:\s*:|\s)|{USE})\s*", re.IGNORECASE)
_BEFORE_MAX = 4
"""Times that something may stand before the two words, like `ask use decide: dry run: …`."""


def without_dry_run(text: str) -> str | None:
    """Return what a text that begins with `dry run` asks for, empty for nothing; None for any other text.

    Without a sign behind them, the two words stay, because the sentence may need them: `dry run the migration`.
    """
    match = _DRY_RUN.fullmatch(plain_signs(text))
    if match is None:
        return None
    rest = text[match.start("rest") :].strip()
    mark = match["mark"].strip(">")
    if rest and match["sign"] is None and not mark:
        return None if _ABOUT_ONE.match(plain_signs(rest)) else text.strip()
    is_open = bool(set(mark) & _QUOTES) and not match["end"] and not match["close"]
    return rest.rstrip(FORMATTING) if is_open else rest


def says_dry_run(text: str) -> bool:
    """Return whether a text begins with `dry run`, also behind `use FLOW:` and `ask`."""
    for _ in range(_BEFORE_MAX):
        before = _BEFORE.match(plain_signs(text))
        if before is None:
            break
        text = text[before.end() :]
    return without_dry_run(text) is not None


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
