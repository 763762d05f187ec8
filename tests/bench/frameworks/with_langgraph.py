"""LangGraph: a StateGraph per pattern, no checkpointer."""

import operator
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, TypedDict

from jobs import PROMPTS, REQUEST, REVISIONS, VOICES, Runs, agent_of, change_of
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph


class State(TypedDict, total=False):
    """What the nodes hand on."""

    text: str
    agent: str
    change: str
    rounds: int
    voices: Annotated[list[str], operator.add]


Node = Callable[[State], Awaitable[State]]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Runs]:  # noqa: C901 - its nodes are functions
    """Compile the graphs once."""
    model = ChatOpenAI(model="gpt-4o", api_key="k", base_url=url, max_tokens=300)

    async def ask(role: str, text: str) -> str:
        return str((await model.ainvoke([("system", PROMPTS[role]), ("user", text)])).content)

    def step(role: str) -> Node:
        async def node(state: State) -> State:
            return {"text": await ask(role, "\n\n".join(part for part in (REQUEST, state.get("text")) if part))}

        return node

    def voice(role: str) -> Node:
        async def node(_state: State) -> State:
            return {"voices": [await ask(role, REQUEST)]}

        return node

    async def route(_state: State) -> State:
        return {"agent": agent_of(await ask("router", REQUEST))}

    async def chair(state: State) -> State:
        return {"text": await ask("chair", "\n\n".join((REQUEST, *state["voices"])))}

    async def revise(state: State) -> State:
        draft, change = state.get("text", ""), state.get("change", "")
        text = f"{REQUEST}\n\n{draft}\n\nChange: {change}" if draft else REQUEST
        return {"text": await ask("worker", text), "rounds": state.get("rounds", -1) + 1}

    async def review(state: State) -> State:
        return {"change": change_of(await ask("reviewer", f"{REQUEST}\n\n{state['text']}"))}

    single = StateGraph(State).add_node("worker", step("worker")).add_edge(START, "worker").compile()
    router = StateGraph(State).add_node("router", route)
    for role in ("worker", "editor", "checker"):
        router.add_node(role, step(role)).add_edge(role, END)
    router.add_edge(START, "router").add_conditional_edges("router", lambda state: state["agent"])
    pipeline = StateGraph(State).add_sequence(
        [("worker", step("worker")), ("checker", step("checker")), ("editor", step("editor"))]
    )
    pipeline.add_edge(START, "worker")
    broadcast = StateGraph(State).add_node("chair", chair)
    for number, role in enumerate(VOICES):
        broadcast.add_node(f"voice{number}", voice(role)).add_edge(START, f"voice{number}")
    broadcast.add_edge([f"voice{number}" for number in range(len(VOICES))], "chair")
    supervisor = StateGraph(State).add_node("worker", revise).add_node("reviewer", review).add_edge(START, "worker")
    supervisor.add_conditional_edges("worker", lambda state: END if state["rounds"] >= REVISIONS else "reviewer")
    supervisor.add_conditional_edges("reviewer", lambda state: "worker" if state["change"] else END)
    graphs = {
        "single": single,
        "router": router.compile(),
        "pipeline": pipeline.compile(),
        "broadcast": broadcast.compile(),
        "supervisor": supervisor.compile(),
    }

    def run(pattern: str) -> Callable[[], Awaitable[str]]:
        async def one() -> str:
            return str((await graphs[pattern].ainvoke({"text": "", "voices": []}))["text"])

        return one

    yield {pattern: run(pattern) for pattern in graphs}
