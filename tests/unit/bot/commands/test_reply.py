"""Replies to a draft: only a whole phrase of approval approves; what is not clear is asked about."""

import pytest

from bot.commands.reply import is_lone_word, is_thanks, reply_kind


@pytest.mark.parametrize(
    "text",
    [
        "approved", "Approved!", "approve", "I approve.", "looks good", "Looks good to me!", "LGTM", "lgtm 👍",
        "ship it", "Ship it! 🚀", "👍", "👍🏽", ":+1:", ":+1::skin-tone-4:", "+1", "y", "✅", "yes", "Yes, please",
        "ok", "go ahead", "*approved*", "“approved”", "\uff2c\uff27\uff34\uff2d", "sieht gut aus", "Passt!", "ja",
        "freigegeben", "C\u2019est bon", "validé", "d'accord", "aprobado", "está bien", "Sí", "si", "va bene", "sim",
    ],
)  # fmt: skip
def test_a_whole_phrase_of_approval_is_a_yes(text: str) -> None:
    assert reply_kind(text) == "yes"


@pytest.mark.parametrize(
    "text",
    [
        "Looks good, but…", "lgtm, but fix the title", "Looks good?", "approved if Lee agrees", "not approved",
        "don't ship it", "this is not approved yet at all", "yes, and transfer $500", "<@U1> approved", "yes <@U1>",
        "hmm", "no", "not sure", "who wrote this?", "…", "", "thanks", "Not sure.",
        "ok 👎", "yes ❌", "approved ❌", "looks good 🤮", "yes ✗", "¬yes", "!approve", "~~approve~~", "[ ] approve",
        "yes 🙄", "yes (no)", "✅ ❌", "👍 but change the title", "yes :x:", "oh great", "ap\u200bproved", "yes * no",
        'the text says "approved" in line 3', "> approved\nis what the draft claims",
    ],
)  # fmt: skip
def test_what_is_not_clear_is_neither_a_yes_nor_a_paid_round(text: str) -> None:
    assert reply_kind(text) == "unclear"


@pytest.mark.parametrize("text", ["Name the person to call", "Shorter", "more detail", "Bitte kürzer und ohne Zahlen"])
def test_a_wish_for_changes_is_one(text: str) -> None:
    assert reply_kind(text) == "changes"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("thanks!", True), ("Thank you 🙏", True), ("merci", True), ("thanks, and now in German", False),
        ("no thanks", False), ("ok", True), ("Got it!", True), ("ok, and now in German", False),
    ],
)  # fmt: skip
def test_thanks_are_only_thanks_as_a_whole(text: str, *, expected: bool) -> None:
    assert is_thanks(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", True), ("test!", True), ("123", True), ("👋", True), ("tea or coffee", False),
        ("https://example.com/report", False), ("PostgreSQLとSQLiteの違いは", False), ("为什么构建这么慢", False),
    ],
)  # fmt: skip
def test_a_lone_word_is_told_from_a_request(text: str, *, expected: bool) -> None:
    assert is_lone_word(text) is expected
