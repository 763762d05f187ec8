"""A server whose tools ask people something in the middle of a call, over standard streams, of either era.

`python -m tests.fakes.asking_server old|new`. `old` speaks 2025-11-25 by hand and sends questions on the connection, as
the SDK no longer does by itself; `new` is the SDK's, and returns them.
"""

import itertools
import json
import sys
import threading
from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel, Field

ORDER = {
    "type": "object",
    "properties": {
        "size": {"type": "string", "title": "Size", "enum": ["small", "large"], "default": "small"},
        "count": {"type": "integer", "title": "How many", "minimum": 1, "maximum": 9},
    },
    "required": ["count"],
}
LOGIN = {"type": "object", "properties": {"password": {"type": "string"}}, "required": ["password"]}


class Order(BaseModel):
    """What somebody wants."""

    size: Literal["small", "large"] = Field(title="Size", default="small")
    count: int = Field(title="How many", ge=1, le=9)


class Login(BaseModel):
    """What nobody should type here."""

    password: str


def new() -> None:
    """Serve the tools of today's protocol."""
    server: MCPServer = MCPServer("desk")

    def order(what: str) -> Elicit[Order]:
        return Elicit(f"How should {what} be booked?", Order)

    def secret() -> Elicit[Login]:
        return Elicit("Type your password", Login)

    @server.tool()
    async def book(what: str, found: Annotated[Order, Resolve(order)]) -> str:
        """Book something, once it is known how."""
        return f"{what}: accept {found.model_dump_json()}"

    @server.tool()
    async def login(found: Annotated[Login, Resolve(secret)]) -> str:
        """Ask for a secret."""
        return f"login: accept {found}"

    server.run("stdio")


def old() -> None:  # noqa: C901 - a whole server
    """Serve the tools of 2025-11-25, each call in a thread of its own: it waits for what it asked."""
    lock, answers, ids = threading.Lock(), {}, itertools.count(1)

    def send(**message: Any) -> None:
        with lock:
            print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

    def ask(**params: Any) -> dict[str, Any]:
        asked, came = f"q{next(ids)}", threading.Event()
        answers[asked] = came
        send(id=asked, method="elicitation/create", params=params)
        came.wait(20)
        return answers[asked]

    def form(message: str, schema: dict[str, Any]) -> str:
        found = ask(mode="form", message=message, requestedSchema=schema)
        return f"{found.get('action')} {json.dumps(found.get('content'))}"

    tools = {
        "book": lambda what="": f"{what}: {form(f'How should {what} be booked?', ORDER)}",
        "login": lambda: f"login: {form('Type your password', LOGIN)}",
        "pay": lambda: (
            "pay: " + ask(mode="url", message="Pay here", url="https://pay.example/7", elicitationId="e1")["action"]
        ),
    }

    def call(request: dict[str, Any]) -> None:
        text = tools[request["params"]["name"]](**request["params"].get("arguments") or {})
        send(id=request["id"], result={"content": [{"type": "text", "text": text}]})

    about = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "desk", "version": "1"},
    }
    listed = [{"name": name, "description": name, "inputSchema": {"type": "object"}} for name in tools]
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case None:
                came, answers[message["id"]] = answers[message["id"]], message.get("result") or {"action": "error"}
                came.set()
            case "initialize":
                send(id=message["id"], result=about)
            case "tools/list":
                send(id=message["id"], result={"tools": listed})
            case "tools/call":
                threading.Thread(target=call, args=(message,), daemon=True).start()
            case _ if "id" in message:
                send(id=message["id"], error={"code": -32601, "message": "no such method"})


if __name__ == "__main__":
    {"old": old, "new": new}[sys.argv[1]]()
