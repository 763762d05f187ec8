"""What a message says, wherever Slack puts the words; what it shows besides them is named."""

from typing import Any

import pytest

from bot.commands.message_words import (
    ATTACHED_ONLY,
    attached_words,
    files_of,
    request_in,
    share_words,
    shares_of,
    unread_in,
    words_of,
)


def rich(*texts: str) -> list[dict[str, Any]]:
    sections = [{"type": "rich_text_section", "elements": [{"type": "text", "text": text}]} for text in texts]
    return [{"type": "rich_text", "elements": sections}]


SHARE = {
    "is_share": True,
    "is_msg_unfurl": True,
    "author_name": "Lee",
    "text": "The *budget* is gone &amp; spent",
    "fallback": "[November 3rd] Lee: The budget is gone & spent",
    "message_blocks": [{"message": {"blocks": rich("The budget is gone & spent")}}],
    "files": [{"id": "F9", "name": "bill.pdf"}],
}
ALERT = {"title": "CPU high", "text": "on two hosts", "fields": [{"title": "Host", "value": "db1"}], "fallback": "CPU"}

SAID = [
    ({"text": "hi &amp; <https://x.y|docs>"}, "hi & docs (https://x.y)"),
    ({"text": "", "blocks": rich("one", "two")}, "one\ntwo"),
    ({"text": "one two", "blocks": rich("one two")}, "one two"),
    ({"text": "short", "blocks": rich("short and the rest")}, "short and the rest"),
    ({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Status"}}]}, "Status"),
    ({"blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "*Up*"}]}]}, "*Up*"),
    ({"blocks": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "by dana"}]}]}, "by dana"),
    ({"blocks": [{"type": "markdown", "text": "# All"}]}, "# All"),
    (
        {
            "blocks": [
                {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}]]}
            ]
        },
        "a | b |",
    ),
    ({"attachments": [ALERT]}, "CPU high\non two hosts\nHost: db1"),
    ({"attachments": [{"fallback": "only this"}]}, "only this"),
    ({"attachments": [SHARE]}, "forwarded from Lee: The *budget* is gone & spent"),
    ({"text": "\u200b"}, ""),
    ({}, ""),
]


@pytest.mark.parametrize(("message", "expected"), SAID)
def test_words_are_found_wherever_they_stand(message: dict[str, Any], expected: str) -> None:
    assert words_of(message) == expected


@pytest.mark.parametrize("odd", [{"blocks": 5}, {"attachments": [None, 7]}, {"blocks": [{"type": "x", "text": 5}]}])
def test_what_has_no_known_shape_says_nothing(odd: dict[str, Any]) -> None:
    assert words_of(odd) == ""


def test_a_forwarded_message_brings_its_words_and_files() -> None:
    message = {"text": "look", "attachments": [SHARE, ALERT], "files": [{"id": "F1"}]}
    assert [share_words(share) for share in shares_of(message)] == ["The *budget* is gone & spent"]
    assert [file["id"] for file in files_of(message)] == ["F1", "F9"]
    assert attached_words(message) == "CPU high\non two hosts\nHost: db1"


def test_a_forward_out_of_a_private_channel_says_nothing() -> None:
    private = {"is_share": True, "private_channel_prompt": True, "fallback": "a private message"}
    assert share_words(private) == ""


def test_pictures_and_videos_are_named() -> None:
    message = {"blocks": [{"type": "image", "alt_text": "a cat"}], "attachments": [{"image_url": "x"}]}
    assert unread_in({**message, "blocks": [*message["blocks"], {"type": "video"}]}) == ["a picture", "a video"]


@pytest.mark.parametrize(
    ("message", "text", "expected"),
    [
        ({}, "why?", "why?"),
        ({}, "\u2060", ""),
        ({"attachments": [SHARE]}, "why?", "why?"),
        ({"attachments": [SHARE]}, "", ATTACHED_ONLY),
        ({"attachments": [{"is_share": True}]}, "\u200b", ATTACHED_ONLY),
        ({"attachments": [ALERT]}, "", ATTACHED_ONLY),
        ({"blocks": rich("why is it slow?")}, "", "why is it slow?"),
    ],
)
def test_what_is_asked_stands_in_the_text_or_in_what_it_brings(
    message: dict[str, Any], text: str, expected: str
) -> None:
    assert request_in(message, text) == expected
