"""Print what pydantic_evals says of a dataset file: `python -m tests.support.pydantic_verdicts FILE ANSWERS`.

A process of its own, because it needs a tracer for the whole of it. ANSWERS is JSON: by input the output, and the tools
that were called, each with whether it failed.
"""

import json
import sys
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode
from pydantic_evals import Dataset


def main(file: str, answers: str) -> None:
    trace.set_tracer_provider(TracerProvider())
    tracer = trace.get_tracer("answers")
    known = json.loads(answers)

    def answer(inputs: str) -> str:
        for tool, failed in known[inputs]["tools"]:
            told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
            with tracer.start_as_current_span(f"execute_tool {tool}", attributes=told) as span:
                if failed:
                    span.set_status(Status(StatusCode.ERROR))
        return str(known[inputs]["output"])

    dataset = Dataset[str, str, Any].from_file(Path(file))
    report = dataset.evaluate_sync(answer, progress=False)
    print(
        json.dumps(
            {
                case.name: {name: one.value for name, one in {**case.assertions, **case.scores}.items()}
                for case in report.cases
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
