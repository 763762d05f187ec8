import pytest

from bot.commands.budget import (
    BudgetCommand,
    EditBudget,
    Flip,
    Grant,
    LiftModel,
    ReleaseCalls,
    SetAlerts,
    SetAmount,
    SetDigest,
    SetModels,
    SetOwner,
    SetZone,
    ShowAll,
    ShowAudit,
    ShowBudget,
    ShowReport,
)
from bot.commands.budget_parser import parse_budget
from bot.commands.budget_values import read_amount
from patterns.core.errors import UserError

USD = 1_000_000_000
CALL = "r0123456789ab/pipeline/2/1.1"
SHARES = "Write thresholds between 1 and 100 per cent, like 50 80 95."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ShowBudget()),
        ("report", ShowReport()),
        ("report csv", ShowReport(csv=True)),
        ("report 2026-10", ShowReport("2026-10")),
        ("report csv 2026-10", ShowReport("2026-10", csv=True)),
        ("audit", ShowAudit()),
        ("all", ShowAll()),
        ("edit", EditBudget()),
        ("set 50", SetAmount("limit", 50 * USD)),
        ("Set $50.25", SetAmount("limit", 5025 * USD // 100)),
        ("set 50 dollars", SetAmount("limit", 50 * USD)),
        ('set 50 "after the launch"', SetAmount("limit", 50 * USD, "after the launch")),
        ("set default", SetAmount("limit", None)),
        ("set 0", SetAmount("limit", 0)),
        ("set $1,250.00", SetAmount("limit", 1250 * USD)),
        ("grant 0.0042", Grant(4_200_000)),
        ("user-cap 5", SetAmount("user-cap", 5 * USD)),
        ("user-cap off", SetAmount("user-cap", None)),
        ("default 25", SetAmount("channel-default", 25 * USD)),
        ("dm-default 5", SetAmount("dm-default", 5 * USD)),
        ("workspace 100", SetAmount("workspace-limit", 100 * USD)),
        ('grant 10 "launch week"', Grant(10 * USD, "launch week")),
        ("grant 10", Grant(10 * USD)),
        ("alerts 50 80 95 100", SetAlerts((50, 80, 95, 100))),
        ("alerts 95%, 50%", SetAlerts((50, 95))),
        ("zone Europe/Paris", SetZone("Europe/Paris")),
        ("freeze", Flip("freeze")),
        ('freeze "until the audit"', Flip("freeze", "until the audit")),
        ("unfreeze", Flip("unfreeze")),
        ("pause", Flip("pause")),
        ("resume", Flip("resume")),
        (f'release {CALL} "never billed"', ReleaseCalls((CALL,), "never billed")),
        ("release", EditBudget()),
        (f"release `{CALL}` 'never billed'", ReleaseCalls((CALL,), "never billed")),
        ("lift small 150", LiftModel("small", 150)),
        ("digest on", SetDigest(on=True)),
        ("digest off", SetDigest(on=False)),
        ("owner <@U0DANA>", SetOwner("U0DANA", owns=True)),
        ("owner @dana (U0DANA)", SetOwner("U0DANA", owns=True)),
        ("owner remove @dana (U0DANA)", SetOwner("U0DANA", owns=False)),
        ("models any", SetModels(())),
        ("models openai", SetModels(("openai",))),
        ("models openai, anthropic/claude-haiku-4-5", SetModels(("openai", "anthropic/claude-haiku-4-5"))),
    ],
)
def test_a_command_and_its_values(text: str, expected: BudgetCommand) -> None:
    assert parse_budget(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "for the offsite",
        "set up a meeting",
        "grant writing help for a museum",
        "report for the board",
        "alerts for the team",
        "freeze until the audit is done",
        "release notes for 2.0",
        "all of it on one page",
        "owner of the roadmap",
        "models for the forecast",
        "digest of this thread",
        "zone planning rules explained",
        "pause and think about it",
    ],
)
def test_what_does_not_fit_the_grammar_is_a_request(text: str) -> None:
    assert parse_budget(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("grant", 'I cannot read `budget grant`. Write it like `budget grant 10 "launch week"`; '),
        (
            "grant ten dollars",
            'I cannot read `budget grant ten dollars`. Write it like `budget grant 10 "launch week"`; ',
        ),
        ("set nan", "I cannot read `budget set nan`. Write it like `budget set 50`; "),
        ("set\n", "I cannot read `budget set`. Write it like `budget set 50`; "),
        ("zone", "I cannot read `budget zone`. Write it like `budget zone Europe/Paris`; "),
        (
            'release nonsense "x"',
            'I cannot read `budget release nonsense "x"`. Write it like `budget release CALL "why"`; ',
        ),
        ("report october", "I cannot read `budget report october`. Write it like `budget report 2026-10`; "),
        ("report 2026-1\uff10", "2026-1\uff10 is not a month. Write it like 2026-10."),
    ],
)
def test_an_attempt_that_cannot_be_read_is_never_a_paid_request(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as raised:
        parse_budget(text)
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("set 50,00", "50,00 could mean two amounts. Write it with a point and no comma, like 50.00 or 1000."),
        ("set 1,000", "1,000 could mean two amounts. Write it with a point and no comma, like 50.00 or 1000."),
        ("set 1e9", "1e9 is too easy to misread. Write the amount out, like 50."),
        ("set -5", "-5 is negative. Write an amount from 0 up, like 50."),
        ("set €50", "€50 is not in US dollars, the only currency here. Write the amount like 50 or $50."),
        ("set 50 EUR", "50 EUR is not in US dollars, the only currency here. Write the amount like 50 or $50."),
        ("set 1000000000", "1000000000 is not an amount I can take. Write dollars between 0 and 1000000."),
        ("set 5o", "'5o' is not an amount in dollars. Write it like 25 or 25.50."),
        ("grant 0", "A grant of nothing changes nothing. Write how many dollars, like 10."),
        (
            "grant 10 launch week",
            'Write one amount, like `budget grant 10`, and a reason in quotes, like `budget grant 10 "launch week"`.',
        ),
        (
            "alerts 0 80",
            f"At 0 % nothing is spent yet. {SHARES}",
        ),
        (
            "alerts 200",
            f"200 % is never reached: spending stops at 100 % of the limit. {SHARES}",
        ),
        ("alerts 5.5", "Write the thresholds as whole per cent, like 50 80 95."),
        ("zone Mars/Base", "I know no time zone 'Mars/Base'. Write one like Europe/Paris or UTC."),
        ("zone ../etc/passwd", "I know no time zone '../etc/passwd'. Write one like Europe/Paris or UTC."),
        ("report 2026-13", "2026-13 is not a month. Write it like 2026-10."),
        ("report 2026-1 csv", "2026-1 is not a month. Write it like 2026-10."),
        (
            f"release {CALL}",
            'Say why it costs nothing, in quotes: budget release CALL "the provider lists no such call".',
        ),
    ],
)
def test_bad_input_is_one_sentence_that_says_what_to_write(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_budget(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("text", ["", " ", "$", "nan", "inf", "\u0665\u0660", "0x10", "5 0", "--5", "1.2.3", "50£"])
def test_nothing_but_plain_dollars_is_an_amount(text: str) -> None:
    with pytest.raises(UserError):
        read_amount(text)
