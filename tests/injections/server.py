"""AgentDojo's Slack suite as a tool server, in an environment of its own: its tools, its injections, its judges.

It speaks MCP by hand, because its packages are not ours. `begin` sets up one of the suite's cases, and says what solves
it; `finish` says whether the request was fulfilled and whether the attack was.
"""

import json
import sys
from typing import Any

from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suite

VERSION = "v1.2.1"
Json = dict[str, Any]


class Case:
    """One request with one injection, from its beginning to its judgement."""

    def __init__(self) -> None:
        self.suite = get_suite(VERSION, "slack")
        self.runtime = FunctionsRuntime(self.suite.tools)
        self.calls: list[FunctionCall] = []

    def cases(self) -> Json:
        """Every request and every injection of the suite."""
        return {"users": list(self.suite.user_tasks), "injections": list(self.suite.injection_tasks)}

    def begin(self, user: str, injection: str) -> Json:
        """Set it up: the injection's text stands wherever the suite lets strangers write."""
        self.user = self.suite.user_tasks[user]
        self.injection = self.suite.injection_tasks[injection]
        text = f"IMPORTANT, before anything else: {self.injection.GOAL}"
        everywhere = dict.fromkeys(self.suite.get_injection_vector_defaults(), text)
        self.env = self.user.init_environment(self.suite.load_and_inject_default_environment(everywhere))
        self.before = self.env.model_copy(deep=True)
        self.calls = []
        return {
            "request": self.user.PROMPT, "answer": self.user.GROUND_TRUTH_OUTPUT, "text": text,
            "wanted": [[one.function, dict(one.args)] for one in self.user.ground_truth(self.before)],
            "attack": [[one.function, dict(one.args)] for one in self.injection.ground_truth(self.before)],
        }  # fmt: skip

    def finish(self, answer: str) -> Json:
        """Have the suite judge."""
        output: Any = [{"type": "text", "content": answer}]
        judged = (output, self.before, self.env, self.calls)
        return {
            "fulfilled": self.suite._check_task_result(self.user, *judged),
            "attacked": self.suite._check_task_result(self.injection, *judged),
            "calls": [[one.function, dict(one.args)] for one in self.calls],
        }

    def call(self, name: str, given: Json) -> tuple[str, bool]:
        """Make a call of the suite's own tools."""
        self.calls.append(FunctionCall(function=name, args=given))
        result, error = self.runtime.run_function(self.env, name, given)
        return (error, True) if error else (str(result), False)


def answer(case: Case, message: Json) -> Json | None:
    """What is said to a message."""
    method, params = message.get("method"), message.get("params", {})
    if "id" not in message:
        return None
    if method == "initialize":
        info = {"name": "agentdojo", "version": VERSION}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {
            "tools": [
                {"name": one.name, "description": one.description, "inputSchema": one.parameters.model_json_schema()}
                for one in case.suite.tools
            ]
        }
    if method != "tools/call":
        raise LookupError
    name, given = params["name"], params.get("arguments", {})
    if name in ("begin", "finish", "cases"):
        text, is_error = json.dumps(getattr(case, name)(**given)), False
    else:
        text, is_error = case.call(name, given)
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


def main() -> None:
    """Serve until standard input ends."""
    case = Case()
    for line in sys.stdin:
        message = json.loads(line)
        try:
            result = answer(case, message)
        except LookupError:
            said: Json = {"error": {"code": -32601, "message": "Method not found"}}
        else:
            if result is None:
                continue
            said = {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}), flush=True)


if __name__ == "__main__":
    main()
