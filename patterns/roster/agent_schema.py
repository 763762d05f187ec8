"""Who an agent is in a roster file: its model, its prompt, what its answers are, and their bounds."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag

from patterns.roster.model_schema import ITEMS_MAX, NAME, Entry, Name, Nusd, Text


class SchemaOutput(Entry):
    """An answer that must be JSON of this JSON Schema."""

    model_config = ConfigDict(populate_by_name=True)

    json_schema: dict[str, Any] = Field(alias="schema", min_length=1)


def is_inline_prompt(text: str) -> bool:
    """Say whether a prompt stands in the roster itself, instead of the name of a file."""
    return len(text.split()) > 1


def _prompt_ref(value: str) -> str:
    if not is_inline_prompt(value) and not NAME.fullmatch(value):
        raise ValueError(f"{value!r} is neither the name of a prompt, such as legal_check, nor the text of one")
    return value


PromptRef = Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(_prompt_ref)]
"""The name of a prompt file, or a short prompt itself, which is told by its having more than one word."""


def _output(value: object) -> object:
    if value != "text" and not isinstance(value, Mapping | SchemaOutput):
        raise ValueError("write text, or {schema: {type: object, …}} for an answer in JSON")
    return value


def _output_kind(value: object) -> str:
    return "text" if value == "text" else "json"


Output = Annotated[
    Annotated[Literal["text"], Tag("text")] | Annotated[SchemaOutput, Tag("json")],
    Discriminator(_output_kind),
    BeforeValidator(_output),
]
"""What an answer is: text, or JSON of a schema."""


class AgentSpec(Entry):
    """An agent: its model, its prompt, and the limits of one answer.

    `input_bytes_max` bounds what its slots may add to the prompt, so that a later step has a price before it runs.
    `tools` are those it may call, in at most `turns_max` answers of its model and `tool_calls_max` calls; `step_usd`
    bounds what all of that may cost.
    """

    description: Text
    model: Name
    prompt: PromptRef
    max_output_tokens: Annotated[int, Field(strict=True, ge=1, le=100_000)]
    timeout_s: Annotated[float, Field(gt=0, le=600)]
    output: Output = "text"
    input_bytes_max: Annotated[int, Field(strict=True, ge=500, le=1_000_000)] = 16_000
    tools: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=105)], ...], Field(max_length=ITEMS_MAX)] = ()
    turns_max: Annotated[int, Field(strict=True, ge=2, le=30)] = 6
    tool_calls_max: Annotated[int, Field(strict=True, ge=1, le=100)] = 12
    step_nusd: Nusd | None = Field(None, alias="step_usd")


def output_schema(spec: AgentSpec) -> Mapping[str, Any] | None:
    """Return the JSON Schema the roster asks this agent to answer in, or None for plain text."""
    return None if spec.output == "text" else spec.output.json_schema
