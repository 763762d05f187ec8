"""Read a reply to a draft under review: a yes, a wish for changes, or neither for certain.

Pure. Only a reply that is, as a whole, one of the phrases below approves; a phrase with more behind it does not.
"""

import re
import unicodedata
from typing import Literal

ReplyKind = Literal["yes", "changes", "unclear"]

_YES = frozenset(
    {
        # English
        "approve", "approved", "i approve", "looks good", "looks good to me", "lgtm", "ship it", "good to go",
        "go ahead", "go on", "continue", "yes", "yes please", "yep", "y", "ok", "okay", "all good", "perfect",
        "sounds good",
        "send it", "publish it", "post it", "fine by me", "looks great", "great", "good", "fine",
        # German
        "genehmigt", "freigegeben", "passt", "passt so", "sieht gut aus", "ja", "ja bitte", "einverstanden",
        "in ordnung", "kann so raus",
        # French
        "approuvé", "validé", "c'est bon", "ça me va", "oui", "d'accord", "parfait",
        # Spanish
        "aprobado", "de acuerdo", "se ve bien", "está bien", "sí", "si", "perfecto", "adelante", "vale",
        # Portuguese and Italian
        "aprovado", "tudo certo", "sim", "approvato", "va bene", "sì", "perfetto",
    }
)  # fmt: skip
_THANKS = frozenset(
    {
        "thanks", "thank you", "thanks a lot", "thank you very much", "many thanks", "thanks so much", "thx", "ty",
        "cheers", "great thanks", "perfect thanks", "ok thanks", "nice", "great", "perfect", "awesome", "ok", "okay",
        "got it", "understood", "makes sense", "good to know", "cool", "danke",
        "vielen dank", "merci", "merci beaucoup", "gracias", "muchas gracias", "obrigado", "obrigada", "grazie",
    }
)  # fmt: skip
_THUMBS = ("👍", "✅", "🚀", ":+1:", ":thumbsup:", ":white_check_mark:", ":rocket:", ":shipit:", "+1")
_SKIN_TONE = re.compile(r"[\U0001F3FB-\U0001F3FF\uFE0F]|:skin-tone-\d:")
_ORDINARY = re.compile(
    r"[\s\"'“”„«»‘¡*_]*[^\W\d_](?:[^\W\d_]|[\u0300-\u036f]|[ ,'’\-\s])*[\s.!…,:;\"'“”»’*_]*"  # noqa: RUF001
)
"""A phrase in ordinary punctuation. Any other sign, a cross or a face, may turn a yes into its opposite."""
_MENTIONS_APPROVAL = re.compile(
    r"\b(?:approv\w*|lgtm|ship it|looks good|genehmigt|freigegeben|aprobado|approuvé|validé)\b"
)
_QUESTION_MARKS = ("?", "？", "؟")  # noqa: RUF001 - as people type them
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")
"""Letters of scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
_VAGUE = frozenset(
    {
        "no", "nope", "nah", "hmm", "hm", "mm", "eh", "well", "maybe", "perhaps", "not sure", "i am not sure",
        "i'm not sure", "not yet", "wait", "later", "one moment", "let me see", "let me think", "i see", "interesting",
        "oh great", "good grief",
        "test", "hello", "hi", "nein", "vielleicht", "moment", "non", "peut-être", "peut être", "quizás", "no sé",
    }
)  # fmt: skip
"""Replies that neither approve a draft nor say what should change in it."""


def reply_kind(text: str) -> ReplyKind:
    """Return what a whole reply means for a draft.

    `unclear` is a reply that mentions a phrase of approval among other words, asks something, names a person or is too
    vague to say what should change: it must neither approve nor start a paid round.
    """
    plain, said = _plain(text), text.strip()
    if "<@" in said or said.endswith(_QUESTION_MARKS):
        return "unclear"
    if plain in _YES and _ORDINARY.fullmatch(_without_thumbs(said)):
        return "yes"
    if not _without_thumbs(said).strip() and said:
        return "yes"
    is_vague = not plain or plain in _VAGUE or plain in _THANKS or plain in _YES
    has_sign = _without_thumbs(said) != _SKIN_TONE.sub("", said)
    if is_vague or has_sign or _begins_with_yes(plain) or _MENTIONS_APPROVAL.search(plain):
        return "unclear"
    return "changes"


def is_yes(text: str) -> bool:
    """Return True when a whole text is a phrase of approval."""
    return reply_kind(text) == "yes"


def is_vague(text: str) -> bool:
    """Return True for a whole text like `no`, `hmm` or `wait`."""
    return _plain(text) in _VAGUE


def is_thanks(text: str) -> bool:
    """Return True when a whole text only says thanks or that it was understood."""
    return _plain(text) in _THANKS


def is_lone_word(text: str) -> bool:
    """Return True for one word, number or sign by itself. Scripts that write no spaces are never taken for one."""
    said = text.strip()
    return not any(char.isspace() for char in said) and "://" not in said and not _UNSPACED.search(said)


def _begins_with_yes(plain: str) -> bool:
    return any(plain.startswith(f"{phrase} ") for phrase in _YES)


def _without_thumbs(text: str) -> str:
    """Return a text without signs of approval, in any skin colour."""
    rest = _SKIN_TONE.sub("", text)
    for thumb in _THUMBS:
        rest = rest.replace(thumb, "")
    return rest


def _plain(text: str) -> str:
    """Return the words of a text: folded case, single spaces, without punctuation, formatting and signs of approval."""
    folded = _without_thumbs(unicodedata.normalize("NFKC", text)).casefold().replace("\u2019", "'")
    folded = "".join(char for char in folded if unicodedata.category(char) != "Cf")
    kept = "".join(
        char if char.isalnum() or char == "'" or unicodedata.category(char).startswith("M") else " " for char in folded
    )
    return " ".join(kept.split()).strip("' ")
