"""Whether a channel that somebody names in a shell exists: the ledger knows it, or Slack does."""

from typing import Any

from bot.settings import Settings

_HINT = "Write its id, like C0123ABCD; Slack shows it at the end of the channel's details."


async def check_channel(db: Any, clock: Any, settings: Settings, *, workspace: str, channel: str) -> None:  # noqa: ANN401 - the ports, imported late
    """Check that a channel exists before anything is set for it; ask Slack only about one that the ledger never saw.

    Raises:
        UserError: neither knows it, or Slack could not be asked.
    """
    from patterns.core.errors import UserError
    from storage.new_channels import NewChannels

    if await NewChannels(db, clock).is_known(workspace, channel):
        return
    name = channel[:40]
    if settings.is_multi_workspace or not settings.slack_bot_token:
        raise UserError(
            f"There is no channel {name} in this ledger, and without SLACK_BOT_TOKEN Slack cannot be asked. {_HINT}"
        )
    if not await _slack_knows(settings, workspace=workspace, channel=channel):
        raise UserError(f"There is no channel {name}: nothing was asked or set there, and Slack knows none. {_HINT}")


async def _slack_knows(settings: Settings, *, workspace: str, channel: str) -> bool:
    import aiohttp

    from bot.people.directory import SlackDirectory
    from bot.slack.workspaces import OneToken, slack_client

    async with aiohttp.ClientSession(trust_env=True) as session:
        client = slack_client(session, settings.slack_api_url)
        directory = SlackDirectory(client, OneToken(settings.slack_bot_token.get_secret_value()))
        return await directory.channel(channel, workspace=workspace) is not None
