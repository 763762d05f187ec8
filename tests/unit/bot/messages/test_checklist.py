"""The checklist of an admin's home says what is so, and marks only what somebody should do something about."""

from dataclasses import replace

import pytest

from bot.manifest import needed_scopes, optional_scopes
from bot.messages.checklist import Facts, Limits, checks
from bot.messages.scopes import SCOPES

USD = 1_000_000_000
DAY_US = 86_400_000_000
FINE = Facts(
    granted=needed_scopes() | optional_scopes(),
    needed=needed_scopes(),
    optional=optional_scopes(),
    providers=("OpenAI",),
    texts_days=90,
    attachments_days=30,
    deliveries_days=7,
    ratings_days=1,
    limits=Limits(100 * USD, 25 * USD, 5 * USD, None),
    on_trial=(),
    owners=(),
    contact="Dana",
    backup_us=0,
    makes_own_backups=True,
    now_us=DAY_US,
)


def marked(facts: Facts) -> list[str]:
    return [check.text for check in checks(facts) if not check.is_fine]


def said(facts: Facts) -> str:
    return "\n".join(check.text for check in checks(facts))


def test_nothing_is_marked_where_all_is_set_up() -> None:
    assert marked(FINE) == []
    for words in (
        f"Permissions: all {len(SCOPES)} scopes of the manifest are granted.",
        (
            "Text goes to OpenAI. I keep texts for 90 days, attachments for 30 days, Slack's deliveries for 7 days, "
            "ratings for 1 day."
        ),
        (
            "Monthly limits: the workspace $100.00, a channel $25.00, one person's direct messages $5.00, no limit "
            "for one person over all channels."
        ),
        "People ask Dana for more budget.",
        "Last backup: 1 Jan 1970 00:00 UTC, 1 day ago.",
    ):
        assert words in said(FINE)


@pytest.mark.parametrize("scope", sorted(needed_scopes()))
def test_a_missing_scope_is_marked_with_what_does_not_work(scope: str) -> None:
    lacking = replace(FINE, granted=(FINE.granted or frozenset()) - {scope})
    head, line = marked(lacking)
    assert f"{len(SCOPES) - 1} of {len(SCOPES)} scopes" in head
    assert line == f"{scope} is missing. {SCOPES[scope].without}"


@pytest.mark.parametrize("scope", sorted(optional_scopes()))
def test_a_declined_scope_switches_off_one_feature_and_is_nobodys_task(scope: str) -> None:
    declined = replace(FINE, granted=(FINE.granted or frozenset()) - {scope})
    assert marked(declined) == []
    assert f"Switched off without {scope}: {SCOPES[scope].without}" in said(declined)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(FINE, on_trial=("#a", "#b")), "Nobody has enabled #a, #b yet."),
        (replace(FINE, contact=""), "Nobody is named as the person to ask for more budget."),
        (replace(FINE, backup_us=None), "No backup yet"),
        (replace(FINE, now_us=8 * DAY_US), "Last backup: 1 Jan 1970 00:00 UTC, 8 days ago."),
    ],
)
def test_what_somebody_should_do_something_about_is_marked(facts: Facts, words: str) -> None:
    (line,) = marked(facts)
    assert words in line


def test_what_cannot_be_known_is_said_and_not_marked() -> None:
    unknown = replace(FINE, granted=None, makes_own_backups=False, backup_us=None)
    assert marked(unknown) == []
    assert "this Slack does not say which scopes it granted" in said(unknown)
    assert "PostgreSQL is backed up with its own tools" in said(unknown)


def test_many_names_are_counted() -> None:
    many = replace(FINE, on_trial=tuple(f"#c{number}" for number in range(20)))
    assert "#c7 and 12 more" in said(many)


def test_every_scope_of_the_manifest_is_in_words() -> None:
    assert set(SCOPES) == needed_scopes() | optional_scopes()
    assert all(one.purpose.endswith(".") and one.without.endswith(".") for one in SCOPES.values())
