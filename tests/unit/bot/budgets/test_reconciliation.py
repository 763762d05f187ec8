import json
from datetime import date
from typing import Any

import pytest

from bot.budgets.reconciliation import Used, compare, ledger_usage, read_export, tool_lines
from bot.budgets.usage_exports import decoded
from patterns.core.errors import UserError

CENT = 10_000_000
DAY = date(2026, 10, 5)
AT_US = 1_791_201_600_000_000  # 2026-10-05 12:00 UTC


def call(cents: int, tokens: tuple[int, int], **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": tokens[0], "output_tokens": tokens[1]}
    row = {"state": "settled", "model": "openai/gpt-5-mini", "actual_nusd": cents * CENT, "opened_us": AT_US}
    return {**row, "usage_json": json.dumps(usage), **more}


LEDGER = ledger_usage([call(3, (100, 10)), call(4, (200, 20)), call(9, (1, 1), state="released")])


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


def test_tools_are_told_beside_and_compared_with_nobody_s_bill() -> None:
    calls = [
        call(3, (100, 10)),
        call(2, (0, 0), model="tool:desk.act"),
        call(2, (0, 0), model="tool:desk.act"),
        call(9, (0, 0), model="tool:desk.look", state="released"),
    ]
    assert list(ledger_usage(calls)) == [(DAY, "gpt-5-mini")]
    told = "desk.act (tool): 2 calls, $0.04, which no provider of models bills."
    assert tool_lines(calls, period="2026-10") == (told,)
    assert tool_lines(calls, period="2026-09") == ()


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


BUCKET = {"object": "bucket", "start_time": 1791158400, "end_time": 1791244800}
OPENAI = {"object": "organization.usage.completions.result", "input_cached_tokens": 50, "num_model_requests": 2}
OPENAI |= {"input_tokens": 300, "output_tokens": 30, "model": "gpt-5-mini-2025-08-07", "project_id": None}
CLAUDE = {"uncached_input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 30, "model": "gpt-5-mini"}
CLAUDE |= {"cache_creation": {"ephemeral_1h_input_tokens": 100, "ephemeral_5m_input_tokens": 50}}
CLAUDE |= {"server_tool_use": {"web_search_requests": 1}, "service_tier": "standard"}
CONSOLE = "usage_date_utc,model_version,api_key,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
CONSOLE += "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens\n"
CONSOLE += "2026-10-05,gpt-5-mini,key,100,50,100,50,30\n"
USAGE_CSV = "start_time,end_time,start_time_iso,project_id,num_model_requests,model,input_tokens,output_tokens\n"
USAGE_CSV += "1791158400,1791244800,2026-10-05T00:00:00+00:00,,2,gpt-5-mini-2025-08-07,300,30\n"
USAGE_CSV += "1791244800,1791331200,2026-10-06T00:00:00+00:00,,,,,\n"
SEMICOLONS = 'Date;Model;Input tokens;Output tokens;Cost\n05.10.2026;gpt-5-mini;300;30;"0,07"\n'
FILES = {
    "OpenAI's API": json.dumps(
        {"object": "page", "data": [{**BUCKET, "results": [OPENAI]}, {**BUCKET, "results": []}]}
    ),
    "pages, one a line": json.dumps({"data": [{**BUCKET, "results": [OPENAI]}]})
    + "\n"
    + json.dumps({"data": []})
    + "\n",
    "OpenAI's CSV": USAGE_CSV,
    "Anthropic's API": json.dumps({"data": [{"starting_at": "2026-10-05T00:00:00Z", "results": [CLAUDE]}]}),
    "Anthropic's CSV": CONSOLE,
    "semicolons": SEMICOLONS,
    "a spreadsheet's hint": "sep=;\n" + SEMICOLONS,
    "tabs": SEMICOLONS.replace(";", "\t").replace('"0,07"', "0.07"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_exports_of_providers_and_spreadsheets_agree_with_it(name: str) -> None:
    assert compare(LEDGER, read_export(FILES[name], name="usage"), period="2026-10").differences == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_every_encoding_is_read(encoding: str) -> None:
    text = SEMICOLONS.replace("Model;", "Model;Caf\u00e9;").replace("gpt-5-mini;", "gpt-5-mini;x;")
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize("written", ["1050", "1,050", "1.050", "1 050", "1'050", "1\u202f050", "1050.0"])
def test_grouped_digits_are_one_number(written: str) -> None:
    text = f'date,model,input_tokens,output_tokens\n2026-10-05,gpt,"{written}",1\n'
    assert read_export(text, name="usage") == {(DAY, "gpt"): Used(1050, 1, None)}


@pytest.mark.parametrize(
    ("written", "cents"), [("$1,234.50", 123_450), ("1.234,50", 123_450), ("1,050", 105_000), ("0.07 USD", 7)]
)
def test_amounts_are_read_as_they_are_written(written: str, cents: int) -> None:
    text = f'date,model,input_tokens,output_tokens,cost\n2026-10-05,gpt,1,1,"{written}"\n'
    assert read_export(text, name="usage") == {(DAY, "gpt"): Used(1, 1, cents * CENT)}


HEAD = b"date,model,input_tokens,output_tokens,cost_usd\n"
NONSENSE = {
    "bytes": (b"\x89PNG\r\r\n\x1a\r\x00\xff\xfe,\r;", "has no rows"),
    "a field without an end": (HEAD + b'2026-10-05,"' + b"x" * 200_000, "neither CSV nor JSON"),
    "JSON nested too deep": (b"[" * 100_000, "nested too deep"),
    "an object nested too deep": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested too deep"),
    "a number that fills the memory": (HEAD + b"2026-10-05,m,1e99999999,2,0.1", "1e99999999 is no number of tokens"),
    "an amount that fills the memory": (HEAD + b"2026-10-05,m,1,2,1e99999999", "1e99999999 is no amount"),
    "a number without an end": (HEAD + b"2026-10-05,m,Infinity,2,0.1", "Infinity is no number of tokens"),
    "an amount that is none": (HEAD + b"2026-10-05,m,1,2,sNaN", "sNaN is no amount"),
    "a number of many digits": (b'[{"date":"2026-10-05","model":"m","input_tokens":' + b"9" * 9000 + b"}]", "too long"),
    "a day beyond time": (HEAD + b"99999999999999999999,m,1,2,0.1", "is no day"),
    "a day that is a sum": (HEAD + b"2026-10-05,m,1,2,0.1\nTotal,m,1,2,0.1", "Row 2 of x.csv: Total is no day"),
    "a long word for a day": (HEAD + b"nonsense" * 1000 + b",m,1,2,0.1", "nonsensenonsensenons is no day"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_a_sentence_of_ours(name: str) -> None:
    data, words = NONSENSE[name]
    with pytest.raises(UserError) as refused:
        read_export(decoded(data), name="x.csv")
    said = str(refused.value)
    assert (words in said, "<class" in said, len(said) < 250) == (True, False, True)


def test_a_model_s_name_is_shown_without_what_moves_a_terminal() -> None:
    found = read_export(decoded(HEAD + b"2026-10-05,\x1b[31mm\x00,1,2,0.1\r"), name="x.csv")
    assert list(found) == [(date(2026, 10, 5), "[31mm")]
