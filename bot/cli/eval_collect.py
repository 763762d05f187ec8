"""`agents eval collect`: what people rated becomes cases, where that is switched on and from public channels only."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import yaml

from bot.cli.shell import opened
from bot.people.directory import Directory, LookupFailedError, SlackDirectory
from bot.runs.engine import Engine
from bot.runs.outcome import RunOutcome
from bot.slack.token_rotation import TokenRotation
from bot.slack.workspaces import InstalledTokens, OneToken, slack_client, slack_session
from patterns.core.errors import UserError
from storage.installations import Installations
from storage.ledger.periods import period_end_us, period_key
from storage.ratings import RatedRun, rated_runs

OFF = (
    "Ratings are made into cases only where AGENTS_EVAL_COLLECT=on: tell the people of your channels first, because the"
    " file keeps their requests until you delete it."
)
LIKE = "It answers the request at least as well as what was expected."
BETTER = "It answers the request fully and correctly. An earlier answer to it did not help."


async def collect(file: Path, *, month: str, channel: str) -> int:
    """Write the cases of a month into a new file; return 0, also when there are none.

    Raises:
        UserError: it is off, the month or the file cannot be used, or Slack cannot be asked which channels are public.
    """
    async with opened(starts_model=False) as engine, _directory(engine) as directory:
        if not engine.settings.eval_collect:
            raise UserError(OFF)
        period = month or period_key(engine.clock.now_us(), engine.zone)
        try:
            until_us = period_end_us(period, engine.zone)
            from_us = period_end_us(_before(period), engine.zone)
        except (ValueError, OverflowError):
            raise UserError(f"{period[:20]!r} is no month. Write one like 2026-11.") from None
        rated = await rated_runs(engine.db, from_us=from_us, until_us=until_us, channel=channel)
        places = {(one.workspace, one.channel) for one in rated}
        public = {place: await _is_public(directory, *place) for place in places}
    meant = [one for one in rated if public[one.workspace, one.channel] and one.up != one.down]
    cases = [_case(one) for one in meant if not one.is_dry]
    if not cases:
        click.echo(f"Nobody rated an answer in a public channel in {period}, so there is nothing to write.")
        return 0
    dataset = {"name": f"rated in {period}", "cases": cases}
    _write(file, yaml.safe_dump(dataset, allow_unicode=True, sort_keys=False, width=120))
    left_out = len(rated) - len(cases)
    also = (
        f" {left_out} more were left out: not in a public channel, a dry run, or rated both ways." if left_out else ""
    )
    click.echo(f"{len(cases)} cases are in {file}.{also} Run them with `agents eval {file}`.")
    return 0


def _write(file: Path, text: str) -> None:
    """Write a new file that only its owner may read."""
    try:
        file.touch(0o600, exist_ok=False)
        file.write_text(text, "utf-8")
    except FileExistsError:
        raise UserError(f"{file} exists. Name a new file.") from None


def _before(period: str) -> str:
    year, month = map(int, period.split("-"))
    return f"{year - (month == 1)}-{(month - 2) % 12 + 1:02d}"


def _case(rated: RatedRun) -> dict[str, Any]:
    helped = rated.up > rated.down
    answer = RunOutcome.model_validate_json(rated.result_json).result.output
    case: dict[str, Any] = {"name": rated.run_id, "inputs": {"request": rated.request}}
    if helped and answer:
        case["expected_output"] = answer
    case["metadata"] = {"rated": "helped" if helped else "did not help", "flow": rated.flow}
    judge: Mapping[str, Any] = (
        {"rubric": LIKE, "include_input": True, "include_expected_output": True}
        if "expected_output" in case
        else {"rubric": BETTER, "include_input": True}
    )
    return {**case, "evaluators": [{"LLMJudge": dict(judge)}]}


async def _is_public(directory: Directory, workspace: str, channel: str) -> bool:
    """Return whether Slack says that a channel is public; what it does not say is not."""
    try:
        found = await directory.channel(channel, workspace=workspace)
    except LookupFailedError:
        raise UserError("Slack could not be asked which channels are public. Try again later.") from None
    return found is not None and found.get("is_channel") is True and found.get("is_private") is False


@asynccontextmanager
async def _directory(engine: Engine) -> AsyncIterator[SlackDirectory]:
    """Open the directory of the deployment's workspaces."""
    settings = engine.settings
    async with slack_session() as session:
        client = slack_client(session, settings.slack_api_url)
        tokens: OneToken | InstalledTokens = OneToken(settings.slack_bot_token.get_secret_value())
        if settings.is_multi_workspace:
            installed = Installations(engine.db, engine.clock, settings.fernet_keys)
            tokens = InstalledTokens(installed, TokenRotation(installed, client, settings, engine.clock))
        yield SlackDirectory(client, tokens)
