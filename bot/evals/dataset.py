"""Dataset files: cases with checks, in the form of pydantic_evals (YAML or JSON), or one JSON object a line.

Only what means something here is taken; anything else is refused with its place, so that no check is skipped unseen.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import AliasChoices, ConfigDict, Field, ValidationError

from bot.evals.check import Check
from bot.evals.checks import read_check
from patterns.core.context import Frozen
from patterns.core.errors import UserError

CASES_MAX = 2000
BYTES_MAX = 10_000_000
SAMPLE = """\
cases:
  - name: launch
    inputs: Should we move the launch to May?
    evaluators:
      - Contains: May
      - MaxCost: 0.05
"""


class CaseInputs(Frozen):
    """What a case asks: a request as a person would type it, perhaps with the flow or the agents that take it."""

    request: str = Field(min_length=1, max_length=50_000)
    flow: str = ""
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One case: what is asked and what an answer must pass."""

    name: str
    inputs: CaseInputs
    checks: tuple[Check, ...]
    expected: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """The cases of a file."""

    name: str
    cases: tuple[Case, ...]


class _Case(Frozen):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str | None = None
    inputs: CaseInputs | str = Field(validation_alias=AliasChoices("inputs", "request", "text"))
    expected_output: str | None = None
    metadata: Any = None
    evaluators: tuple[Any, ...] = ()


class _File(Frozen):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Any = Field(default=None, validation_alias="$schema")
    name: str | None = None
    cases: tuple[_Case, ...] = Field(min_length=1, max_length=CASES_MAX)
    evaluators: tuple[Any, ...] = ()


def read_dataset(text: str, *, file: str) -> Dataset:
    """Return the cases of a dataset file; `file` is its name, whose ending says how it is written.

    Raises:
        UserError: what cannot be read, with its place and what to write instead.
    """
    if len(text.encode(errors="replace")) > BYTES_MAX:
        raise UserError(f"{file} has more than {BYTES_MAX // 1_000_000} MB. Split it into several files.")
    raw = _lines(text, file=file) if file.endswith(".jsonl") else _document(text, file=file)
    try:
        read = _File.model_validate(raw)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in wrong["loc"] if part not in ("str", "CaseInputs"))
        raise UserError(f"{file}: {where or 'it'}: {wrong['msg']}. Write it like this:\n{SAMPLE}") from None
    common = _checks(read.evaluators, where=f"{file}: evaluators")
    cases = tuple(_case(number, case, common, file=file) for number, case in enumerate(read.cases, 1))
    twice = next((one.name for at, one in enumerate(cases) if one.name in {other.name for other in cases[:at]}), None)
    if twice is not None:
        raise UserError(f"{file}: two cases are called {twice[:60]!r}. Give each a name of its own.")
    return Dataset(read.name or file.rpartition("/")[2].partition(".")[0], cases)


def _document(text: str, *, file: str) -> Any:  # noqa: ANN401 - whatever the file says
    try:
        return json.loads(text) if file.endswith(".json") else yaml.load(text, Loader=_NoAliases)  # noqa: S506 - a safe loader
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{file} cannot be read: {said}. Write it like this:\n{SAMPLE}") from None


class _NoAliases(yaml.SafeLoader):
    """The safe loader without aliases, a few of which can say a billion things."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - as yaml's
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not taken")
        return super().compose_node(parent, index)


def _lines(text: str, *, file: str) -> dict[str, Any]:
    cases = []
    # Not splitlines: a line separator of Unicode may stand inside a JSON string as it is.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.strip():
            try:
                cases.append(json.loads(line))
            except (ValueError, RecursionError):
                raise UserError(f"{file}: line {number} is not JSON. Write one case a line.") from None
    return {"cases": cases}


def _case(number: int, case: _Case, common: Sequence[Check], *, file: str) -> Case:
    name = case.name or f"case {number}"
    own = _checks(case.evaluators, where=f"{file}: {name}: evaluators")
    inputs = CaseInputs(request=case.inputs) if isinstance(case.inputs, str) else case.inputs
    if not inputs.request.strip():
        raise UserError(f"{file}: {name}: inputs are empty. Write what a person would ask.")
    return Case(name, inputs, (*own, *common), case.expected_output)


def _checks(specs: Sequence[Any], *, where: str) -> tuple[Check, ...]:
    return tuple(read_check(*_named(spec, where=where), where=where) for spec in specs)


def _named(spec: Any, *, where: str) -> tuple[str, Sequence[Any], Mapping[str, Any]]:  # noqa: ANN401 - whatever the file says
    """Return name, positional and named arguments of a check, in the short forms of pydantic_evals."""
    if isinstance(spec, str):
        return spec, (), {}
    if isinstance(spec, Mapping) and set(spec) == {"name", "arguments"}:  # its long form
        given = spec["arguments"]
        named = given if isinstance(given, Mapping) else {}
        return str(spec["name"]), tuple(given) if isinstance(given, list) else (), named
    if isinstance(spec, Mapping) and len(spec) == 1:
        [(name, given)] = spec.items()
        if isinstance(given, Mapping) and all(isinstance(key, str) for key in given):
            return str(name), (), given
        return str(name), (given,), {}
    raise UserError(f"{where}: a check is a name, or a name with its arguments, like `Contains: May`.")
