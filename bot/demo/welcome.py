"""What the demo says first: four lines in the terminal, and in `#try-it` three requests to copy."""

from pathlib import Path

from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.local_slack import TRY_IT, LocalSlack
from bot.messages.mrkdwn import escape
from bot.runs.model_selection import ModelChoice
from patterns.core.money import format_usd
from patterns.roster.roster import Roster

QUESTION = "Explain what a database index is"
CHOICE = "should a small team use SQLite or PostgreSQL for its event log?"
TEXT = "write a short thank-you note to the team for the release"
TEXT_FLOWS = ("draft", "review")
"""What the shipped roster and the tiny model's call the flow whose text a person approves."""
REQUESTS_SHOWN = 3
TINY = "A tiny model answers here: readable sentences, often wrong. #tour shows what a good model says."


def requests_for(roster: Roster) -> tuple[str, ...]:
    """Return three requests that this roster can take: the shipped ones, else examples of its own flows."""
    known = [f"use decide: {CHOICE}"] if "decide" in roster.flows else []
    known += [f"use {name}: {TEXT}" for name in TEXT_FLOWS if name in roster.flows][:1]
    if len(known) == REQUESTS_SHOWN - 1:
        return (QUESTION, *known)
    own = [f"use {name}: {flow.examples[0]}" for name, flow in roster.flows.items() if flow.examples]
    return tuple([*own, QUESTION, *known][:REQUESTS_SHOWN])


async def post_welcome(client: AsyncWebClient, roster: Roster, choice: ModelChoice | None) -> None:
    """Post the welcome in `#try-it`: what to expect, and what to type."""
    what = TINY if choice is not None and choice.is_tiny else f"{_who(choice)} here."
    lines = [f"`/agents {escape(request)}`" for request in requests_for(roster)]
    head = f"*Try it.* {what} Copy a line and send it:"
    tail = "The answer comes in a thread, with what it cost. `/agents help` says what else you can type."
    for text in (head, *lines, tail):
        await client.chat_postMessage(channel=TRY_IT, text=text)


def printed(slack: LocalSlack, choice: ModelChoice | None, folder: Path, *, cap_nusd: int | None) -> str:
    """Return what the terminal says, four lines."""
    is_tiny = choice is not None and choice.is_tiny
    who = "A tiny model answers: readable sentences, often wrong" if is_tiny else _who(choice)
    money = "play money" if cap_nusd is None else f"real money of your key, at most {format_usd(cap_nusd)} a channel"
    reach = "" if slack.is_isolated else " Others on your network can open it too."
    return (
        f"  Open {slack.url} and copy a request.{reach}\n"
        f"  #tour: five requests as a good model answers them. #try-it: your own.\n"
        f"  {who}; {money}.\n"
        f"  Ctrl-C ends everything; ledger and logs are in {folder}.\n"
    )


def _who(choice: ModelChoice | None) -> str:
    return "The models of your roster answer" if choice is None else f"{choice.name} answers"
