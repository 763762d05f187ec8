"""Convert text from Slack's transport form to what the person wrote."""

import re

_TOKEN = re.compile(r"<([^<>\s|][^<>|]*)(?:\|([^<>]*))?>")


# Typographic variants that keyboards and Slack clients substitute. One character each, so that positions stay the same.
_PLAIN = str.maketrans(
    dict.fromkeys("“”„‟«»", '"')
    | dict.fromkeys("‘’‚‛`", "'")  # noqa: RUF001 - the characters people really send
    | dict.fromkeys("‐‑‒–—―−", "-")  # noqa: RUF001 - same
    | {0xFF01 + offset: 0x21 + offset for offset in range(94)}  # the full-width forms of ASCII
    | {"\u3000": " ", "\u3002": ".", "\u3001": ","}
)


def unescape(text: str) -> str:
    """Return text as people read it; ids of people and channels are kept, names come first.

    `<@U1|dana>` becomes `@dana (U1)`, `<https://x.y|docs>` becomes `docs (https://x.y)`, `&lt;` becomes `<`.
    """
    # The ampersand last, so that `&amp;lt;` stays the typed `&lt;`.
    return _TOKEN.sub(_token, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def plain_signs(text: str) -> str:
    """Return a text of the same length with plain quotes, dashes and stops, as the grammar knows them."""
    return text.translate(_PLAIN)


def without_mention(text: str, bot_user: str) -> str:
    """Return a message's text without the mentions of the bot."""
    return re.sub(rf"(?<!\s)\s*<@{re.escape(bot_user)}(?:\|[^>]*)?>[\s,:]*", " ", text).strip()


def _token(match: re.Match[str]) -> str:
    target, label = match[1], match[2] or ""
    if target[0] in "@#":
        return f"{target[0]}{label.lstrip('@#')} ({target[1:]})" if label else match[0]
    if target[0] == "!":
        kind, _, ident = target[1:].partition("^")
        return f"{label} ({ident})" if kind == "subteam" and label else label or f"@{kind}"
    bare = target.removeprefix("mailto:").removeprefix("tel:")
    return bare if label in ("", bare, target) or target.endswith(f"//{label}") else f"{label} ({bare})"
