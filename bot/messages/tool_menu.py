"""The menu of an approval card: what is wanted less often than the two buttons."""

from bot.messages.tool_text import APPROVE_FOR_RUN, APPROVE_STANDING, SHOW_ALL, STOP, is_folded
from bot.messages.tool_views import ToolCardView

FOR_RUN, STANDING, SHOW, END = "run", "standing", "show", "stop"
"""Values of the choices; the question stands in the id of their block, because a value holds 150 characters."""


def choices(view: ToolCardView) -> tuple[tuple[str, str], ...]:
    """Return the choices as label and value."""
    return (
        (APPROVE_FOR_RUN, FOR_RUN),
        *([(APPROVE_STANDING, STANDING)] if view.may_stand else []),
        *([(SHOW_ALL, SHOW)] if is_folded(view.calls) else []),
        (STOP, END),
    )
