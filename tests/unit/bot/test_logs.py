"""Logs are one JSON object a line, bound to the run, and no secret passes whoever logged it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.logger import get_bolt_app_logger, get_bolt_logger
from slack_bolt.middleware.request_verification.async_request_verification import AsyncRequestVerification

from bot.logs import configure_logs

KEY = "a-key-of-no-known-shape"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    stream = io.StringIO()
    configure_logs("info", secrets=(KEY, "short"), stream=stream)
    yield stream
    root.handlers[:], level, config = before
    root.setLevel(level)
    structlog.configure(**config)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_with_its_run(stream: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(run="r1"):
        structlog.get_logger("bot.test").info("step", cost_nusd=5)
    (line,) = lines(stream)
    assert (line["event"], line["run"], line["cost_nusd"], line["level"]) == ("step", "r1", 5, "info")


@pytest.mark.parametrize("secret", [KEY, "xoxb-1-abc", "xapp-1-A-2", "sk-proj-0123456789ab", "Bearer abc.def"])
def test_no_secret_passes_wherever_it_stands(stream: io.StringIO, secret: str) -> None:
    logger = structlog.get_logger("bot.test")
    logger.info(secret, nested={"header": [secret]}, pair=(secret, 1))
    logging.getLogger("some.library").warning("failed with %s", secret)
    logger.error("failed", exc_info=ValueError(secret))
    assert len(lines(stream)) == 3
    assert secret not in stream.getvalue()
    assert stream.getvalue().count("[secret]") >= 5


def test_a_secret_as_short_as_a_word_is_left_alone(stream: io.StringIO) -> None:
    structlog.get_logger("bot.test").info("a short word")
    assert lines(stream)[0]["event"] == "a short word"


@pytest.mark.parametrize("name", ["mcp.client.streamable_http", "mcp.client.auth.oauth2"])
def test_what_a_server_of_tools_said_stays_out_with_the_exception_that_quotes_it(
    stream: io.StringIO, name: str
) -> None:
    logger = logging.getLogger(name)
    logger.setLevel("DEBUG")
    logger.info("Sending client message: %s", {"arguments": "words of a person"})
    try:
        int("words of a person")
    except ValueError:
        logger.exception("OAuth flow error")
    (line,) = lines(stream)
    assert line["event"] == "OAuth flow error (ValueError)"
    assert "words" not in stream.getvalue()


def test_payloads_that_libraries_would_print_stay_out(stream: io.StringIO) -> None:
    logging.getLogger("slack_sdk.web").info("request body with a person's words")
    logging.getLogger("slack_bolt.AsyncApp").debug("payload")
    for bolts in (get_bolt_logger(AsyncRequestVerification), get_bolt_app_logger("agents", AsyncApp)):
        assert bolts.level == logging.INFO
        bolts.info("Invalid request signature detected (body: text=a+person%27s+words)")
    structlog.get_logger("bot.test").debug("below the level")
    assert stream.getvalue() == ""
