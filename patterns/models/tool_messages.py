"""Calls of tools, their results and thinking, as messages in the form that litellm translates for each provider. Pure.

litellm refuses arguments that do not parse, makes one of two equal calls, turns a result that looks like an image into
one, and moves thinking to the front: this hands it what it cannot break, and puts back what must be as it was.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from patterns.core.calls import Message
from patterns.core.tools import ToolCall
from patterns.models.offer import wire_name

Json = dict[str, Any]

_UNREADABLE = "not_json"
"""Under which name arguments that do not parse go back to the model that wrote them."""
_PLAIN_ID = re.compile(r"(?!srvtoolu_)(?!.*__thought__)[a-zA-Z0-9_-]{1,40}")
"""What OpenAI, Anthropic and Gemini take as an id, and litellm leaves alone."""
_MISTRAL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_STRICT = ("openai", "azure", "anthropic", "gemini")
_NUMBERED = re.compile(r"(.+)#(\d+)")
_FIELDS = ("reasoning_content", "reasoning")


def read_thinking(message: Message, model: str) -> Json:
    """Return the thinking of a message, if this model wrote it; nothing for any other, which could not read it."""
    if not message.thinking:
        return {}
    try:
        found = json.loads(message.thinking)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("model") == model else {}


def thinking_tokens(messages: Sequence[Message], model: str) -> int:
    """Return the most tokens that returned thinking counts beyond its bytes: providers hide most of it."""
    return sum(int(read_thinking(message, model).get("tokens", 0)) for message in messages)


def asked(message: Message, *, provider: str, model: str) -> Json:
    """Return an assistant's message with its calls and its thinking."""
    thinking = read_thinking(message, model).get("blocks", [])
    marks = {block["call"]: block["marks"] for block in thinking if block.get("call") and block.get("marks")}
    translated: Json = {
        "role": "assistant",
        "content": message.content if message.content.strip() else None,
        "tool_calls": [_call(call, provider, marks.get(call.id, {})) for call in message.calls],
    }
    blocks = [block["block"] for block in thinking if "block" in block]
    if provider.startswith("bedrock"):  # litellm would make empty thinking of it, which is refused
        blocks = [block for block in blocks if block.get("type") != "redacted_thinking"]
    details = [block["detail"] for block in thinking if "detail" in block]
    signature = next(
        (block["text"]["signature"] for block in thinking if (block.get("text") or {}).get("signature")), ""
    )
    if blocks:
        translated["thinking_blocks"] = blocks
    if details:
        translated["reasoning_details"] = details
    if signature:
        translated |= {
            "content": message.content,
            "provider_specific_fields": {"thought_signatures": [signature]},
        }
    translated |= {name: block[name] for block in thinking for name in _FIELDS if name in block}
    return translated


def _call(call: ToolCall, provider: str, marks: Mapping[str, Any]) -> Json:
    own = dict(marks)
    signature = own.pop("signature", "")
    if signature:
        own["provider_specific_fields"] = {"thought_signature": signature}
    function = {"name": wire_name(call.name), "arguments": arguments_text(call.arguments)}
    return {"id": wire_id(call.id, provider), "type": "function", "function": function, **own}


def answered(message: Message, *, provider: str) -> Json:
    """Return the message with a tool's result."""
    content: Any = message.content
    if provider.startswith("vertex_ai"):
        content = [{"type": "text", "text": message.content}]  # as text alone it might be taken for an image
    return {"role": "tool", "tool_call_id": wire_id(message.answers, provider), "content": content}


def in_words(message: Message) -> Json:
    """Return a call or a result as plain text, for a model that is offered no tools and knows no such messages."""
    if message.role == "tool":
        return {"role": "user", "content": f"[Result of the call {message.answers}]\n{message.content}"}
    calls = [f"[Call {call.id}: {call.name} {call.arguments}]" for call in message.calls]
    return {"role": "assistant", "content": "\n".join(filter(None, (message.content, *calls)))}


def arguments_text(arguments: str) -> str:
    """Return arguments as the JSON object that every provider demands in a history, also where they are none."""
    try:
        found = json.loads(arguments, parse_constant=_refuse)
    except (ValueError, RecursionError):
        found = None
    return arguments if isinstance(found, dict) else json.dumps({_UNREADABLE: arguments}, ensure_ascii=False)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def wire_id(call_id: str, provider: str) -> str:
    """Return a call's id as the provider takes it: another one may have made it."""
    digest = hashlib.sha256(call_id.encode(errors="replace")).hexdigest()
    if provider == "mistral":
        return call_id if _MISTRAL_ID.fullmatch(call_id) else digest[:9]
    return call_id if provider not in _STRICT or _PLAIN_ID.fullmatch(call_id) else f"call_{digest[:24]}"


def numbered(messages: list[Json]) -> tuple[list[Json], list[str]]:
    """Return messages for Gemini with the calls numbered and the results taken out, and the results.

    litellm makes one of two equal calls, and looks for JSON and images in results.
    """
    results = [str(message["content"]) for message in messages if message["role"] == "tool"]
    made, count = [], itertools.count()
    for message in messages:
        made.append({**message, "content": ""} if message["role"] == "tool" else dict(message))
        if message.get("tool_calls"):
            made[-1]["tool_calls"] = [_numbered(call, next(count)) for call in message["tool_calls"]]
    return made, results


def _numbered(call: Json, number: int) -> Json:
    return {**call, "function": {**call["function"], "name": f"{call['function']['name']}#{number}"}}


def restore_gemini(body: Json, results: list[str]) -> None:
    """Put names and results back into a body for Gemini."""
    answers = iter(results)
    for part in (part for content in body.get("contents", ()) for part in content.get("parts", ())):
        call, response = part.get("function_call"), part.get("function_response")
        for named in filter(None, (call, response)):
            found = _NUMBERED.fullmatch(named["name"])
            named["name"] = found[1] if found else named["name"]
        if response:
            response["response"] = {"content": next(answers)}


def restore_paused(body: Json, last: Message, *, model: str) -> None:
    """Put the blocks of a paused turn back as the last message, which its model then goes on with."""
    blocks = read_thinking(last, model).get("paused") if last.is_paused else None
    if blocks:
        body["messages"] = [*body["messages"][:-1], {"role": "assistant", "content": blocks}]


def restore_anthropic(body: Json, messages: Sequence[Message], *, provider: str, model: str) -> None:
    """Put thinking back to its place among the calls: Anthropic checks both, and litellm moves it to the front."""
    for message in messages:
        order = read_thinking(message, model).get("blocks", [])
        ids = {wire_id(call.id, provider) for call in message.calls}
        for turn in body["messages"]:
            blocks = turn["content"] if isinstance(turn["content"], list) else []
            if order and any(block.get("id") in ids for block in blocks):
                turn["content"] = _in_order(order, blocks, provider)


def _in_order(order: list[Json], blocks: list[Json], provider: str) -> list[Json]:
    calls = {block["id"]: block for block in blocks if block.get("type") == "tool_use"}
    texts = [block for block in blocks if block.get("type") == "text"]
    made: list[Json] = []
    for one in order:
        if "block" in one:
            made.append(one["block"])
        elif "call" in one:
            made += [calls.pop(wire_id(one["call"], provider))] if wire_id(one["call"], provider) in calls else []
        elif texts:
            made.append(texts.pop(0))
    return [*made, *texts, *calls.values()]
