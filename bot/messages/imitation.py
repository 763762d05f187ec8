"""Marks lines of model text that look like ours: a footer with its price, a decision with somebody's name.

Readers trust those two, because we write them from the ledger and from a checked click. In an answer such a line
stands as the quotation it is, with a word on who wrote it. Code blocks look like quotations already.
"""

import re

MARK = "(the agents wrote this line)"
_DECORATION = "*_~`>#-•|()[] \t"
_AMOUNT = r"\$\s?\d[\d.,]*"
_NAME = r"[^.!?\n]{1,60}"
_IMITATIONS = re.compile(
    "|".join(
        (
            # Our footer: `$0.03 · 24 s · 3 agents · $18.40 left`.
            rf"{_AMOUNT}\s*[·•|∙‧・]\s*\d[\d.,]*\s*(?:s|sec|seconds|min|h)\b.*",
            r".*[·•|∙‧・]\s*\d+ agents?\b.*",
            rf".*{_AMOUNT} left\b(?: of .*)?",
            # Our decisions: `Dana approved this draft · 23 Nov 14:02 UTC`, and the shape people know from elsewhere.
            rf"(?:reviewed and )?(?:approved|accepted|signed off|confirmed|declined|rejected)\s*(?:by\b|:)\s*{_NAME}",
            rf"{_NAME} (?:approved this draft|edited the draft|asked for changes|said Run|said to go on)\b.*",
            rf"{_NAME} (?:chose the cheaper way|ended it here|declined)(?:\s*[·•|].*)?",
            r"Nobody decided in time\b.*",
        )
    ),
    re.IGNORECASE,
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_LONGEST = 200
"""Characters; our own lines are shorter, and a sentence of somebody's report is not one."""


def mark_imitations(text: str) -> str:
    """Return the Markdown text with lines that imitate ours turned into marked quotations."""
    lines, fence = [], ""
    for line in text.split("\n"):
        opened = _FENCE.match(line)
        if opened and not fence:
            fence = opened[1]
        elif fence:
            if opened and opened[1].startswith(fence) and line.strip() == opened[1]:
                fence = ""
        elif is_imitation(line):
            lines += ["", f"> {line.strip().lstrip('> ')} {MARK}", ""]
            continue
        lines.append(line)
    return "\n".join(lines)


def is_imitation(line: str) -> bool:
    """Return whether a line looks like one of ours, whatever emphasis or symbols surround it."""
    if len(line) > _LONGEST or line.rstrip().endswith(MARK):
        return False
    bare = re.sub(r"[*_~`\u2060\u00a0]", "", line).strip(_DECORATION)
    # A tick or another symbol in front, and full stops behind, change nothing for a reader.
    bare = re.sub(r"^(?::\w+:|[^\w$@(]+)+", "", bare).rstrip(".!) ")
    return bool(_IMITATIONS.fullmatch(bare))
