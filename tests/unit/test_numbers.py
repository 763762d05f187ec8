"""The README's numbers are those of docs/bench.json, and a bench that fails or is cut off keeps what it has."""

import json
import sys
from pathlib import Path

import pytest

from tests.bench import __main__ as command
from tests.bench import numbers
from tests.bench.__main__ import BENCHES, Bench, measured
from tests.bench.figures import TOLD_TO, Figure, tell, told_in
from tests.bench.frameworks.tables import figures_of

ROOT = Path(__file__).parents[2]
TOLD = [Figure("help s", 0.11, "s"), Figure("ready s", 1.5, "s")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A README and a kept file of this test."""
    monkeypatch.setattr(numbers, "README", tmp_path / "README.md")
    monkeypatch.setattr(numbers, "KEPT", tmp_path / "bench.json")
    numbers.README.write_text(f"before\n{numbers.BEGIN}\nold\n{numbers.END}\nafter\n", "utf-8")
    numbers.KEPT.write_text("{}", "utf-8")
    return tmp_path


def test_the_readme_says_what_is_kept() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert numbers.written(readme, numbers.read()) == readme


def test_every_row_is_of_a_bench_that_is_run() -> None:
    assert {row.bench for row in numbers.ROWS} <= BENCHES.keys()
    assert numbers.read().keys() <= BENCHES.keys()


def test_all_benches_together_stay_within_their_time() -> None:
    assert max(bench.limit_s for bench in BENCHES.values()) < command.MINUTES * 60 / 2


def test_a_bench_writes_its_line_and_leaves_the_others(place: Path) -> None:
    numbers.keep("startup", TOLD, ended="whole", took_s=9.6, sync_ms=0.149)
    numbers.keep("hops", [Figure("functions to its answer", 900, "")], ended="whole", took_s=1, sync_ms=2)
    readme = (place / "README.md").read_text("utf-8")
    assert "| `agents --help` | 0.1 s |" in readme
    assert (readme[:7], readme[-7:]) == ("before\n", "\nafter\n")
    kept = json.loads((place / "bench.json").read_text("utf-8"))
    assert [kept[name]["figures"][0]["value"] for name in ("startup", "hops")] == [0.11, 900]


def test_what_a_broken_bench_did_not_tell_stays_as_it_was(place: Path) -> None:
    numbers.keep("startup", TOLD, ended="whole", took_s=9, sync_ms=1)
    numbers.keep("startup", [Figure("help s", 0.3, "s")], ended="cut off", took_s=90, sync_ms=1)
    kept = json.loads((place / "bench.json").read_text("utf-8"))["startup"]
    assert kept["ended"] == "cut off"
    assert {one["what"]: one["value"] for one in kept["figures"]} == {"help s": 0.3, "ready s": 1.5}


def test_a_bench_that_told_nothing_changes_nothing(place: Path) -> None:
    before = (place / "README.md").read_text("utf-8")
    numbers.keep("startup", [], ended="failed", took_s=1, sync_ms=1)
    assert (place / "README.md").read_text("utf-8") == before


def test_figures_are_told_one_by_one_and_a_line_cut_off_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    monkeypatch.setenv(TOLD_TO, str(told))
    tell("help s", 0.11111, "s")
    with told.open("a") as file:
        file.write('{"what": "ready')
    assert told_in(told) == [Figure("help s", 0.1111, "s")]
    assert told_in(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    ("body", "limit_s", "ended"),
    [
        ("pass", 60.0, "whole"),
        ("raise SystemExit(1)", 60.0, "failed"),
        ("import time; time.sleep(600)", 0.1, "cut off"),
    ],
)
def test_how_a_bench_ended_is_known_and_what_was_told_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, limit_s: float, ended: str
) -> None:
    told = tmp_path / "told"
    monkeypatch.setenv(TOLD_TO, str(told))
    tell("a", 1, "s")
    monkeypatch.setattr(command, "call_of", lambda _name, _bench: (sys.executable, "-c", body))
    assert measured("startup", Bench(), told, limit_s=limit_s) == ended
    assert told_in(told) == [Figure("a", 1, "s")]


def test_ctrl_c_keeps_what_the_bench_had_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_name: str, _bench: Bench, told: Path, *, limit_s: float) -> str:
        assert limit_s > 0
        told.write_text(json.dumps({"what": "help s", "value": 0.2, "unit": "s"}) + "\n", "utf-8")
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "measured", interrupted)
    with pytest.raises(KeyboardInterrupt):
        command.main(["startup", "hops"], minutes=1)
    assert "| `agents --help` | 0.2 s (measured in part) |" in (place / "README.md").read_text("utf-8")


def test_a_framework_that_was_not_measured_whole_is_left_out() -> None:
    patterns = ("single", "router", "pipeline", "broadcast", "supervisor")
    names = [f"{p} | {f}" for p in patterns for f in ("runs_s", "cpu_ms", "added_ms", "prompt_tokens")]
    whole = dict.fromkeys([f"ours | {name}" for name in (*names, "fresh | s", "fresh | mb")], 1.0)
    assert figures_of({**whole, "LangGraph | single | runs_s": 2.0}).keys() == {"ours"}
