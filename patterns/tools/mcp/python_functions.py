"""Serve typed functions of a Python file as tools over standard input and output; the child of one roster entry.

`python -m patterns.tools.mcp.python_functions FILE FUNCTION …`: what a function's signature and docstring say is what
models are told of it. What it prints goes to standard error.
"""

import asyncio
import contextlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any


def main(file: str, names: list[str]) -> None:
    """Serve functions of a file until standard input ends."""
    from mcp.server import MCPServer  # noqa: PLC0415 - the only part of the program that only a child needs

    server = MCPServer(Path(file).stem)
    for name in names:
        server.add_tool(_told(_function(file, name)), name=name)
    server.run("stdio")


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose errors are told to the agent in their own words."""
    from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415

    @wraps(function)
    async def call(*args: object, **given: object) -> object:
        # What it prints would stay in a buffer, and come out as a line of the protocol when the server ends.
        sys.stdout = sys.stderr
        try:
            if inspect.iscoroutinefunction(function):
                return await function(*args, **given)
            return await asyncio.to_thread(function, *args, **given)
        except Exception as error:
            raise ToolError(f"{type(error).__name__}: {error}") from error

    return call


def _function(file: str, name: str) -> Callable[..., Any]:
    module = sys.modules.get("tools_of_the_roster")
    if module is None:
        spec = importlib.util.spec_from_file_location("tools_of_the_roster", file)
        if spec is None or spec.loader is None:
            raise SystemExit(f"{file} is no Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        sys.path.append(str(Path(file).parent))
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise SystemExit(f"{file} has no function {name}.")
    return function  # type: ignore[no-any-return]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
