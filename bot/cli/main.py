"""The `agents` command. Heavy imports wait inside the command that needs them, so that help is instant."""

import errno
import sys
from pathlib import Path
from typing import Any

import click

from bot import __version__
from bot.cli.budget import register as register_budget
from bot.cli.command import Commands, run_command
from bot.cli.installations import installations
from bot.cli.people import register as register_people
from bot.cli.read_runs import register as register_reading
from bot.cli.roster import roster
from bot.cli.tools import tools
from patterns.core.errors import AgentsError
from patterns.core.text import storable


class _Sentences(Commands):
    """A group whose commands fail with one sentence instead of a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Mark bytes in arguments that are not text: neither a database nor a screen takes them."""
        return super().parse_args(ctx, [storable(word) for word in args])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        try:
            return super().invoke(ctx)
        except AgentsError as error:
            click.echo(f"agents: {error}", err=True)
            sys.exit(1)
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output has gone, which click ends quietly
                raise
            click.echo(f"agents: {error}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(130)


_host = click.option("--host", help="Address that HTTP mode listens on; without it, AGENTS_HOST decides.")


@click.group(cls=_Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="agents")
def main() -> None:
    """Multi-agent runs in Slack threads, under a monthly budget per channel that cannot be overspent.

    Start with `agents demo`, which needs no Slack workspace and no key, or `agents doctor`, which says what is missing.
    """
    from bot.settings import ensure_home

    ensure_home()


_approve = click.option(
    "--approve", multiple=True, metavar="TOOL", help="Approve calls of a tool, or of a server, beforehand; repeatable."
)


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="HTTP mode on this port; without it, PORT decides.")
@_host
def run(port: int | None, host: str | None) -> None:
    """Start the bot: Socket Mode, or HTTP when a port is given."""
    from bot.serve import serve

    run_command(serve(port=port, host=host))


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="HTTP mode on this port; without it, PORT decides.")
@_host
def web(port: int | None, host: str | None) -> None:
    """Receive what Slack sends and leave the runs to workers (PostgreSQL)."""
    from bot.serve import web as start

    run_command(start(port=port, host=host))


@main.command()
@click.option("--concurrency", type=click.IntRange(1), default=16, show_default=True, help="Runs at once.")
def worker(concurrency: int) -> None:
    """Execute runs, beside any number of other workers (PostgreSQL)."""
    from bot.serve import worker as start

    run_command(start(concurrency=concurrency))


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3210, show_default=True, help="Port of the page.")
@click.option("--once", "request", metavar="REQUEST", help="Send one request, agree to its price, print its thread.")
@click.option(
    "--roster",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="Your own roster instead of the shipped one.",
)
def demo(port: int, request: str | None, roster: Path | None) -> None:
    """Run everything here: a local Slack in the browser, a model, a ledger. No account, no key.

    With --once prices and drafts are approved for you, and the exit code is 0 only when the request was answered.
    """
    from bot.demo.run import demo as start

    run_command(start(port=port, once=request, roster=roster))


@main.command()
@click.argument("request")
@click.option("--flow", default="", help="The flow to run; without it the Router decides.")
@click.option("--agents", "agents", default="", metavar="A,B", help="Only these agents, comma separated.")
@click.option("--channel", default="terminal", show_default=True, help="The channel whose budget pays.")
@click.option("--estimate", is_flag=True, help="Say what it would cost, and run nothing.")
@click.option("--yes", is_flag=True, help="Agree to the price beforehand, whatever it is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--dry-run", is_flag=True, help="Call no tool that acts; list what would be called, with its price.")
@click.option("--with", "with_", multiple=True, metavar="ADDRESS", help="Attach a resource of a server; repeatable.")
@_approve
def ask(**options: Any) -> None:  # noqa: ANN401 - click hands the options over by name
    """Run a request here, without Slack: same patterns, same ledger, beside a running bot.

    A request that begins with "dry run:" is one, as with --dry-run.

    The answer goes to standard output, everything else to standard error. Exit code 0: an answer came, in part at
    least; 1: none; 130: stopped with Ctrl-C, and the last line says what was paid.
    """
    from bot.cli.ask import Request
    from bot.cli.ask import ask as start

    run_command(start(Request(**options)))


@main.command()
@click.option("--channel", default="terminal", show_default=True, help="The channel whose budget pays.")
def mcp(channel: str) -> None:
    """Serve the flows as tools over MCP, on standard input and output: for an editor or another agent.

    The client starts it: command `agents`, arguments `mcp`. What is under way when it leaves is stopped and settled.
    """
    from bot.cli.mcp import serve_stdio

    run_command(serve_stdio(channel=channel))


@main.command(name="try")
@click.argument("agent")
@click.argument("request")
@click.option("--roster", type=click.Path(path_type=Path), help="A roster file; without it, the deployment's.")
@click.option("--show-prompt", "shows_prompt", is_flag=True, help="Print what the agent is told and given.")
@click.option("--channel", default="terminal", show_default=True, help="The channel whose budget pays.")
@click.option("--estimate", is_flag=True, help="Say what it would cost, and run nothing.")
@_approve
def try_(**options: Any) -> None:  # noqa: ANN401 - click hands the options over by name
    """Run one AGENT on a request, priced, held and paid for like every run.

    The answer goes to standard output, everything else to standard error; exit codes are those of `agents ask`.
    """
    from bot.cli.roster import roster_path
    from bot.cli.try_agent import Trial, try_agent

    file = options.pop("roster")
    run_command(try_agent(Trial(**options, roster=roster_path(file) if file else None)))


@main.command()
@click.option("--call", "calls", is_flag=True, help="Ask each model for one token, held and settled like every call.")
def doctor(*, calls: bool) -> None:
    """Check tokens, scopes, roster, prices, database, models and tools; a line each, with what to do."""
    from bot.cli.doctor import doctor as check

    run_command(check(calls=calls))


@main.command()
def verify() -> None:
    """Recompute every sum of the ledger from its calls; fail on any difference."""
    from bot.cli.maintenance import verify as check

    run_command(check())


@main.command()
def migrate() -> None:
    """Create the database, or bring its schema up to date."""
    from bot.cli.maintenance import migrate as start

    run_command(start())


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Copy the SQLite ledger to FILE while the bot runs, and check the copy."""
    from bot.cli.maintenance import backup as start

    run_command(start(file))


@main.command()
@click.option("--url", help="Public https address of this deployment: prints the HTTP variant.")
def manifest(url: str | None) -> None:
    """Print the Slack app manifest for this deployment."""
    from bot.manifest import render

    click.echo(render(url), nl=False)


register_budget(main)
register_people(main)
register_reading(main)
main.add_command(installations)
main.add_command(roster)
main.add_command(tools)


class _CasesByDefault(Commands):
    """A group whose first word may be a file: `agents eval FILE` is `agents eval cases FILE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line, with the command that may be left out."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["cases", *args]
        return super().parse_args(ctx, args)


@main.group(name="eval", cls=_CasesByDefault)
def evaluate() -> None:
    """Measure the roster on your own requests: `agents eval FILE` runs the cases of a file."""


@evaluate.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--flow", default="", help="The flow for cases that name none; without it the Router decides.")
@click.option(
    "--roster",
    "rosters",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A roster file; several are compared.",
)
@click.option("--model", "models", multiple=True, metavar="NAME", help="A litellm model name; several are compared.")
@click.option("--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="How often each case runs.")
@click.option("--judge", default="", metavar="AGENT", help="Who judges for LLMJudge; without it, the first reviewer.")
@click.option("--channel", default="terminal", show_default=True, help="The channel whose budget pays.")
@click.option("--concurrency", type=click.IntRange(1, 32), default=4, show_default=True, help="Runs at once.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write everything there.")
@click.option("--junit", "junit_file", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML there.")
@click.option("--yes", is_flag=True, help="Agree to the price beforehand.")
@click.option("--resume", default="", metavar="BATCH", help="Go on with a batch; finished runs are not paid again.")
def cases(**options: Any) -> None:  # noqa: ANN401 - click hands the options over by name
    """Run every case of FILE, check the answers, and print quality, cost and latency side by side.

    FILE is a dataset of pydantic_evals (YAML or JSON), or one case a line (JSONL). docs/evals.md lists the checks.
    Exit code 0: all passed; 1: some did not; 2: some could not be run; 130: stopped.

    \b
    cases:
      - name: launch
        inputs: Should we move the launch to May?
        evaluators: [{Contains: May}, {MaxCost: 0.05}]
    """
    from bot.cli.eval_cases import Batch, evaluate_cases

    run_command(evaluate_cases(Batch(**options)))


@evaluate.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--channel", default="terminal", show_default=True, help="The channel whose budget pays.")
def routes(file: Path, channel: str) -> None:
    """Have the Router choose for every line of FILE, and print how often it was right, its cost and its latency.

    A line is JSON with the request and what should be chosen: a flow, or a pattern of agents.

    \b
    {"text": "Move the launch to May?", "flow": "decide"}
    {"text": "Have an engineer and an analyst look", "pattern": "broadcast", "agents": ["engineer", "analyst"]}
    """
    from bot.cli.eval_routes import evaluate_routes

    run_command(evaluate_routes(file, channel=channel))


@evaluate.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--month", default="", metavar="YYYY-MM", help="When it was rated; the current month without.")
@click.option("--channel", default="", metavar="ID", help="Only this channel.")
def collect(file: Path, month: str, channel: str) -> None:
    """Write what people rated in public channels into FILE, as cases for `agents eval`.

    Only where AGENTS_EVAL_COLLECT=on; never from direct messages or private channels. FILE keeps their words until you
    delete it: `agents forget` and the retention do not reach it.
    """
    from bot.cli.eval_collect import collect as start

    run_command(start(file, month=month, channel=channel))
