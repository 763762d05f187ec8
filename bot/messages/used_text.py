"""What a run used: its models with their tokens, and the tools beside them."""

from collections.abc import Sequence

from bot.messages.mrkdwn import Mrkdwn, join, mrkdwn
from bot.messages.run_text import count, short, usd
from bot.messages.views import ModelUse


def models(lines: Sequence[ModelUse]) -> Mrkdwn:
    """Return what each model, and each tool, used and cost, a line each."""
    said = [_tool(one) if one.is_tool else _model(one) for one in lines]
    return join("\n", said) if said else Mrkdwn("No model was called.")


def _model(one: ModelUse) -> Mrkdwn:
    return mrkdwn(
        "*{model}*: {calls}, {tokens_in} tokens in{cached}, {tokens_out} out, {cost}",
        model=short(one.model, 80),
        calls=count(one.calls, "call"),
        tokens_in=f"{one.input_tokens:,}",
        cached=f" ({one.cached_tokens:,} from the cache)" if one.cached_tokens else "",
        tokens_out=f"{one.output_tokens:,}",
        cost=usd(one.cost_nusd),
    )


def _tool(one: ModelUse) -> Mrkdwn:
    calls = count(one.calls, "call")
    return mrkdwn("*{tool}* (tool): {calls}, {cost}", tool=short(one.model, 80), calls=calls, cost=usd(one.cost_nusd))
