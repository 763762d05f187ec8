"""Views of people and balances: names from Slack's directory, amounts from the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.messages.card_views import Needs, RefusalView
from bot.messages.list_views import BalancesView
from bot.messages.views import BalanceView, Person
from bot.people.admins import Admins
from bot.people.channel_rules import ChannelRules
from bot.people.directory import Directory, name_of
from patterns.core.errors import AgentsError
from patterns.core.holds import Payer
from patterns.flow import Plan
from storage.database.statements import Row
from storage.ledger.balances import Balance, Balances

_ALL_CHANNELS = "your share of all channels"


@dataclass(frozen=True, slots=True)
class ProfileLookup:
    """Looks up names and balances and returns views."""

    balances: Balances
    directory: Directory
    admins: Admins = field(default_factory=Admins)
    is_play_money: bool = False

    async def person(self, user: str, workspace: str) -> Person:
        """Return a person with their name; with their id as name where Slack does not say."""
        try:
            return Person(user, name_of(await self.directory.user(user, workspace=workspace)) or user)
        except AgentsError:
            return Person(user, user)

    async def names(self, users: Iterable[str], workspace: str) -> list[str]:
        """Return the people's names, in that order."""
        return [(await self.person(user, workspace)).name for user in users]

    async def admin_ids(self, workspace: str) -> list[str]:
        """Return the ids of admins besides Slack's own; the first is the one to ask for budget."""
        return await self.admins.of(workspace)

    async def responsible(self, rules: ChannelRules, workspace: str) -> list[str]:
        """Return the ids of the owners of a channel's budget, and of the admins besides Slack's own."""
        return sorted({*rules.owners, *await self.admin_ids(workspace)})

    async def owner(self, workspace: str) -> Person | None:
        """Return the first admin, who can grant budget; None where none is named."""
        admins = await self.admin_ids(workspace)
        return await self.person(admins[0], workspace) if admins else None

    async def balance(self, payer: Payer, *, ended_run: str = "") -> BalanceView:
        """Return the account that pays for this month: the channel's, or the person's.

        What is still held for `ended_run` counts as free: the transaction that ends it releases it.
        """
        return await self.view(payer, await self.balances.balance(payer), ended_run=ended_run)

    async def all(self, payer: Payer, *, with_workspace: bool = True) -> BalancesView:
        """Return every account that limits this person here this month; the workspace's only `with_workspace`."""
        views = [
            await self.view(payer, one)
            for one in await self.balances.balances(payer)
            if one.limit_nusd is not None and (with_workspace or one.kind != "workspace")
        ]
        return BalancesView(tuple(reversed(views)), play_money=self.is_play_money)

    async def refusal(  # noqa: PLR0913 - the refusal and what its buttons belong to
        self,
        payer: Payer,
        balance: Balance,
        *,
        needs: Needs,
        instead: Plan | None = None,
        queue_key: str = "",
        key: str = "",
        run_id: str = "",
        with_workspace: bool = True,
    ) -> RefusalView:
        """Return why the budget is insufficient, and the ways out; `instead` is a plan that may fit."""
        free_nusd = balance.free_nusd
        affordable = instead and free_nusd is not None and instead.needed_nusd <= free_nusd
        return RefusalView(
            needs=needs,
            balance=await self.view(payer, balance, with_workspace=with_workspace),
            alternative_flow=instead.title if instead and affordable else "",
            alternative_price=instead.price if instead and affordable else None,
            owner=await self.owner(payer.workspace),
            blocked=balance.blocked or "",
            blocked_reason=balance.blocked_reason,
            queue_key=queue_key,
            key=key,
            run_id=run_id,
        )

    async def view(
        self, payer: Payer, balance: Balance, *, with_workspace: bool = True, ended_run: str = ""
    ) -> BalanceView:
        """Return an account's month under the name people use for it; secret ones without numbers."""
        # Months turn on the first, in the zone of the account: in UTC it may be the last of this one.
        turns = datetime(2000, int(balance.period[5:]) % 12 + 1, 1, tzinfo=UTC)
        held = {row["run_id"]: row["held_nusd"] for row in await self._held(payer, balance)}
        freed_nusd = held.pop(ended_run, 0)
        return BalanceView(
            name=_ALL_CHANNELS if balance.is_of_all_channels else await self._name(payer, balance.kind),
            limit_nusd=(balance.limit_nusd or 0) + balance.granted_nusd,
            settled_nusd=balance.settled_nusd,
            held_nusd=max(0, balance.held_nusd - freed_nusd),
            resets_on=f"1 {turns:%b}",
            held_runs=len(held),
            is_secret=balance.kind == "workspace" and not with_workspace,
        )

    async def _held(self, payer: Payer, balance: Balance) -> list[Row]:
        return await self.balances.held_by_runs(payer) if balance.held_nusd else []

    async def _name(self, payer: Payer, kind: str) -> str:
        if kind == "channel":
            return await self.channel_name(payer.channel, payer.workspace)
        return {"workspace": "the workspace", "dm": "your direct messages", "user": "your share here"}.get(kind, kind)

    async def place_name(self, payer: Payer) -> str:
        """Return the name of the account's owner: the channel, or a person's direct messages."""
        return await self._name(payer, payer.channel_kind)

    async def channel_name(self, channel: str, workspace: str) -> str:
        """Return a name like `#platform`; the id where Slack does not say."""
        try:
            found = await self.directory.channel(channel, workspace=workspace)
        except AgentsError:
            found = None
        return f"#{found['name']}" if found and found.get("name") else channel
