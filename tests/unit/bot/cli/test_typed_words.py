"""Words of Slack's grammar in a request of a shell: refused with the options that mean the same."""

import pytest

from bot.cli.typed_words import check_typed
from patterns.core.errors import UserError

FLOWS = ("answer", "decide")


def said(request: str, *, flow: str = "", estimate: bool = False, dry_run: bool = False) -> str:
    try:
        check_typed(request, FLOWS, flow=flow, estimate=estimate, dry_run=dry_run)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ("use decide: SQLite or PostgreSQL?", "--flow decide"),
        ("  Use Decide : tea", "--flow decide"),
        ("use decide with sceptic, chair: tea", "--flow decide --agents sceptic,chair"),
        ("estimate: explain x", "--estimate"),
        ("estimate: use decide: tea", "--estimate --flow decide"),
        ("estimate: use zebra: tea", "--estimate"),
        ("estimate\uff1a tea", "--estimate"),
    ],
)
def test_it_is_refused_with_the_options_that_say_it(request_: str, options: str) -> None:
    assert said(request_).startswith("Nothing was spent. In a shell, ")
    assert said(request_).endswith(f' with options: agents ask {options} "REQUEST"')


@pytest.mark.parametrize(
    "request_",
    ["use zebra: stripes", "use decide to choose", "estimate the effort: two weeks?", "how to use decide: tea", ""],
)
def test_anything_else_is_a_request(request_: str) -> None:
    assert said(request_) == ""


def test_an_option_that_is_given_settles_what_is_meant() -> None:
    assert said("use decide: tea", flow="answer") == ""
    assert said("estimate: tea", estimate=True) == ""
    assert said("use decide: tea", estimate=True).endswith('--estimate --flow decide "REQUEST"')
    assert said("use decide: tea", dry_run=True).endswith('--dry-run --flow decide "REQUEST"')
    assert said("estimate: tea", flow="answer").endswith('--estimate --flow answer "REQUEST"')
