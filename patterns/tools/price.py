"""The price bound of a step with tools, before anything of it is known but the roster."""

from collections.abc import Sequence
from dataclasses import replace

from patterns.core.calls import PreparedCall
from patterns.core.quotes import Quote
from patterns.core.tools import ToolSchema
from patterns.roster.prompts import weigh
from patterns.roster.roster import AgentSpec
from patterns.roster.tool_schema import ToolSpec
from patterns.tools.growth import Growth
from patterns.tools.search import SCHEMAS_BYTES_MAX, TOOLS_MAX, may_be_searched, result_bytes_max

TYPICAL_CALLS = 2
TYPICAL_RESULT_TOKENS = 400


def tool_filler(specs: Sequence[ToolSpec]) -> tuple[ToolSchema, ...]:
    """Return tools described as long as the roster allows: part of every turn's price.

    Where they may be searched, as many and as long as one turn offers at most.
    """
    if may_be_searched(specs):
        longest = max((one.name for one in specs), key=weigh)
        each = SCHEMAS_BYTES_MAX // TOOLS_MAX
        return tuple(ToolSchema(f"{longest}{at:02}", "x" * each, {"type": "object"}) for at in range(TOOLS_MAX))
    return tuple(ToolSchema(one.name, "x" * one.schema_bytes_max, {"type": "object"}) for one in specs)


def quote_with_tools(
    spec: AgentSpec,
    tools: Sequence[ToolSpec],
    *,
    first: Sequence[PreparedCall],
    closing: Quote,
    tries: int,
    dearest_nusd: int,
) -> Quote:
    """Return the price of a step with tools from its first turn to each model, and from the step without tools.

    `dearest_nusd` is the price of the dearest call of a tool. `once` is the first turn and the closing one after a
    single call; `worst` is every turn with everything that was written and returned before it, and every call at the
    dearest price; neither is above `step_usd`.
    """
    growth = Growth(max((call.output_tokens_max for call in first), default=0), result_bytes_max(tools))
    turns, calls = spec.turns_max - 1, spec.tool_calls_max
    returned = growth.results(calls)

    def after(call: PreparedCall, turn: int) -> int:
        more = turn * growth.turn + returned if turn else 0
        return replace(call, input_tokens_max=call.input_tokens_max + more).bound_nusd

    once = max((call.bound_nusd for call in first), default=0)
    later = max((_longer(call, growth.turn + growth.results(1)) for call in first), default=0)
    closed = max((_longer(call, turns * growth.turn + returned) for call in first), default=0)
    middle = tries * sum(after(call, turn) for call in first for turn in range(turns))
    typical_tokens = TYPICAL_CALLS * TYPICAL_RESULT_TOKENS
    typical = 2 * closing.typical_nusd + (first[0].price.input_nusd_per_mtok * typical_tokens // 10**6 if first else 0)
    whole = Quote(
        once_nusd=once + closing.once_nusd + later,
        worst_nusd=middle + closing.worst_nusd + 2 * tries * closed * len(first) + calls * dearest_nusd,
        typical_nusd=typical,
    )
    if spec.step_nusd is None:
        return whole
    worst = min(whole.worst_nusd, spec.step_nusd)
    return Quote(once_nusd=min(whole.once_nusd, worst), worst_nusd=worst, typical_nusd=min(whole.typical_nusd, worst))


def _longer(call: PreparedCall, more: int) -> int:
    """Return by how much a call's bound grows with so many bytes."""
    return replace(call, input_tokens_max=call.input_tokens_max + more).bound_nusd - call.bound_nusd
