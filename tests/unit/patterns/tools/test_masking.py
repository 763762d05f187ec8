"""What looks like a secret is masked where people see arguments and results."""

import json
import time

import pytest

from patterns.tools.masking import RESULT_CHARS, shown_arguments, shown_result


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (
            '{"user": "ann", "password": "hunter2", "api_key": "k-1"}',
            '{"user": "ann", "password": "••••", "api_key": "••••"}',
        ),
        (
            '[{"secret": {"value": "zz", "on": true}}, {"pass": 1234}]',
            '[{"secret": {"value": "••••", "on": true}}, {"pass": "••••"}]',
        ),
        (
            '{"db": "postgres://u:p4ss@h/db", "log": "token=abc", "n": 1}',
            '{"db": "postgres://••••@h/db", "log": "token=••••", "n": 1}',
        ),
        ('{"a": "x", "password": "hun\\"ter2", "b": 1', '{"a": "x", "password": ••••, "b": 1'),
        ("{'password': 'hunter2', 'n': 1}", "{'password': ••••, 'n': 1}"),
        ("password: correct horse battery\nuser: ann", "password: ••••\nuser: ann"),
        ("DB_PASS = abc", "DB_PASS = ••••"),
        ("**Password:** hunter2", "**Password:••••"),
        ("<secret>hunter2</secret>", "<secret>••••"),
        ("X-Api-Key: k-1", "X-Api-Key: ••••"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: ••••"),
        ("sent with Bearer abc.def.ghi today", "sent with Bearer •••• today"),
        ("at postgres://u:p4ss@h/db now", "at postgres://••••@h/db now"),
        ("at https://u:p/4@ss@h/db now", "at https://••••@h/db now"),
        ("sk-live-abcdefghijklmnop1234", "••••"),
        ("Tests passed: 12. See https://medium.com/@ann, ann@x.example", None),
        ('{"passed": 3}', None),
        ("token bucket: full", None),
        ("", None),
        ("7", None),
    ],
)
def test_a_result_is_masked_by_names_as_arguments_are(result: str, shown: str | None) -> None:
    assert shown_result(result) == (result if shown is None else shown)


def test_words_of_arguments_stand_as_they_would_be_sent() -> None:
    arguments = {"body": "password: see below", "max_tokens": 100, "login": {"token": "abc"}, "url": "x://u:p@h"}
    assert json.loads(shown_arguments(arguments)) == {**arguments, "login": {"token": "••••"}}


@pytest.mark.parametrize(
    "text",
    ["://a:", "password", 'password:"', "-eyJ", "token ", "[", '{"a":', '"', "-----BEGIN ", '\\"', "Bearer ", "p:a@"],
)
def test_a_result_that_was_made_to_be_slow_is_not(text: str) -> None:
    begun = time.process_time()
    shown_result(text * 20_000)
    assert time.process_time() - begun < 0.5
    assert len(shown_result("x" * 2 * RESULT_CHARS)) == RESULT_CHARS
