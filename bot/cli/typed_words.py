"""Words of Slack's grammar that a shell has options for: typed into a request, they would be paid and mean nothing."""

import re
from collections.abc import Collection

from bot.commands.text import plain_signs
from patterns.core.errors import UserError
from patterns.core.invisible import without_invisible

_ESTIMATE = re.compile(r"\s*estimate\s*:", re.IGNORECASE)
_USE = re.compile(r"\s*use\s+(?P<flow>[\w-]+)(?:\s+with\s+(?P<agents>[\w ,&-]+?))?\s*:", re.IGNORECASE)


def check_typed(request: str, flows: Collection[str], *, flow: str, estimate: bool, dry_run: bool) -> None:
    """Check that a request does not name its flow, or ask for its price, in words; an option that is given settles it.

    Raises:
        UserError: it does; how to say it in a shell.
    """
    typed = plain_signs(without_invisible(request))
    priced = None if estimate else _ESTIMATE.match(typed)
    named = None if flow else _USE.match(typed, priced.end() if priced else 0)
    known = {name.casefold(): name for name in flows}
    chosen = known.get(named["flow"].casefold(), "") if named else ""
    if not priced and not chosen:
        return
    agents = ",".join(re.split(r"[\s,&]+", named["agents"])) if named and chosen and named["agents"] else ""
    options = [
        *(["--estimate"] if priced or estimate else []),
        *(["--dry-run"] if dry_run else []),
        *([f"--flow {chosen}"] if chosen else [f"--flow {flow}"] if flow else []),
        *([f"--agents {agents}"] if agents else []),
    ]
    meant = "name the flow" if chosen else "ask for the price"
    words = " ".join(options)
    raise UserError(f'Nothing was spent. In a shell, {meant} with options: agents ask {words} "REQUEST"')
