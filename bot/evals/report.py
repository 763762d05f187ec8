"""The results of a dataset as people and machines read them: a table, JSON, and JUnit for a build server."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree as ET

from bot.evals.check import Verdict
from bot.evals.summary import Interval, mean, quantile, share
from bot.messages.mrkdwn import clean
from patterns.core.money import NUSD_PER_USD, format_usd
from patterns.core.text import storable

_SHOWN_MAX = 30
"""Failures that the table lists; the files have all of them."""


@dataclass(frozen=True, slots=True)
class Result:
    """One case run once: its answer and what every check said. `problem` is why no answer came, empty where one did."""

    variant: str
    case: str
    number: int
    run_id: str
    output: str
    cost_nusd: int
    seconds: float
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Return whether an answer came and passed every check."""
        return not self.problem and all(verdict.passed for verdict in self.verdicts)

    @property
    def failures(self) -> list[str]:
        """Return what did not pass, in words."""
        wrong = [f"{one.check}: {one.reason}" if one.reason else one.check for one in self.verdicts if not one.passed]
        return [self.problem] if self.problem else wrong


@dataclass(frozen=True, slots=True)
class Summary:
    """What the results of one variant say together; `scores` are the means of checks that score."""

    variant: str
    passed: int
    of: int
    quality: Interval
    cost_nusd: Interval
    seconds_p50: float
    seconds_p95: float
    scores: Mapping[str, float]


def summarize(results: Sequence[Result]) -> list[Summary]:
    """Return a summary for each variant, in their order."""
    return [_summary(name, [one for one in results if one.variant == name]) for name in _variants(results)]


def _variants(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.variant for result in results))


def _summary(variant: str, results: Sequence[Result]) -> Summary:
    hits = sum(result.passed for result in results)
    seconds = [result.seconds for result in results]
    scored: dict[str, list[float]] = {}
    for verdict in (verdict for result in results for verdict in result.verdicts):
        if verdict.score is not None:
            scored.setdefault(verdict.check, []).append(verdict.score)
    return Summary(
        variant,
        hits,
        len(results),
        share(hits, len(results)),
        mean([float(result.cost_nusd) for result in results]),
        quantile(seconds, 0.5),
        quantile(seconds, 0.95),
        {name: sum(scores) / len(scores) for name, scores in sorted(scored.items())},
    )


def table(results: Sequence[Result]) -> str:
    """Return quality, cost and latency of the variants side by side, then what failed."""
    rows = [("", "passed", "95 %", "cost, mean", "95 %", "seconds, p50", "p95", "scores")]
    for one in summarize(results):
        cost, scores = one.cost_nusd, ", ".join(f"{name} {score:.2f}" for name, score in one.scores.items())
        quality = f"{one.quality.low:.0%} to {one.quality.high:.0%}"
        between = f"{format_usd(round(cost.low))} to {format_usd(round(cost.high))}"
        passed = f"{one.passed} of {one.of} ({one.quality.value:.0%})"
        took = f"{one.seconds_p50:.1f}", f"{one.seconds_p95:.1f}"
        rows.append((one.variant, passed, quality, format_usd(round(cost.value)), between, *took, scores))
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]
    failed = [result for result in results if not result.passed]
    for result in failed[:_SHOWN_MAX]:
        lines += ["", f"✗ {_label(result)} ({result.run_id or 'not run'})"]
        lines += [f"    {clean(' '.join(failure.split()))}" for failure in result.failures]
    if len(failed) > _SHOWN_MAX:
        lines += ["", f"… and {len(failed) - _SHOWN_MAX} more; --json and --junit have all of them."]
    return "\n".join(lines)


def _label(result: Result) -> str:
    again = f" · {result.number}" if result.number > 1 else ""
    return f"{result.variant} · {result.case}{again}"


def as_json(dataset: str, results: Sequence[Result]) -> dict[str, Any]:
    """Return everything as one JSON object: the summaries and every result. Dollars are numbers here."""
    return {
        "dataset": dataset,
        "variants": [_json_summary(one) for one in summarize(results)],
        "results": [
            {
                "variant": one.variant,
                "case": one.case,
                "repeat": one.number,
                "run_id": one.run_id,
                "passed": one.passed,
                "problem": one.problem,
                "checks": [asdict(verdict) for verdict in one.verdicts],
                "cost_usd": one.cost_nusd / NUSD_PER_USD,
                "seconds": one.seconds,
                "output": one.output,
            }
            for one in results
        ],
    }


def _json_summary(one: Summary) -> dict[str, Any]:
    cost = {name: value / NUSD_PER_USD for name, value in asdict(one.cost_nusd).items()}
    return {
        "variant": one.variant,
        "passed": one.passed,
        "of": one.of,
        "quality": asdict(one.quality),
        "cost_usd": cost,
        "seconds": {"p50": one.seconds_p50, "p95": one.seconds_p95},
        "scores": dict(one.scores),
    }


def as_junit(dataset: str, results: Sequence[Result]) -> str:
    """Return the results as JUnit XML: a suite for each variant, a test for each case."""
    root = ET.Element("testsuites", name=_xml(dataset))
    for variant in _variants(results):
        own = [result for result in results if result.variant == variant]
        failed = [result for result in own if not result.passed and not result.problem]
        errors = sum(bool(result.problem) for result in own)
        counts = {"tests": str(len(own)), "failures": str(len(failed)), "errors": str(errors)}
        suite = ET.SubElement(root, "testsuite", {"name": _xml(variant), **counts})
        for result in own:
            name = _xml(f"{result.case} · {result.number}" if result.number > 1 else result.case)
            case = ET.SubElement(suite, "testcase", classname=_xml(variant), name=name, time=f"{result.seconds:.3f}")
            if not result.passed:
                kind = "error" if result.problem else "failure"
                told = "\n".join(result.failures)
                ET.SubElement(case, kind, message=_xml(told.split("\n")[0])).text = _xml(told)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Return a text without what XML 1.0 cannot hold, escaped or not."""
    allowed = "\t\n\r"
    return "".join(
        sign if sign in allowed or (sign >= " " and sign not in "\ufffe\uffff") else "\ufffd" for sign in storable(text)
    )


def write_json(dataset: str, results: Sequence[Result]) -> str:
    """Return `as_json` as text."""
    return json.dumps(as_json(dataset, results), ensure_ascii=False, indent=1) + "\n"
