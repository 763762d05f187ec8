"""The tour's script: the requests of `#tour`, and what a good model would say to them, written by hand.

Who speaks is known by the agent, what about by the request. An agent with tools follows what they said last, so that
its answer tells what really happened; what is not in the script is an error, never an invention.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from patterns.core.errors import UserError
from patterns.roster.consistency import ROUTER

TOUR_FILE = Path(__file__).with_name("tour.yml")
NO_TOOLS = "(no tools)"
"""What an agent of the script has heard that is offered no tools, before it has used any."""
_REQUEST, _DRAFT, _RESULT = (
    re.compile(rf"<{slot}:([0-9a-f]{{12}})>\n(.*?)\n</{slot}:\1>", re.DOTALL) for slot in ("request", "draft", "result")
)
"""The form in which `patterns.roster.prompts` shows them."""
_DRY_RUN = re.compile(r"\W*dry\W?run\W+")
"""What a request for a dry run may begin with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model is asked: the agent, its prompt, the fields of the form it must fill, its tools, what they said."""

    agent: str
    user: str
    fields: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says: a text, or calls of tools, each a name and its arguments."""

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """One request of the tour. `said` maps agents to their texts; a list goes by the drafts written before.

    `acts` maps agents with tools to lines, of which the first counts whose `heard` is found in what the tools of the
    last turn returned: it has `calls`, or a text to `say` with what `heard` has found in it.
    """

    title: str
    request: str
    flows: tuple[str, ...]
    route: Mapping[str, str]
    said: Mapping[str, Any] = field(default_factory=dict)
    acts: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
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
        """Return the stop of a request, ignoring spaces, capitals and `dry run` before it; None when there is none."""
        return next((stop for stop in self.stops if _plain(stop.request) == _plain(request)), None)

    @property
    def listing(self) -> str:
        """Return the list of what to type."""
        return "\n".join(f"{number}. {stop.title}: {stop.command}" for number, stop in enumerate(self.stops, 1))

    def answer(self, asked: Asked) -> Said | None:
        """Return what an agent says in a step; None when nothing was prepared."""
        request = _REQUEST.search(asked.user)
        stop = self.find(request[2]) if request else None
        if stop is None:
            return None
        if asked.agent == ROUTER:
            return Said(_route(stop, asked.fields))
        if asked.agent in stop.acts:
            return _act(stop.acts[asked.agent], asked)
        said = stop.said.get(asked.agent)
        if isinstance(said, list):
            draft = _DRAFT.search(asked.user)
            said = said[_position(stop, draft[2] if draft else None, is_next=not asked.fields)]
        if not said:
            return None
        return Said(said.strip() if isinstance(said, str) else json.dumps(said))


def read_tour() -> TourScript:
    """Return the shipped script."""
    stops = yaml.safe_load(TOUR_FILE.read_text("utf-8"))
    return TourScript(tuple(Stop(**{**stop, "flows": tuple(stop["flows"])}) for stop in stops))


def _route(stop: Stop, fields: Sequence[str]) -> str:
    agents = [stop.route["agent"]] if "agent" in stop.route else []
    choice: dict[str, Any] = {"flow": stop.flows[0], "agents": agents, "confidence": 0.93, **stop.route}
    return json.dumps({name: value for name, value in choice.items() if name in fields})


def _position(stop: Stop, draft: str | None, *, is_next: bool) -> int:
    """Return the index of a draft's texts: for its reviewer the same place in the list, for its writer the next."""
    drafts = [text.strip() for text in stop.said["writer"]]
    if draft is None:
        return 0
    at = drafts.index(draft.strip()) if draft.strip() in drafts else len(drafts) - 1
    return min(at + is_next, len(drafts) - 1)


def _act(lines: Sequence[Mapping[str, Any]], asked: Asked) -> Said | None:
    """Return what an agent with tools does next; it calls nothing where none are offered."""
    heard = "\n".join(_unfenced(result) for result in asked.results) or ("" if asked.tools else NO_TOOLS)
    for line in lines:
        found = re.search(line["heard"], heard, re.DOTALL)
        calls = tuple((name, arguments) for call in line.get("calls", ()) for name, arguments in call.items())
        if found is None or not {name for name, _ in calls} <= set(asked.tools):
            continue
        return Said(calls=calls) if calls else Said(line["say"].strip().format_map(found.groupdict()))
    return None


def _unfenced(result: str) -> str:
    inside = _RESULT.search(result)
    return inside[2] if inside else result


def _plain(request: str) -> str:
    plain = " ".join(request.split()).casefold().rstrip(" .?!")
    return plain[found.end() :] if (found := _DRY_RUN.match(plain)) else plain
