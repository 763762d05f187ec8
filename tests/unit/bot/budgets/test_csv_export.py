import csv
import io

import pytest

from bot.budgets.csv_export import month_csv
from storage.ledger.months import SpendRow

PAYLOAD = '=HYPERLINK("https://evil.example")'


def cell_of(name: str) -> str:
    spent = SpendRow(
        flow=name, agent="a", model="m", user="U1", calls=1, nusd=1, uncertain_nusd=0, input_tokens=1, output_tokens=1
    )
    return next(csv.DictReader(io.StringIO(month_csv([spent], "2026-11"))))["flow"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe62", "\u2212"])
@pytest.mark.parametrize("skipped", ["", " ", "\t", "\r", "\n", "\u00a0", "\u200b", "\ufeff", "\u3000", " \t\u2060 "])
def test_a_formula_behind_whatever_a_spreadsheet_skips_is_text(sign: str, skipped: str) -> None:
    assert cell_of(f"{skipped}{sign}1+1").startswith("'")


@pytest.mark.parametrize("name", ["answer", " answer", "a=b", "1-2", "'quoted", "Zoë", ""])
def test_names_stay_as_they_are(name: str) -> None:
    assert cell_of(name) == name
