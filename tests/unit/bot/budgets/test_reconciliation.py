import json
from datetime import date
from typing import Any

import pytest

from bot.budgets.reconciliation import Used, compare, ledger_usage, read_export
from patterns.core.errors import UserError

CENT = 10_000_000
DAY = date(2026, 10, 5)
AT_US = 1_791_201_600_000_000  # 2026-10-05 12:00 UTC


def call(cents: int, tokens: tuple[int, int], **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": tokens[0], "output_tokens": tokens[1]}
    row = {"state": "settled", "model": "fast", "actual_nusd": cents * CENT, "opened_us": AT_US}
    return {**row, "usage_json": json.dumps(usage), **more}


LEDGER = ledger_usage(
    [call(3, (100, 10)), call(4, (200, 20)), call(9, (1, 1), state="released")], {"fast": "openai/gpt-5-mini"}
)


def test_the_ledger_is_summed_by_day_and_model_without_what_was_never_paid() -> None:
    assert list(LEDGER.items()) == [((DAY, "gpt-5-mini"), Used(300, 30, 7 * CENT))]


ROW = '"model": "gpt-5-mini", "input_tokens": 300, "output_tokens": 30'


@pytest.mark.parametrize(
    "text",
    [
        "date,model,input_tokens,output_tokens,cost_usd\n2026-10-05,gpt-5-mini,300,30,0.07\n",
        "Day,Model,Prompt Tokens,Completion Tokens,Cost\n2026-10-05,gpt-5-mini,300,30,$0.07\n",
        f'[{{"date": "2026-10-05T12:00:00Z", {ROW}, "cost": 0.07}}]',
        f'{{"data": [{{"timestamp": 1791201600, {ROW}, "cost": "0.07"}}]}}',
    ],
)
def test_exports_of_several_shapes_agree_with_it(text: str) -> None:
    assert compare(LEDGER, read_export(text, name="usage"), period="2026-10").differences == ()


def test_every_difference_is_named() -> None:
    export = {
        (DAY, "gpt-5-mini"): Used(310, 30, 9 * CENT),
        (DAY, "claude"): Used(5, 6, None),
        (date(2026, 11, 1), "gpt-5-mini"): Used(1, 1, CENT),
    }
    ledger = {**LEDGER, (date(2026, 10, 6), "gpt-5-mini"): Used(0, 0, 12 * CENT)}
    assert compare(ledger, export, period="2026-10").differences == (
        "2026-10-05 claude: only the provider has it, 5 + 6 tokens.",
        "2026-10-05 gpt-5-mini: the ledger has 300 input tokens, the provider 310 (-10).",
        "2026-10-05 gpt-5-mini: the ledger has $0.07, the provider billed $0.09.",
        "2026-10-06 gpt-5-mini: only the ledger has it, $0.12: look for uncertain calls of that day.",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "usage.csv has no rows."),
        ("date,model\n", "usage.csv has no rows."),
        ("date,model\n2026-10-05,gpt\n", "Row 1 of usage.csv: there is no input_tokens."),
        ("date,model,input_tokens,output_tokens\nyesterday,gpt,1,1\n", "Row 1 of usage.csv: "),
        ("date,model,input_tokens,output_tokens,cost\n2026-10-05,gpt,1,1,free\n", "Row 1 of usage.csv: "),
        ("[oops", "That is not JSON: "),
    ],
)
def test_a_file_that_is_no_export_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        read_export(text, name="usage.csv")
    assert str(refused.value).startswith(sentence)
