"""A model server that recites prepared texts, so that the tour can show good answers without a model.

It implements the part of OpenAI's protocol that the bot uses, on loopback. The prompt identifies the agent, the request
in it the stop; what is not in the script is an error, never an invention.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from patterns.core.errors import UserError
from patterns.roster.consistency import ROUTER
from patterns.roster.prompt_files import read_prompts
from patterns.roster.prompts import Prompt

TOUR_FILE = Path(__file__).with_name("tour.yml")
THINKING_S = 0.8
CHARS_PER_S = 500.0
"""Characters per second of a quick hosted model, so that one sees the team at work."""
_CHARS_PER_TOKEN = 4
_REQUEST, _DRAFT = (
    re.compile(rf"<{slot}:([0-9a-f]{{12}})>\n(.*?)\n</{slot}:\1>", re.DOTALL) for slot in ("request", "draft")
)
"""The form in which `patterns.roster.prompts` shows them."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One request of the tour. `said` maps agents to their texts; a list goes by the drafts written before."""

    title: str
    request: str
    flows: tuple[str, ...]
    route: Mapping[str, str]
    said: Mapping[str, Any]
    typed: str = ""

    @property
    def command(self) -> str:
        """Return what to type for it."""
        return f"/agents {self.typed}: {self.request}" if self.typed else f"/agents {self.request}"


@dataclass(frozen=True, slots=True)
class TourScript:
    """All stops; as a `Script` it rejects every other request before the model is called."""

    stops: tuple[Stop, ...]

    def check(self, request: str, *, flow: str | None, agents: Sequence[str]) -> None:
        """Check that a request has a prepared answer; raise UserError with the list."""
        stop = self.find(request)
        if stop is None or agents or flow not in (None, *stop.flows):
            raise UserError(f"In this channel everything is scripted, and this is not in the script.\n{self.listing}")

    def find(self, request: str) -> Stop | None:
        """Return the stop of a request, ignoring spaces and capitals; None when there is none."""
        return next((stop for stop in self.stops if _plain(stop.request) == _plain(request)), None)

    @property
    def listing(self) -> str:
        """Return the list of what to type."""
        return "\n".join(f"{number}. {stop.title}: {stop.command}" for number, stop in enumerate(self.stops, 1))


def read_tour() -> TourScript:
    """Return the shipped script."""
    stops = yaml.safe_load(TOUR_FILE.read_text("utf-8"))
    return TourScript(tuple(Stop(**{**stop, "flows": tuple(stop["flows"])}) for stop in stops))


@asynccontextmanager
async def scripted_model(script: TourScript, *, pace: float = 1.0) -> AsyncIterator[str]:
    """Run the server while the block runs; yield its `api_base`. `pace` 0 answers at once."""
    agents = {Prompt(name, source).render({}, 0).system: name for name, source in read_prompts().items()}

    async def complete(request: web.Request) -> web.Response:
        body = await request.json()
        system, user = (message["content"] for message in body["messages"][:2])
        said = _said(script, agents.get(system, ""), user, _properties(body))
        if said is None:
            return web.json_response({"error": {"message": "That is not in the script."}}, status=400)
        await asyncio.sleep(pace * (THINKING_S + len(said) / CHARS_PER_S))
        return web.json_response(_completion(body["model"], said, prompt_chars=len(system) + len(user)))

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def _said(script: TourScript, agent: str, user: str, properties: Mapping[str, Any]) -> str | None:
    """Return what an agent says in a step; None when nothing was prepared."""
    asked = _REQUEST.search(user)
    stop = script.find(asked[2]) if asked else None
    if stop is None:
        return None
    if agent == ROUTER:
        return _route(stop, properties)
    said = stop.said.get(agent)
    if isinstance(said, list):
        draft = _DRAFT.search(user)
        said = said[_position(stop, draft[2] if draft else None, is_next=not properties)]
    return said.strip() if isinstance(said, str) else json.dumps(said) if said else None


def _route(stop: Stop, properties: Mapping[str, Any]) -> str:
    agents = [stop.route["agent"]] if "agent" in stop.route else []
    choice: dict[str, Any] = {"flow": stop.flows[0], "agents": agents, "confidence": 0.93, **stop.route}
    return json.dumps({name: value for name, value in choice.items() if name in properties})


def _position(stop: Stop, draft: str | None, *, is_next: bool) -> int:
    """Return the index of a draft's texts: for its reviewer the same place in the list, for its writer the next."""
    drafts = [text.strip() for text in stop.said["writer"]]
    if draft is None:
        return 0
    at = drafts.index(draft.strip()) if draft.strip() in drafts else len(drafts) - 1
    return min(at + is_next, len(drafts) - 1)


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema", {})
    properties: Mapping[str, Any] = schema.get("properties", {})
    return properties


def _completion(model: str, said: str, *, prompt_chars: int) -> dict[str, Any]:
    given, made = prompt_chars // _CHARS_PER_TOKEN, len(said) // _CHARS_PER_TOKEN + 1
    message = {"role": "assistant", "content": said}
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made},
    }


def _plain(request: str) -> str:
    return " ".join(request.split()).casefold().rstrip(" .?!")
