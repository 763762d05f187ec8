"""`agents try`: one agent on one request, priced, held and paid for like every run."""

from dataclasses import dataclass
from pathlib import Path

import click

from bot.cli.ask import Request, Shell
from bot.cli.shell import opened, payer_for
from bot.cli.terminal import print_line
from bot.messages.mrkdwn import clean
from bot.runs.context import payer_context
from bot.runs.engine import Engine
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from patterns.handoff import EMPTY_HANDOFF
from patterns.roster.suggestions import nearest


@dataclass(frozen=True, slots=True)
class Trial:
    """The command line of `agents try`. `roster` is the deployment's when it is None."""

    agent: str
    request: str
    roster: Path | None = None
    channel: str = "terminal"
    shows_prompt: bool = False
    estimate: bool = False
    approve: tuple[str, ...] = ()


async def try_agent(trial: Trial) -> int:
    """Run one agent and print its answer; return the exit code of `agents ask`.

    Raises:
        UserError: there is nothing to do, or no such agent, or its prompt does not show the request.
    """
    if not trial.request.strip():
        raise UserError(f'Say what {trial.agent} should do, like: agents try {trial.agent} "a question".')
    async with opened(starts_model=not trial.estimate, roster=trial.roster) as engine:
        _check(engine, trial.agent)
        payer = await payer_for(engine, trial.channel)
        if trial.shows_prompt:
            _show_prompt(engine, trial, payer)
        asked = Request(
            request=trial.request, agents=trial.agent, channel=trial.channel, yes=True, approve=trial.approve
        )
        shell = Shell(engine, asked.read(), payer)
        return await (shell.estimate() if trial.estimate else shell.run())


def _check(engine: Engine, name: str) -> None:
    roster = engine.roster
    if name not in roster.agents:
        near = nearest(name, roster.agents)
        instead = f"Did you mean {near}?" if near else f"The agents are {', '.join(sorted(roster.agents))}."
        raise UserError(f"There is no agent {name!r}. {instead}")
    if "request" not in roster.prompts[roster.agents[name].prompt].slots:
        raise UserError(f"The prompt of {name} does not show the request. Put {{{{ request }}}} into its user part.")


def _show_prompt(engine: Engine, trial: Trial, payer: Payer) -> None:
    """Print both parts of the prompt as the model will get them, beside the answer."""
    spec = engine.roster.agents[trial.agent]
    ctx = payer_context(payer, run_id="try", request=trial.request.strip())
    shown = engine.roster.prompts[spec.prompt].render(EMPTY_HANDOFF.slots(ctx), spec.input_bytes_max)
    for title, text in (("what the agent is told", shown.system), ("what it is given", shown.user)):
        print_line(click.style(f"── {trial.agent}: {title}", fg="cyan"))
        print_line(f"{clean(text)}\n")
