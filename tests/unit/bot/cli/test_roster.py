"""`agents roster` as people run it."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli.main import main
from patterns.roster.reading import read_roster_file
from patterns.roster.roster import load_roster

SHIPPED_FILE = Path(__file__).parents[4] / "patterns" / "roster.yml"
SHIPPED = SHIPPED_FILE.read_text("utf-8")


def checked(*args: str) -> Result:
    return CliRunner().invoke(main, ["roster", "check", *args])


def test_the_shipped_roster_is_fine_and_taken_without_a_name() -> None:
    told = checked()
    shipped = load_roster(SHIPPED, file="roster.yml", env={})
    counts = f"{len(shipped.flows)} flows, {len(shipped.agents)} agents, {len(shipped.models)} models"
    assert (told.exit_code, told.output) == (0, f"{SHIPPED_FILE} is fine: {counts}.\n")


def test_a_roster_in_this_folder_that_was_not_checked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "roster.yml").write_text("extends: shipped\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    told = checked()
    assert told.output.splitlines()[0].startswith(f"{SHIPPED_FILE} is fine: ")
    assert told.output.splitlines()[1] == "./roster.yml was not checked: agents roster check roster.yml checks it."
    told = checked("roster.yml")
    assert told.output.splitlines()[0].startswith(f"{tmp_path / 'roster.yml'} is fine: ")
    assert "not checked" not in told.output


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("openai/gpt-5-mini", "web.search searches at the provider of {} for researcher, analyst, $0.01 a search."),
        ("ollama/llama3", "web.search is off for researcher, analyst: {} has no web search that we can ask for."),
    ],
)
def test_it_says_which_agents_can_search_the_web(model: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.yml"
    price = "{input_usd_per_mtok: 1, output_usd_per_mtok: 1}"
    file.write_text(f"extends: shipped\nmodels: {{fast: {{model: {model}, price: {price}}}}}\n", "utf-8")
    told = checked(str(file))
    assert (told.exit_code, told.output.splitlines()[-1]) == (0, said.format(model))


def test_every_mistake_is_a_line_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "ours.yml"
    file.write_text(SHIPPED.replace("default: answer", "default: anser").replace("run_s: 300", "run_s: long"), "utf-8")
    told = checked(str(file))
    lines = told.output.splitlines()
    assert told.exit_code == 1
    assert [line.partition(":")[0] for line in lines[:-1]] == ["ours.yml", "ours.yml"]
    assert lines[-1] == "2 things to fix."


def test_a_model_without_a_price_is_found_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "ours.yml"
    file.write_text(SHIPPED.replace("${AGENTS_MODEL_FAST:-auto}", "openai/nobody-knows-it", 1), "utf-8")
    told = checked(str(file))
    assert told.output.splitlines()[0].startswith("ours.yml:11: No price is known for fast (openai/nobody-knows-it).")
    assert told.output.splitlines()[1] == "1 thing to fix."


def test_prompts_of_ones_own_that_nobody_uses_are_named(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "lawyer.md.j2").write_text("You.\n=== user\n{{ request }}", "utf-8")
    (tmp_path / "ours.yml").write_text(SHIPPED, "utf-8")
    told = checked(str(tmp_path / "ours.yml"))
    assert told.output.splitlines()[1] == "prompts/lawyer.md.j2 is used by no agent."


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read: No such file"), (b"\xff\xfe", "is no UTF-8 text"), (b"", "the file is empty")],
)
def test_what_is_no_roster_is_a_sentence(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "ours.yml"
    if content is not None:
        file.write_bytes(content)
    told = checked(str(file))
    assert told.exit_code == 1
    assert said in told.output


def test_a_folder_is_a_sentence(tmp_path: Path) -> None:
    assert "is a folder. Name the roster in it" in checked(str(tmp_path)).output


CLERK = """extends: shipped
tools: {{desk: {{python: "tools.py:find", read_only: [find]}}}}
models: {{fast: {{model: openai/gpt-5-mini}}, strong: {{model: openai/gpt-5-mini}}}}
agents:
  clerk: {{description: Answers., model: fast, prompt: You answer., tools: [desk], timeout_s: 60,
    max_output_tokens: 400, step_usd: {usd}}}
"""


@pytest.mark.parametrize(
    ("usd", "code", "said"),
    [
        (
            "0.0001",
            1,
            "ours.yml:6: clerk: step_usd $0.00010 is below $0.0",
        ),
        (
            "0.02",
            0,
            "clerk: step_usd $0.02 is below $0.0",
        ),
        ("0.50", 0, ""),
    ],
)
def test_a_step_that_cannot_begin_within_its_limit_is_told(tmp_path: Path, usd: str, code: int, said: str) -> None:
    file = tmp_path / "ours.yml"
    file.write_text(CLERK.format(usd=usd), "utf-8")
    told = checked(str(file))
    assert told.exit_code == code
    assert said in told.output
    assert ("step_usd" in told.output) is bool(said)


# ---------------------------------------------------------------- new and show


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["roster", *args])


def test_a_new_roster_is_right_and_comes_with_a_prompt(tmp_path: Path) -> None:
    told = run("new", str(tmp_path / "ours"))
    assert told.exit_code == 0, told.output
    assert (tmp_path / "ours" / "prompts" / "support.md.j2").exists()
    assert checked(str(tmp_path / "ours" / "roster.yml")).exit_code == 0


def test_a_new_roster_takes_nobody_s_place(tmp_path: Path) -> None:
    (tmp_path / "roster.yml").write_text("mine", "utf-8")
    told = run("new", str(tmp_path))
    assert (told.exit_code, "roster.yml is there already" in told.output) == (1, True)
    assert (tmp_path / "roster.yml").read_text("utf-8") == "mine"
    assert not (tmp_path / "prompts").exists()


def test_what_is_shown_is_the_whole_roster_with_its_origins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTS_MODEL_FAST", "openai/gpt-5-mini")
    monkeypatch.setenv("GATEWAY_TOKEN", "very-secret")
    monkeypatch.delenv("AGENTS_MODEL_STRONG", raising=False)
    run("new", str(tmp_path))
    file = tmp_path / "roster.yml"
    file.write_text(
        f"{file.read_text('utf-8')}\nmodels:\n  strong: {{note: '${{GATEWAY_TOKEN}}'}}\nlimits: {{run_usd: 1.00}}\n",
        "utf-8",
    )
    shown = run("show", str(file)).output
    lines = [line.strip() for line in shown.splitlines()]
    number = file.read_text("utf-8").splitlines().index("limits: {run_usd: 1.00}") + 1
    assert f"run_usd: 1.00  # roster.yml:{number}" in lines
    assert "model: openai/gpt-5-mini  # from AGENTS_MODEL_FAST" in lines
    assert "model: auto  # AGENTS_MODEL_STRONG is not set" in lines
    assert "strong:  # inherited, with changes of roster.yml" in lines
    assert "prompt: support  # prompts/support.md.j2" in lines
    assert "very-secret" not in shown
    (tmp_path / "shown.yml").write_text(shown, "utf-8")
    env = dict(os.environ)
    ours, again = (read_roster_file(tmp_path / name, env=env) for name in ("roster.yml", "shown.yml"))
    assert (again.models, again.agents, again.flows) == (ours.models, ours.agents, ours.flows)
    assert (again.router, again.limits, again.budgets, again.prompts) == (
        ours.router,
        ours.limits,
        ours.budgets,
        ours.prompts,
    )


def test_the_shipped_roster_is_shown_without_origins() -> None:
    assert "inherited" not in run("show").output


def test_the_flows_are_drawn_with_limits_and_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-double")
    shown = run("show", "--diagram").output.splitlines()
    at = next(number for number, line in enumerate(shown) if line.startswith("decide · about $"))
    assert shown[at + 2] == "side by side, 2 of 4 must answer"
    assert shown[at + 3] == "├─ advocate     gpt-5-mini, 400 tokens, 60 s"
    assert shown[-1].startswith("A run may take $0.50, 300 s, 30 steps")


def test_a_flow_whose_models_are_not_chosen_has_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert "decide · its price is not known here" in run("show", "--diagram").output.splitlines()
