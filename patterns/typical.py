"""Typical lengths of a step, for the price that is expected before a flow has a history.

They bound nothing: what is held is `Quote.once_nusd`. Once the ledger has seen a flow often enough, its own mean is
told instead, so all they must be is the right order of magnitude.
"""

from patterns.core.calls import PreparedCall
from patterns.core.money import Usage
from patterns.roster.prompts import Prompt

BYTES_PER_TOKEN = 4
SLOT_TOKENS = {
    "request": 80,
    "history": 200,
    "artifacts": 400,
    "material": 600,
    "voices": 1000,
    "draft": 500,
    "feedback": 100,
    "human": 0,
    "acceptance": 100,
    "agents": 100,
    "flows": 1200,
}
"""Tokens that usually fill a slot of a prompt, which an agent's own `input_bytes_max` may cut."""
OUTPUT_PCT = 60
"""How much of its `max_output_tokens` an agent usually writes."""
REASONING_PCT = 25
"""How much of its model's `reasoning_tokens_max` is usually thought."""
ROUNDS = 2
"""Rounds after which a reviewer usually accepts a draft."""


def typical_usage(prompt: Prompt, call: PreparedCall, *, input_bytes_max: int) -> Usage:
    """Return the tokens that a call of an agent usually takes, never more than the call itself allows."""
    filled = min(sum(SLOT_TOKENS[slot] for slot in prompt.slots), input_bytes_max // BYTES_PER_TOKEN)
    visible = call.request.max_output_tokens
    reasoning = max(0, call.output_tokens_max - visible)
    search = call.request.search
    searches = min(1, call.searches_max)
    found = searches * search.result_tokens_max if search else 0
    return Usage(
        input_tokens=min(prompt.bytes_max(0) // BYTES_PER_TOKEN + filled + found, call.input_tokens_max),
        output_tokens=(visible * OUTPUT_PCT + reasoning * REASONING_PCT) // 100,
        images=call.images,
        searches=searches,
    )
