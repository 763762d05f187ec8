"""Failures are judged by what providers really send, and their text is never trusted."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from patterns.core.errors import Charge
from patterns.models.error_objects import from_error, is_error
from patterns.models.faults import Failure, from_status, model_error
from patterns.models.waits import retry_after_s

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
        "Our account at the provider of fast is used up. An admin must top it up there. The provider said: no money"
    )


ERRORS = [
    ({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}, "overloaded", 529),
    ({"type": "error", "error": {"type": "api_error", "message": "no"}}, "server", 500),
    ({"error": {"type": "rate_limit_error", "message": "no"}}, "rate_limit", 429),
    ({"error": {"message": "Rate limit reached", "code": 429}}, "rate_limit", 429),
    ({"error": {"message": "no", "code": "429"}}, "rate_limit", 429),
    ({"error": {"message": "no", "type": "invalid_request_error", "code": "invalid_api_key"}}, "auth", 401),
    ({"error": {"message": "Insufficient credits", "code": 402}}, "quota", 402),
    ({"error": {"message": "no", "code": "context_length_exceeded"}}, "context_length", 400),
    ({"error": {"message": "no", "type": "content_policy_violation"}}, "content_policy", 400),
    ({"error": {"code": 503, "status": "UNAVAILABLE", "message": "no"}}, "overloaded", 503),
    ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "no"}}, "rate_limit", 429),
    ({"error": {"type": "scripted_error", "message": "no", "code": None}}, "server", None),
    ({"error": "Error code: 401 - no such key"}, "auth", 401),
    ({"error": "The engine is currently overloaded"}, "overloaded", 529),
    ({"error": "Too Many Requests"}, "rate_limit", 429),
    ({"error": {"message": "This model's maximum context length is 8192 tokens"}}, "context_length", 400),
    ({"error": {"message": "No auth credentials found"}}, "auth", 401),
    ({"success": False, "errors": [{"code": 7009, "message": "Upstream failed"}]}, "server", None),
    ({"code": 1302, "msg": "rate limit"}, "rate_limit", 429),
    ({"object": "error", "message": "maximum context length is 8192", "code": 400}, "context_length", 400),
    ({"detail": "Not authenticated"}, "auth", 401),
    ({"message": "Too many requests", "code": 1302}, "rate_limit", 429),
]


@pytest.mark.parametrize(("data", "reason", "status"), ERRORS)
def test_an_error_object_without_an_error_status_is_judged_by_its_own_code(
    data: dict[str, Any], reason: str, status: int | None
) -> None:
    failure = from_error(data)
    assert (is_error(data), failure.reason, failure.status) == (True, reason, status)


@pytest.mark.parametrize(
    "data",
    [5, None, [], {}, {"error": None, "choices": []}, {"choices": [], "code": 200}, {"content": [], "message": "x"}],
)
def test_what_is_no_error_object(data: Any) -> None:
    assert not is_error(data)


WAITS = [
    ("Please try again in 1.5s. Visit the docs", 1.5),
    ("Please try again in 350ms.", 0.35),
    ("Please try again in 6m0s.", 360.0),
    ("Please try again in 1h2m3.5s.", 3723.5),
    ("Please retry after 20 seconds.", 20.0),
    ("Please retry in 13.5s", 13.5),
    ("Try again in 2 minutes", 120.0),
    ("Wait 3 s and go on", 3.0),
    ("Try again later. Limit 3, used 3", None),
    ("It is 5 pm", None),
]


@pytest.mark.parametrize(("words", "seconds"), WAITS)
def test_a_wish_to_wait_in_words_is_heard(words: str, seconds: float | None) -> None:
    body = json.dumps({"error": {"message": words, "type": "rate_limit_error"}})
    assert from_status(429, body, {}).retry_after_s == pytest.approx(seconds)
    assert from_error(json.loads(body)).retry_after_s == pytest.approx(seconds)


def test_a_wish_in_milliseconds_is_finer_than_the_one_in_seconds() -> None:
    assert retry_after_s({"retry-after-ms": "350", "retry-after": "1"}) == 0.35
    assert retry_after_s({"retry-after-ms": "soon", "retry-after": "2"}) == 2.0


CAPS = [
    "max_tokens is too large: 200000. This model supports at most 16384 completion tokens.",
    "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-sonnet",
    "It has a maxOutputTokens value of 100000 but the supported range is from 1 (inclusive) to 65537 (exclusive).",
    "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 tokens",
    "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the window",
    "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
    "The maximum tokens you requested exceeds the model limit of 4096.",
]


@pytest.mark.parametrize("words", CAPS)
def test_a_cap_that_is_too_high_is_told_from_a_request_that_is_too_long(words: str) -> None:
    assert from_status(400, json.dumps({"error": {"message": words}}), {}).reason == "output_cap"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000", "context_length"),
        ("This model's maximum context length is 8192 tokens. However, you requested 10000 tokens", "context_length"),
        ("Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.", "bad_request"),
    ],
)
def test_other_words_about_tokens_are_no_cap(words: str, reason: str) -> None:
    assert from_status(400, json.dumps({"error": {"message": words}}), {}).reason == reason


def test_errors_in_a_list_of_words_are_judged_by_their_words() -> None:
    assert from_error({"errors": ["Invalid API key provided"]}).reason == "auth"
