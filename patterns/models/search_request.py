"""How providers are asked to let a model search: by a tool of theirs, at OpenAI at an endpoint of its own. Pure."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_READ_BACK = ["web_search_call.action.sources"]
"""What is told beside the answer: the addresses of all that was found, not only of what is cited."""
SAMPLING = ("temperature", "top_p")
_RENAMED = ("max_tokens", "stream")


def search_tools(provider: str, *, searches_max: int) -> list[Json]:
    """Return the tool by which a provider searches; Gemini takes no bound on how often it does."""
    if provider == "anthropic":
        return [{"type": "web_search_20250305", "name": "web_search", "max_uses": searches_max}]
    return [{"google_search": {}}] if provider == "gemini" else [{"type": "web_search"}]


def search_body(model: str, messages: list[Json], params: Mapping[str, Any], *, searches_max: int) -> Json | None:
    """Return a body for OpenAI's `/responses` that allows so many searches; None where it does not take a parameter.

    Nothing of it is stored at OpenAI.
    """
    if params.keys() - {*SAMPLING, *_RENAMED}:
        return None
    system = [str(message["content"]) for message in messages if message["role"] == "system"]
    said = [message for message in messages if message["role"] != "system"]
    body: Json = {
        "model": model,
        "input": [{"role": message["role"], "content": _content(message)} for message in said],
        "max_output_tokens": params["max_tokens"],
        "tools": search_tools("openai", searches_max=searches_max),
        "max_tool_calls": searches_max,
        "include": _READ_BACK,
        "store": False,
        **{name: params[name] for name in SAMPLING if name in params},
    }
    if system:
        body["instructions"] = "\n\n".join(system)
    if params.get("stream"):
        body["stream"] = True
    return body


def _content(message: Json) -> list[Json]:
    kind = "output_text" if message["role"] == "assistant" else "input_text"
    content = message["content"]
    parts: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [
        {"type": kind, "text": part["text"]}
        if part["type"] == "text"
        else {"type": "input_image", "image_url": part["image_url"]["url"]}
        for part in parts
    ]
