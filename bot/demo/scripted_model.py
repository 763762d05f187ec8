"""A model server that recites a script, so that the tour can show good answers without a model.

It implements the part of OpenAI's protocol that the bot uses, on loopback.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from bot.demo.tour_script import Asked, Said, TourScript
from patterns.roster.prompts import Prompt

THINKING_S = 0.8
CHARS_PER_S = 500.0
"""Characters per second of a quick hosted model, so that one sees the team at work."""
_CHARS_PER_TOKEN = 4


@asynccontextmanager
async def scripted_model(script: TourScript, prompts: Mapping[str, Prompt], *, pace: float = 1.0) -> AsyncIterator[str]:
    """Run the server while the block runs; yield its `api_base`. `pace` 0 answers at once.

    `prompts` are those of the roster by name: an agent is known by the prompt it is called with.
    """
    agents = {prompt.render({}, 0).system: name for name, prompt in prompts.items()}

    async def complete(request: web.Request) -> web.Response:
        body = await request.json()
        said = script.answer(_asked(body, agents))
        if said is None:
            return web.json_response({"error": {"message": "That is not in the script."}}, status=400)
        await asyncio.sleep(pace * (THINKING_S + len(said.text) / CHARS_PER_S))
        return web.json_response(_completion(body, said))

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def _asked(body: Mapping[str, Any], agents: Mapping[str, str]) -> Asked:
    """Return what a request asks: of the results those that answer the last turn's calls."""
    system, user, *later = body["messages"]
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema", {})
    turns = [at for at, message in enumerate(later) if message["role"] == "assistant"]
    results = [str(message["content"]) for message in later[turns[-1] :]] if turns else []
    return Asked(
        agent=agents.get(system["content"], ""),
        user=user["content"],
        fields=tuple(schema.get("properties", {})),
        tools=tuple(_roster_name(tool["function"]["name"]) for tool in body.get("tools", ())),
        results=tuple(results[1:]),
    )


def _completion(body: Mapping[str, Any], said: Said) -> dict[str, Any]:
    given = sum(len(str(message.get("content") or "")) for message in body["messages"]) // _CHARS_PER_TOKEN
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    calls = [_call(at, *call) for at, call in enumerate(said.calls)]
    if calls:
        message["tool_calls"] = calls
    made = (len(said.text) + sum(len(str(call)) for call in calls)) // _CHARS_PER_TOKEN + 1
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if said.calls else "stop"}],
        "usage": {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made},
    }


def _call(at: int, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": name.replace(".", "__"), "arguments": json.dumps(arguments)}
    return {"id": f"scripted_{at}", "type": "function", "function": function}


def _roster_name(name: str) -> str:
    """Return a tool's name in the roster: providers take no dots."""
    return name.replace("__", ".")
