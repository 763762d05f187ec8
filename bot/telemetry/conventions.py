"""The names that telemetry uses, in one place: the GenAI conventions of OpenTelemetry, and our own beside them.

The conventions are in development, so one version of them is pinned: VERSION of
https://github.com/open-telemetry/semantic-conventions-genai. To follow a newer one, change this file and nothing else.
"""

from typing import Final

from patterns.core.money import NUSD_PER_USD

VERSION: Final = "0.1.0"
SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/gen-ai/{VERSION}"

# ------------------------------------------------------------ the conventions' own
OPERATION: Final = "gen_ai.operation.name"
WORKFLOW, AGENT, CHAT, TOOL = "invoke_workflow", "invoke_agent", "chat", "execute_tool"
AGENT_NAME: Final = "gen_ai.agent.name"
CONVERSATION: Final = "gen_ai.conversation.id"
PROVIDER: Final = "gen_ai.provider.name"
MODEL: Final = "gen_ai.request.model"
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - tokens of a model
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
ERROR: Final = "error.type"

CALL_SECONDS: Final = "gen_ai.client.operation.duration"
CALL_TOKENS: Final = "gen_ai.client.token.usage"
FIRST_TEXT_SECONDS: Final = "gen_ai.client.operation.time_to_first_chunk"
AGENT_SECONDS: Final = "gen_ai.invoke_agent.duration"
TOOL_SECONDS: Final = "gen_ai.execute_tool.duration"
SECONDS_BUCKETS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKEN_BUCKETS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)

# ------------------------------------------------------------ what readers such as Langfuse take beside them
COST_USD: Final = "gen_ai.usage.cost"
SESSION: Final = "session.id"
USER: Final = "user.id"

# ------------------------------------------------------------ ours
RUN: Final = "agents_for_slack.run.id"
WORKSPACE: Final = "agents_for_slack.workspace"
CHANNEL: Final = "agents_for_slack.channel"
FLOW: Final = "agents_for_slack.flow"
PATH: Final = "agents_for_slack.step.path"
STOP_REASON: Final = "agents_for_slack.stop_reason"
REPLAYED_ATTEMPTS: Final = "agents_for_slack.step.attempts"
HELD_USD: Final = "agents_for_slack.held_usd"
SETTLED_USD: Final = "agents_for_slack.settled_usd"
WAITED_S: Final = "agents_for_slack.queue.wait_s"

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}


def provider_of(model: str) -> str:
    """Return what the conventions call the provider of a litellm model name; without a prefix it is OpenAI."""
    prefix, slash, _ = model.partition("/")
    return _PROVIDERS.get(prefix, prefix) if slash else "openai"


def usd(nusd: int) -> float:
    """Return nano-dollars as the dollars that readers of telemetry expect."""
    return nusd / NUSD_PER_USD
