"""The models a channel's text may go to: a model client that refuses to prepare a call for any other.

Every path to a price or a hold prepares its call first, so a forbidden plan ends before anything is held or sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patterns.core.calls import Completion, ModelRequest, PreparedCall
from patterns.core.errors import UserError
from patterns.core.money import Price
from patterns.core.ports import Circuit, ModelClient, OnText
from patterns.core.web_search import WebSearch
from patterns.roster.roster import ModelSpec


def is_allowed(spec: ModelSpec, allowed: Sequence[str]) -> bool:
    """Return True when a model is allowed by id, roster name or provider; an empty list allows all."""
    names = {spec.name, spec.model, spec.model.partition("/")[0]}
    return not allowed or not names.isdisjoint(allowed)


@dataclass(frozen=True, slots=True)
class ModelAllowlist:
    """The model client restricted to one channel's allowed models."""

    client: ModelClient
    models: Mapping[str, ModelSpec]
    allowed: tuple[str, ...]

    def price(self, model: str) -> Price:
        """Return the model's price, allowed or not."""
        return self.client.price(model)

    def search_refusal(self, model: str, search: WebSearch) -> str:
        """Return why the provider of a model cannot search the web for it; empty where it can."""
        return self.client.search_refusal(model, search)

    def fallbacks(self, model: str) -> tuple[str, ...]:
        """Return the allowed ones of the fallbacks."""
        return tuple(name for name in self.client.fallbacks(model) if is_allowed(self.models[name], self.allowed))

    def circuit(self, model: str) -> Circuit:
        """Return the circuit of the address that a model is reached at."""
        return self.client.circuit(model)

    def prepare(self, request: ModelRequest) -> PreparedCall:
        """Translate a request without sending it.

        Raises:
            UserError: the model is not allowed in this channel.
        """
        spec = self.models[request.model]
        if not is_allowed(spec, self.allowed):
            raise UserError(
                f"This needs {spec.model}, and this channel's text may only go to {', '.join(self.allowed)}. Name"
                " another flow, or ask an admin to change it with `/agents budget models`."
            )
        return self.client.prepare(request)

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        """Make one attempt at a call that was prepared here."""
        return await self.client.complete(call, on_text)


def restricted(client: ModelClient, models: Mapping[str, ModelSpec], settings: Mapping[str, Any]) -> ModelClient:
    """Return the model client, restricted where a channel's settings say so."""
    allowed = tuple(settings.get("models", ()))
    return ModelAllowlist(client, models, allowed) if allowed else client
