"""Messages without a mention that concern us: replies in our threads, edits of requests."""

from bot.commands.origin import Origin, message_key
from bot.people.channel_rules import RulesStore
from storage.threads import Thread, Threads


class ThreadFollowups:
    """The port `Followups` over the database and the channel's rules."""

    def __init__(self, threads: Threads, rules: RulesStore) -> None:
        self._threads = threads
        self._rules = rules

    async def continues(self, origin: Origin) -> bool:
        """Return True when a reply without a mention continues our thread, by the channel's rules."""
        opener = await self._threads.opener(Thread(origin.workspace, origin.channel, origin.thread_ts or ""))
        if opener is None:
            return False
        rules = await self._rules.rules(workspace=origin.workspace, channel=origin.channel)
        return rules.replies == "free" or (rules.replies == "asker" and origin.user == opener)

    async def was_asked(self, origin: Origin) -> bool:
        """Return True when the edited message had asked for a run."""
        key = message_key(origin.workspace, origin.channel, origin.message_ts or "")
        return await self._threads.run_of_delivery(origin.workspace, key) is not None
