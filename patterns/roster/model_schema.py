"""The values and models of a roster file: amounts as integer nano-dollars, names, prices."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from patterns.core.errors import UserError
from patterns.core.money import Price, Tier, parse_usd, rate_nusd_per_mtok

ITEMS_MAX = 100
"""The most models, agents, flows or parts in one place: a roster is read by people."""


def _nusd(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("write an amount in dollars, like 25 or 0.50")  # noqa: TRY004 - pydantic collects ValueErrors
    try:
        return parse_usd(f"{value:f}" if isinstance(value, Decimal) else value)
    except UserError as error:
        raise ValueError(str(error)) from None


Nusd = Annotated[int, BeforeValidator(_nusd), WithJsonSchema({"type": ["number", "string"], "minimum": 0})]
Count = Annotated[int, Field(strict=True, ge=1)]
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEY_BEGINNINGS = ("sk-", "sk_", "AIza", "gsk_", "hf_", "xai-", "xoxb", "xapp", "r8_", "pplx")
"""How keys of known providers begin; none of them begins the name of a variable."""
NAME = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")
Name = Annotated[str, StringConstraints(pattern=NAME.pattern)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
Rate = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Share = Annotated[Decimal, Field(gt=0, le=1, allow_inf_nan=False)]


class Entry(BaseModel):
    """Base of every entry in the file; unknown keys are refused, because most are misspelt."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TierEntry(Entry):
    """Higher rates for long inputs."""

    above_input_tokens: Count
    input_usd_per_mtok: Rate
    output_usd_per_mtok: Rate


class PriceEntry(Entry):
    """What a model costs in dollars per million tokens; it overrides what litellm knows."""

    input_usd_per_mtok: Rate
    output_usd_per_mtok: Rate
    cached_input_usd_per_mtok: Rate | None = None
    cache_write_usd_per_mtok: Rate | None = None
    cache_write_1h_usd_per_mtok: Rate | None = None
    image_nusd: Nusd = Field(default=0, alias="image_usd")
    tiers: tuple[TierEntry, ...] = Field(default=(), max_length=ITEMS_MAX)

    def price(self) -> Price:
        """Return the price with integer rates in nano-dollars per million tokens."""
        return Price(
            input_nusd_per_mtok=rate_nusd_per_mtok(self.input_usd_per_mtok),
            output_nusd_per_mtok=rate_nusd_per_mtok(self.output_usd_per_mtok),
            cached_input_nusd_per_mtok=_known_rate(self.cached_input_usd_per_mtok),
            cache_write_nusd_per_mtok=_known_rate(self.cache_write_usd_per_mtok),
            cache_write_1h_nusd_per_mtok=_known_rate(self.cache_write_1h_usd_per_mtok),
            image_nusd=self.image_nusd,
            tiers=tuple(
                Tier(
                    above_input_tokens=tier.above_input_tokens,
                    input_nusd_per_mtok=rate_nusd_per_mtok(tier.input_usd_per_mtok),
                    output_nusd_per_mtok=rate_nusd_per_mtok(tier.output_usd_per_mtok),
                )
                for tier in self.tiers
            ),
        )


def _known_rate(usd_per_mtok: Decimal | None) -> int | None:
    return None if usd_per_mtok is None else rate_nusd_per_mtok(usd_per_mtok)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model picks its words; None leaves a setting to the provider."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    repeat_penalty: float | None = None

    @property
    def given(self) -> dict[str, float | int]:
        """The settings that are given, by name."""
        values = {name: getattr(self, name) for name in SAMPLING}
        return {name: value for name, value in values.items() if value is not None}


SAMPLING = ("temperature", "top_p", "seed", "repeat_penalty")
"""All there is to set: what multiplies or lengthens an answer would cost more than was held for it."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as the model client needs it. `name` is the roster's, `model` litellm's, `api_key_env` never the key."""

    name: str
    model: str
    api_base: str | None = None
    api_key_env: str | None = None
    price: Price | None = None
    fallback: tuple[str, ...] = ()
    framing_tokens: int = 64
    """Allowance for what a provider wraps around our text, added to the bound of every call."""
    sees_images: bool = False
    uses_tools: bool = True
    reasoning_tokens_max: int = 0
    """Hidden output tokens that are billed: added to the visible cap on the wire and in the hold."""
    context_tokens: int | None = None
    sampling: Sampling = Sampling()
    note: str = ""
    """A label for people, such as `play money`."""


class SamplingEntry(Entry):
    """How a model picks its words: these four settings and no others."""

    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    repeat_penalty: Annotated[float, Field(gt=0, le=2, allow_inf_nan=False)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _closed(cls, value: object) -> object:
        if isinstance(value, Mapping):
            unknown = [str(name) for name in value if name not in SAMPLING]
            if unknown:
                raise ValueError(
                    f"{', '.join(unknown)} cannot be set here; the settings are {', '.join(SAMPLING)}. How long an "
                    "answer may be is max_output_tokens of an agent, and each call makes one answer"
                )
        return value

    def sampling(self) -> Sampling:
        """Return the same as the model client needs it."""
        return Sampling(**self.model_dump())


def _address(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("write a whole address, like http://localhost:11434/v1")
    return value


def _variable(value: str) -> str:
    if value and (not VARIABLE_NAME.fullmatch(value) or value.startswith(KEY_BEGINNINGS)):
        raise ValueError(
            "write the name of the variable that holds the key, like OPENAI_API_KEY; a key itself never stands here"
        )
    return value


class ModelEntry(Entry):
    """A model of the roster."""

    model: Text
    api_base: Annotated[str, AfterValidator(_address)] | None = None
    api_key_env: Annotated[str, AfterValidator(_variable)] | None = None
    price: PriceEntry | None = None
    fallback: tuple[Name, ...] = Field(default=(), max_length=5)
    framing_tokens: Annotated[int, Field(strict=True, ge=0)] = 64
    sees_images: bool = False
    reasoning_tokens_max: Annotated[int, Field(strict=True, ge=0)] = 0
    context_tokens: Count | None = None
    sampling: SamplingEntry = SamplingEntry()
    note: str | None = None

    def spec(self, name: str) -> ModelSpec:
        """Return the model as the model client needs it, under its roster name."""
        return ModelSpec(
            name=name,
            model=self.model,
            api_base=self.api_base or None,
            api_key_env=self.api_key_env or None,
            price=self.price.price() if self.price else None,
            fallback=self.fallback,
            framing_tokens=self.framing_tokens,
            sees_images=self.sees_images,
            reasoning_tokens_max=self.reasoning_tokens_max,
            context_tokens=self.context_tokens,
            sampling=self.sampling.sampling(),
            note=self.note or "",
        )
