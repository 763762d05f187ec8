"""Choice of the model where the roster says `auto`: the keys that are set, else a running Ollama, else the tiny one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

import aiohttp

from bot.settings import Settings
from patterns.core.errors import UserError
from patterns.core.money import Price, rate_nusd_per_mtok
from patterns.roster.roster import ModelSpec

AUTO = "auto"
OLLAMA_USUAL = "http://127.0.0.1:11434"
PLAY_PRICE = Price(
    input_nusd_per_mtok=rate_nusd_per_mtok(Decimal("0.25")),
    output_nusd_per_mtok=rate_nusd_per_mtok(Decimal("2.00")),
    source="play money",
    is_play=True,
)
FREE_PRICE = Price(input_nusd_per_mtok=0, output_nusd_per_mtok=0, source="runs on this machine")
TINY_CONTEXT_TOKENS = 8192
TINY_WITHOUT_TOOLS = (
    "The tiny model cannot use tools: set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or run Ollama."
)
_OLLAMA_PROBE_S = 0.5


class Script(Protocol):
    """The fixed requests a scripted model can answer; the demo's tour has one."""

    def check(self, request: str, *, flow: str | None, agents: Sequence[str]) -> None:
        """Check that the script has an answer; raise UserError that lists what can be asked."""
        ...


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The chosen models, and the sentence that names them in the thread."""

    name: str
    fast: str
    strong: str
    api_base: str | None = None
    api_key_env: str | None = None
    price: Price | None = None
    context_tokens: int | None = None
    is_tiny: bool = False
    reasons: bool = False
    """The models think before they write and need the roster's token allowance for it; others would only ramble."""
    sees_images: bool = False
    script: Script | None = None
    """No model answers: the text was written beforehand, and people must see that everywhere."""

    @property
    def note(self) -> str:
        """Return what people should know of the model before they judge the answer; a script has its own label."""
        if self.script is not None:
            return ""
        if self.is_tiny:
            return f"{self.name} answers: a tiny model, readable but often wrong"
        return f"{self.name} answers"

    @property
    def is_play_money(self) -> bool:
        """Return True when prices are invented so that the ledger has something to do."""
        return self.price is PLAY_PRICE


_PROVIDERS = (
    (
        "OPENAI_API_KEY",
        ModelChoice(
            "OpenAI",
            "openai/gpt-5-mini",
            "openai/gpt-5.2",
            api_key_env="OPENAI_API_KEY",
            reasons=True,
            sees_images=True,
        ),
    ),
    (
        "ANTHROPIC_API_KEY",
        ModelChoice(
            "Anthropic",
            "anthropic/claude-haiku-4-5",
            "anthropic/claude-sonnet-4-6",
            api_key_env="ANTHROPIC_API_KEY",
            sees_images=True,
        ),
    ),
    (
        "GEMINI_API_KEY",
        ModelChoice(
            "Gemini",
            "gemini/gemini-2.5-flash",
            "gemini/gemini-2.5-pro",
            api_key_env="GEMINI_API_KEY",
            reasons=True,
            sees_images=True,
        ),
    ),
)


def provider_choice(env: Mapping[str, str]) -> ModelChoice | None:
    """Return the choice of the first provider whose key is set; None when there is none."""
    return next((choice for variable, choice in _PROVIDERS if env.get(variable)), None)


async def ollama_choice(env: Mapping[str, str], *, play_money: bool = False) -> ModelChoice | None:
    """Return the first model of an Ollama that answers; None when none does."""
    base = (env.get("OLLAMA_API_BASE") or OLLAMA_USUAL).rstrip("/")
    timeout = aiohttp.ClientTimeout(total=_OLLAMA_PROBE_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{base}/api/tags") as reply:
            names = [str(model["name"]) for model in (await reply.json())["models"]]
    except (aiohttp.ClientError, TimeoutError, KeyError, TypeError, ValueError):
        return None
    if not names:
        return None
    model = f"openai/{names[0]}"
    price = PLAY_PRICE if play_money else FREE_PRICE
    return ModelChoice(f"Ollama's {names[0]}", model, model, api_base=f"{base}/v1", price=price, reasons=True)


def tiny_choice(api_base: str) -> ModelChoice:
    """Return the choice of the demo's own model server."""
    model = "openai/smollm2-135m"
    return ModelChoice(
        "SmolLM2-135M",
        model,
        model,
        api_base=api_base,
        price=PLAY_PRICE,
        context_tokens=TINY_CONTEXT_TOKENS,
        is_tiny=True,
    )


def needs_choice(models: Mapping[str, ModelSpec]) -> bool:
    """Return True when the roster leaves any model to us."""
    return any(spec.model == AUTO for spec in models.values())


async def choose(settings: Settings) -> ModelChoice:
    """Return the choice for `agents run`, `worker` and `doctor`.

    Raises:
        UserError: no key is set and no Ollama answers.
    """
    choice = provider_choice(settings.env) or await ollama_choice(settings.env)
    if choice is None:
        raise UserError(
            "No language model is configured. Set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, start Ollama, "
            "or name a model in AGENTS_MODEL_FAST and AGENTS_MODEL_STRONG."
        )
    return choice


def apply_choice(models: Mapping[str, ModelSpec], choice: ModelChoice) -> dict[str, ModelSpec]:
    """Return the roster's models with every `auto` replaced; named models stay as they are."""
    return {name: _chosen(spec, choice) if spec.model == AUTO else spec for name, spec in models.items()}


def _chosen(spec: ModelSpec, choice: ModelChoice) -> ModelSpec:
    return replace(
        spec,
        model=choice.strong if spec.name == "strong" else choice.fast,
        api_base=spec.api_base or choice.api_base,
        api_key_env=spec.api_key_env or choice.api_key_env,
        price=spec.price or choice.price,
        context_tokens=choice.context_tokens or spec.context_tokens,
        sees_images=choice.sees_images or spec.sees_images,
        uses_tools=not choice.is_tiny,
        reasoning_tokens_max=spec.reasoning_tokens_max if choice.reasons else 0,
    )
