"""Remove characters that are invisible but read by models and parsers, except where a script or an emoji needs them.

Tag characters and stray variation selectors carry hidden text, zero-width ones hide words from filters, escape
sequences of terminals are noise. Joiners stay inside emoji and in the scripts that are spelled with them.
"""

import re
from dataclasses import dataclass

_FLAGS = "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f" for region in ("gbeng", "gbsct", "gbwls")
)
"""The flags of England, Scotland and Wales are spelled with tag characters behind a black flag."""
_PICTURES = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
"""What Unicode calls Extended_Pictographic, and the skin tones beside it."""
_JOINED_SCRIPTS = (
    "\u0600-\u060b\u060d-\u061b\u0620-\u08ff\u0900-\u0dff\u0f00-\u0fff\u1000-\u109f\u1780-\u17b3\u17b6-\u180a"
    "\u1810-\u18af\u1a20-\u1aaf\u1b00-\u1bff\ua840-\ua8ff\ua980-\ua9ff\uaa60-\uaa7f\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00010fff\U00011000-\U00011fff\U0001e900-\U0001e95f"
)
"""Arabic, Syriac, Indic, Myanmar, Khmer, Mongolian and their kin: invisible letters make theirs join or keep apart."""
_IDEOGRAPHS = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""A high variation selector may follow one of them."""
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_KEPT = (
    rf"\U0001f3f4(?:{_FLAGS})"
    rf"|(?<=[{_PICTURES}\ufe0f])\u200d(?=[{_PICTURES}])"
    rf"|(?<=[{_JOINED_SCRIPTS}])[\u200c\u200d](?![\u200c\u200d])"
    rf"|(?<=[^\s\x00-\x1f\x7f-\x9f{_UNSEEN}])[\ufe00-\ufe0f](?![\ufe00-\ufe0f])"
    rf"|(?<=[{_IDEOGRAPHS}])[\U000e0100-\U000e01ef](?![\U000e0100-\U000e01ef])"
)
_ESCAPES = (
    r"(?:\x1b\[|\x9b)[0-?]{0,32}[ -/]{0,4}[@-~]?"
    r"|\x1b(?:[()*+][0-9A-Z]|[78=>])?"
)
_INVISIBLE = re.compile(rf"(?P<kept>{_KEPT})|{_ESCAPES}|[{_UNSEEN}]")
_UNDECIDED = re.compile(
    r"(?:\U0001f3f4[\U000e0020-\U000e007f]{0,6}"
    r"|[\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]"
    r"|(?:\x1b\[|\x9b)[0-?]{0,32}[ -/]{0,4}"
    r"|\x1b[()*+]?)\Z"
)
"""The end of a text whose meaning the next character decides."""
_UNDECIDED_MAX = 40


def without_invisible(text: str) -> str:
    """Return the text without invisible characters; emoji, scripts and every visible character stay as they are."""
    return text if _is_plain(text) else _INVISIBLE.sub(lambda found: found["kept"] or "", text)


def _is_plain(text: str) -> bool:
    return text.isascii() and "\x1b" not in text


@dataclass(slots=True)
class InvisibleFilter:
    """The same for a text in pieces: any split gives what the whole text gives."""

    _before: str = ""
    _rest: str = ""

    def feed(self, piece: str) -> str:
        """Return the part of the text that is final by now."""
        whole = self._rest + piece
        undecided = None if _is_plain(whole) else _UNDECIDED.search(whole, max(0, len(whole) - _UNDECIDED_MAX))
        end = undecided.start() if undecided else len(whole)
        clean = self._cleaned(whole, end)
        self._before, self._rest = whole[end - 1 : end] or self._before, whole[end:]
        return clean

    def close(self) -> str:
        """Return the rest."""
        whole, self._rest = self._rest, ""
        return self._cleaned(whole, len(whole))

    def _cleaned(self, text: str, end: int) -> str:
        """Return the first `end` characters cleaned, judged by the one before them and the one behind."""
        if _is_plain(text):
            return text[:end]
        start, end = len(self._before), len(self._before) + end
        whole, kept = self._before + text, []
        for found in _INVISIBLE.finditer(whole, start):
            if found.start() >= end:
                break
            kept += [whole[start : found.start()], found["kept"] or ""]
            start = found.end()
        return "".join([*kept, whole[start:end]])
