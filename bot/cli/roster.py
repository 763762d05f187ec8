"""`agents roster`: a team's own roster, from the first file to the check before it goes to work."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.command import Commands

if TYPE_CHECKING:
    from patterns.roster.roster import Roster

_file = click.argument("file", required=False, type=click.Path(path_type=Path))


@click.group(cls=Commands)
def roster() -> None:
    """Write your own agents and flows, and check them."""


@roster.command()
@_file
def check(file: Path | None) -> None:
    """Say everything that is wrong with FILE in one report: its YAML, keys, names, prompts and prices.

    Without FILE it is the roster that AGENTS_ROSTER names, else the shipped one. Exit code 1 when something is wrong.
    """
    from bot.settings import environment
    from patterns.core.errors import RosterError

    path, env = roster_path(file), environment()
    try:
        lines = list(_found(path, env))
    except RosterError as error:
        lines = str(error).splitlines()
    for line in lines:
        click.echo(line)
    if lines:
        click.echo(f"{len(lines)} {'thing' if len(lines) == 1 else 'things'} to fix.")
        sys.exit(1)
    _all_well(path, env)


@roster.command()
@_file
@click.option("--diagram", is_flag=True, help="Draw the flows instead, with their limits and prices.")
def show(file: Path | None, *, diagram: bool) -> None:
    """Print the roster that works, with what it inherits, and a comment on what came from where.

    Without FILE it is the roster that AGENTS_ROSTER names, else the shipped one.
    """
    if diagram:
        from bot.cli.roster_diagram import drawn

        click.echo("\n".join(drawn(roster_path(file))))
        return
    from bot.cli.roster_show import Shown
    from bot.settings import environment
    from patterns.roster.layers import layered
    from patterns.roster.prompt_files import prompt_files
    from patterns.roster.reading import read_roster_file, roster_text

    path, env = roster_path(file), environment()
    read_roster_file(path, env=env)
    layers = layered(roster_text(path), file=path.name)
    click.echo(Shown(layers, prompt_files(path.parent), file=path.name, env=env).text(), nl=False)


@roster.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
def new(folder: Path) -> None:
    """Write a roster to start from into FOLDER, with a prompt of its own; without FOLDER, into this one."""
    from bot.settings import PROJECT

    starter = PROJECT / "templates" / "roster"
    files = sorted(path.relative_to(starter) for path in starter.rglob("*") if path.is_file())
    taken = [str(folder / file) for file in files if (folder / file).exists()]
    if taken:
        raise click.ClickException(f"{taken[0]} is there already. Name another folder.")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text((starter / file).read_text("utf-8"), "utf-8")
    written = folder / "roster.yml"
    click.echo(f"Wrote {' and '.join(str(folder / file) for file in files)}. Next:")
    for command, does in (
        (f"agents roster check {written}", "finds every mistake"),
        (f'agents try support "Where is my invoice?" --roster {written} --show-prompt', "runs one agent"),
        (f"export AGENTS_ROSTER={written.resolve()}", "makes it the roster of the bot and of `agents ask`"),
    ):
        click.echo(f"  {command}    # {does}")


def roster_path(file: Path | None) -> Path:
    """Return the roster a command is about: the one it names, else the deployment's."""
    from bot.settings import read_settings

    return file.expanduser().resolve() if file else read_settings().roster_path


def _found(path: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Yield what a roster without mistakes of its own still lacks: prices of its models.

    Raises:
        RosterError: its mistakes, a line each.
    """
    from bot.cli.step_limits import tight_steps
    from bot.runs.model_selection import AUTO
    from patterns.core.errors import RosterError
    from patterns.models.client import LiteLLMClient
    from patterns.roster.reading import read_roster_file, roster_text
    from patterns.roster.yaml_lines import parse_yaml

    checked = read_roster_file(path, env=env)
    document = parse_yaml(roster_text(path), env=env, file=path.name)
    client = LiteLLMClient(checked.models, env)
    for name, model in checked.models.items():
        if model.model == AUTO or model.price is not None:
            continue
        try:
            client.price(name)
        except RosterError as error:
            yield f"{document.line(('models', name, 'model'))}: {error}"
    for tight in tight_steps(_with_choice(checked, env), env):
        if tight.never_fits:
            yield f"{document.line(('agents', tight.agent, 'step_usd'))}: {tight.agent}: {tight.words}"


def _all_well(path: Path, env: Mapping[str, str]) -> None:
    from bot.cli.step_limits import tight_steps
    from patterns.roster.prompt_files import prompt_files
    from patterns.roster.reading import read_roster_file

    checked = read_roster_file(path, env=env)
    kinds = {"flow": checked.flows, "agent": checked.agents, "model": checked.models}
    counts = [f"{len(found)} {kind}{'' if len(found) == 1 else 's'}" for kind, found in kinds.items()]
    click.echo(f"{path} is fine: {', '.join(counts)}.")
    beside = Path("roster.yml")
    if beside.is_file() and beside.resolve() != path.resolve():
        click.echo(f"./{beside} was not checked: agents roster check {beside} checks it.")
    for name, file in prompt_files(path.parent).own.items():
        if name not in checked.prompts:
            click.echo(f"{file} is used by no agent.")
    for tight in tight_steps(_with_choice(checked, env), env):
        click.echo(f"{tight.agent}: {tight.words}")
    for sentence in _searches(checked, env):
        click.echo(sentence)


def _searches(checked: "Roster", env: Mapping[str, str]) -> Iterator[str]:
    """Yield which agents can search the web; of models that are chosen at the start, `agents doctor` says it."""
    from bot.runs.model_selection import AUTO
    from patterns.core.errors import ModelError
    from patterns.models.client import LiteLLMClient
    from patterns.tools.web import search_states

    known = {name: agent for name, agent in checked.agents.items() if checked.models[agent.model].model != AUTO}
    with suppress(ModelError):  # `doctor` tells what is wrong with a model
        for state in search_states(replace(checked, agents=known), LiteLLMClient(checked.models, env)):
            yield state.sentence()


def _with_choice(checked: "Roster", env: Mapping[str, str]) -> "Roster":
    """Return the roster with the models of the provider whose key is set, for what it has as `auto`."""
    from bot.runs.model_selection import apply_choice, provider_choice

    choice = provider_choice(env)
    return checked if choice is None else checked.with_models(apply_choice(checked.models, choice))
