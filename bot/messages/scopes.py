"""Each scope of the manifest in words: what it is for, and what is switched off where Slack did not grant it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One permission of the app. `without` is a sentence about what does not work until it is granted."""

    purpose: str
    without: str


_HISTORY = "In {where} I read no threads, hear no replies without a mention and do not notice deleted requests."

SCOPES: Mapping[str, Scope] = {
    "app_mentions:read": Scope("Hearing a mention of @agents.", "Mentioning me does nothing."),
    "assistant:write": Scope(
        "Slack's agent view: status, title and suggested prompts of a conversation.",
        "Slack's agent view shows no status, titles or prompts.",
    ),
    "channels:history": Scope(
        "Threads I am called into, replies to me and deleted requests, in public channels I am in.",
        _HISTORY.format(where="public channels"),
    ),
    "channels:read": Scope(
        "Whether a public channel is shared or archived, and whether I am in it; noticing an invitation.",
        "I do not answer in public channels, because I cannot see whether they are shared with others.",
    ),
    "chat:write": Scope("Posting answers, and editing my own messages.", "I cannot answer at all."),
    "commands": Scope("/agents, and my entries in the menu of a message.", "/agents does nothing."),
    "files:read": Scope(
        "Files and pictures that come with a request.", "Files and pictures of a request are left out."
    ),
    "files:write": Scope(
        "Pictures and numbers of budget reports, long answers and the pages of runs as files, a copy of what is stored "
        "about you.",
        "Budget reports have no picture, long answers no file, runs no page, and nobody gets a copy of what is stored "
        "about them.",
    ),
    "groups:history": Scope(
        "The same as channels:history, in private channels I am in.", _HISTORY.format(where="private channels")
    ),
    "groups:read": Scope(
        "The same as channels:read, for private channels I am in, and who is in them.",
        "I do not answer in private channels, because I cannot see who is in them.",
    ),
    "im:history": Scope("What people write to me directly.", "I do not see direct messages to me."),
    "im:read": Scope("Whose direct messages a conversation is.", "I do not answer in direct messages."),
    "im:write": Scope(
        "Opening direct messages: answers you want there, reminders, alerts for admins.",
        "I cannot open direct messages, so reminders and alerts do not reach anybody.",
    ),
    "mpim:history": Scope("The same as channels:history, in group messages.", _HISTORY.format(where="group messages")),
    "mpim:read": Scope(
        "The same as channels:read, for group messages.",
        "I do not answer in group messages, because I cannot see who is in them.",
    ),
    "reactions:read": Scope(
        "🛑 on a message of mine stops a request, 👍 on a draft approves it.",
        "Reactions neither stop a request nor approve a draft; the buttons do.",
    ),
    "reactions:write": Scope(
        "A ❤️ on “thanks”, instead of a paid answer.", "“Thanks” gets no ❤️ from me; it still costs nothing."
    ),
    "search:read.files": Scope(
        "Files in public channels, for agents that an admin lets search Slack, as whoever asked can see them.",
        "Searches of Slack find no files.",
    ),
    "search:read.public": Scope(
        "Messages in public channels, for agents that an admin lets search Slack, as whoever asked can see them.",
        "Agents cannot search Slack.",
    ),
    "users:read": Scope(
        "Names, and who is an admin, a guest or from another organisation.",
        "I do not answer anybody, because I cannot see who is a guest or from another organisation.",
    ),
}
