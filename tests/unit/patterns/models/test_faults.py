"""Failures are judged by what providers really send, and their text is never trusted."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from patterns.core.errors import Charge
from patterns.models.faults import Failure, from_event, from_status, model_error

KEY = "abcd1234"


def detail(message: str) -> str:
    return from_status(400, json.dumps({"error": {"message": message}}), {}, KEY).detail


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Unknown parameter: 'x'.", "Unknown parameter: 'x'."),
        (f"the key {KEY} is wrong", "the key *** is wrong"),
        (
            "Incorrect API key provided: sk-proj-abc***xyz1234. See the docs",
            "Incorrect API key provided: *** See the docs",
        ),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("token AIzaSyA1234567890abcdefgh here", "token *** here"),
        ("line\nbreaks\x00 and\u202e <!channel> `code`", "line breaks and !channel code"),
        ("word " * 100, ("word " * 100)[:159] + "…"),
    ],
)
def test_only_a_cleaned_scrap_of_the_providers_words_stays(message: str, kept: str) -> None:
    assert detail(message) == kept


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", '{"error": null}', '{"error": []}', "[" * 5000])
def test_any_body_at_all_is_survived(body: str) -> None:
    failure = from_status(500, body, {})
    assert (failure.reason, failure.status) == ("server", 500)


def retry_after(header: str, body: str = "{}") -> float | None:
    return from_status(429, body, {"Retry-After": header}).retry_after_s


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("nan", None), ("inf", None), ("soon", None), ("", None)],
)
def test_retry_after_in_seconds(header: str, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_retry_after_as_a_date() -> None:
    wish = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert wish is not None
    assert 55 < wish <= 60
    assert retry_after(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) == 0.0


def test_gemini_tells_its_wish_in_the_body_and_that_is_no_empty_account() -> None:
    body = '{"error": {"message": "You exceeded your current quota", "details": [{"retryDelay": "13.5s"}]}}'
    assert from_status(429, body, {}) == Failure("rate_limit", 429, 13.5, "You exceeded your current quota")


def test_an_empty_account_is_not_worth_a_retry() -> None:
    failure = from_status(429, '{"error": {"code": "insufficient_quota", "message": "no money"}}', {})
    error = model_error("fast", failure, Charge.NOTHING)
    assert (error.reason, error.retryable) == ("rate_limit", False)
    assert str(error) == (
        "The provider's account behind fast is used up. An admin must top it up there. The provider said: no money"
    )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("overloaded_error", "overloaded"), ("rate_limit_error", "rate_limit"), ("api_error", "server")],
)
def test_an_error_inside_a_stream_is_judged_by_its_type(kind: str, reason: str) -> None:
    assert from_event({"type": "error", "error": {"type": kind, "message": "no"}}) == Failure(reason, detail="no")
