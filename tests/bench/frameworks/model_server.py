"""A model server of OpenAI's shape with a latency of its own: the Router chooses, the reviewer never accepts.

    python model_server.py --latency-ms 50

Prints its address. A process of its own, so that every framework pays the same for it.
"""

import argparse
import asyncio
import json
import re
from collections.abc import Collection

from aiohttp import web

WORDS = (
    "Take SQLite while one machine is enough: the log is one file, a backup is a copy, and nobody has to keep a server"
    " running. It takes thousands of small writes a second, which is more than four people cause. PostgreSQL earns its"
    " keep once several machines write at the same time, or once somebody wants replicas, roles and large reports"
    " beside the daily work. Begin with the file, keep the statements portable, and move when a second process has"
    " to write. Spend the hours that you saved on tests until then. "
)
"""No sentence comes twice: a model that repeats itself is cut short by ours, which would make its prompts smaller."""
USAGE = {"prompt_tokens": 160, "completion_tokens": 110, "total_tokens": 270}
DRAFT = re.compile(r"Draft (\d+)")


def reply_to(messages: list[dict[str, object]], wanted: Collection[str] = ()) -> str:
    """Return the text of a reply: one JSON object from Router and reviewer, prose from everybody else.

    `wanted` are the fields of the schema that was asked for, if one was: a provider sends no others then.
    """
    said = json.dumps(messages)
    drafts = [int(number) for number in DRAFT.findall(said)]
    newest = max(drafts, default=0)
    if "ROUTER:" in said:
        chosen = {"flow": "one", "agents": ["worker"], "agent": "worker", "reason": "fits", "confidence": 1.0}
        return json.dumps({name: value for name, value in chosen.items() if not wanted or name in wanted})
    if "REVIEWER:" in said:
        verdict = {
            "feedback": [{"criterion": "It is short.", "met": False, "change": f"shorter {newest}"}],
            "score": min(newest, 9),
            "accepted": False,
            "change": f"shorter {newest}",
        }
        return json.dumps({name: value for name, value in verdict.items() if not wanted or name in wanted})
    return f"Draft {newest + 1}. {WORDS}"


def app(latency_s: float) -> web.Application:
    """Return the application; every reply takes that long. `GET /v1/seen` says what came since it was asked last."""
    seen = {"calls": 0, "characters": 0}

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        seen["calls"] += 1
        asked = {key: body.get(key) for key in ("messages", "tools", "response_format")}
        seen["characters"] += len(json.dumps(asked, ensure_ascii=False))
        if latency_s:
            await asyncio.sleep(latency_s)
        schema = ((body.get("response_format") or {}).get("json_schema") or {}).get("schema") or {}
        text, head = (
            reply_to(body["messages"], schema.get("properties", ())),
            {"id": "c", "created": 1, "model": body["model"]},
        )
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            return web.json_response({**head, "object": "chat.completion", "choices": choices, "usage": USAGE})
        head["object"] = "chat.completion.chunk"
        events = (
            {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**head, "choices": [], "usage": USAGE},
        )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def tell(_request: web.Request) -> web.Response:
        told = dict(seen)
        seen.update(calls=0, characters=0)
        return web.json_response(told)

    made = web.Application()
    made.router.add_get("/v1/seen", tell)
    made.router.add_post("/v1/chat/completions", answer)
    return made


async def serve(latency_s: float) -> None:
    """Serve until the process is ended."""
    runner = web.AppRunner(app(latency_s), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=float, default=0)
    asyncio.run(serve(parser.parse_args().latency_ms / 1000))
