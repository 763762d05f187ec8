"""Our own lines in a monospaced font, inside a message of Slack."""

from bot.messages.mrkdwn import Mrkdwn, clean, clip, escape

CODE_MAX = 1_500
"""Characters of a block of code, which must stand in one section."""


def code(text: str) -> Mrkdwn:
    """Return our own lines in a monospaced font, visibly cut; what would end the block is taken out."""
    safe = clip(escape(clean(text).replace("```", "'''")), CODE_MAX)
    return Mrkdwn(f"```\n{safe}\n```") if text.strip() else Mrkdwn()
