"""Budget changes by people who may make them, each with a sentence of the old and new value."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.budgets.change_words import (
    DEFAULTS,
    Changed,
    is_for_workspace,
    nothing_changed,
    or_none,
    percents,
    switch_stands,
    switch_words,
    why,
)
from bot.commands import budget as said
from bot.commands.budget import BudgetCommand
from bot.messages.month_report import month_name
from bot.messages.run_text import count
from bot.people.access import Access, AccessError
from bot.people.channel_rules import RulesStore
from bot.people.directory import LookupFailedError
from bot.people.permissions import Action, Role
from bot.people.profiles import ProfileLookup
from bot.runs.model_allowlist import is_allowed
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from patterns.core.money import format_usd
from patterns.roster.roster import ModelSpec
from storage.channels import ChannelSettings
from storage.ledger.balances import Balances
from storage.ledger.book import payer_key
from storage.ledger.budgets import Budgets, NotUncertainError
from storage.ledger.reports import PayerSettings, Reports
from storage.new_channels import provisional_limit_of

_MAY_OWN = frozenset({Role.MEMBER, Role.OWNER, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class _Act:
    """Who changes what where."""

    payer: Payer
    actor: str
    actor_name: str
    place: str
    settings: PayerSettings
    key: str

    def check_is_channel(self) -> None:
        if self.payer.channel_kind != "channel":
            raise UserError("That is set for channels, not for direct messages. Say it in the channel.")


@dataclass(frozen=True)
class BudgetChanges:
    """Checks permission, makes one change in one audited transaction, and returns its sentence."""

    budgets: Budgets
    reports: Reports
    channels: ChannelSettings
    rules: RulesStore
    access: Access
    profiles: ProfileLookup
    balances: Balances
    models: Callable[[], Mapping[str, ModelSpec]]

    async def check(self, command: BudgetCommand, payer: Payer) -> None:
        """Check that this person may, asking Slack anew; raise AccessError that names whom to ask."""
        is_wide = is_for_workspace(command)
        try:
            await self.access.admit(
                workspace=payer.workspace,
                channel=payer.channel,
                user=payer.user,
                action=Action.CHANGE_WORKSPACE if is_wide else Action.CHANGE_BUDGET,
            )
        except LookupFailedError:
            raise
        except AccessError as error:
            raise AccessError(f"{error} {await self._whom(payer, not is_wide)}") from None

    async def change(self, command: BudgetCommand, payer: Payer, *, key: str = "") -> Changed:
        """Make the change; `payer.user` is the person, and a grant with the same idempotency `key` again is refused.

        Raises:
            UserError: not allowed, or not possible; nothing was changed.
        """
        await self.check(command, payer)
        act = _Act(
            payer=payer,
            actor=payer.user,
            actor_name=(await self.profiles.person(payer.user, payer.workspace)).name,
            place=await self.profiles.place_name(payer),
            settings=await self.reports.settings(payer.workspace, payer_key(payer), payer.channel_kind),
            key=key,
        )
        doings: dict[type, Callable[[Any, _Act], Awaitable[Changed]]] = {
            said.SetAmount: self._amount,
            said.Grant: self._grant,
            said.SetAlerts: self._alerts,
            said.SetZone: self._zone,
            said.Flip: self._flip,
            said.ReleaseCalls: self._release,
            said.LiftModel: self._lift,
            said.SetDigest: self._digest,
            said.SetOwner: self._owner,
            said.SetModels: self._models,
        }
        return await doings[type(command)](command, act)

    async def _amount(self, command: said.SetAmount, act: _Act) -> Changed:
        if command.name == "limit":
            return await self._limit(command, act)
        return await (self._user_cap if command.name == "user-cap" else self._default)(command, act)

    async def _limit(self, command: said.SetAmount, act: _Act) -> Changed:
        own_nusd = act.settings.own_limit_nusd
        # A channel on trial is decided about by setting even the limit that it has.
        if command.nusd == own_nusd and provisional_limit_of(act.settings.settings, own_nusd) is None:
            now = f"{format_usd(act.settings.limit_nusd)}{', the default' if own_nusd is None else ''}"
            return nothing_changed(f"the monthly limit of {act.place} is {now}")
        change = await self.budgets.set_limit(act.payer, command.nusd, actor=act.actor, reason=command.reason)
        before = change.before["limit_nusd"]
        stands = await self.reports.settings(act.payer.workspace, act.settings.id, act.settings.kind)
        default_nusd = (stands if command.nusd is None else act.settings).limit_nusd
        was = f"{format_usd(default_nusd)}, the default," if before is None else format_usd(before)
        now = f"{format_usd(default_nusd)}, the default" if command.nusd is None else format_usd(command.nusd)
        return Changed(
            f"{act.actor_name} changed the monthly limit of {act.place} from {was} to {now}{why(command.reason)}."
        )

    async def _user_cap(self, command: said.SetAmount, act: _Act) -> Changed:
        if command.nusd == act.settings.user_cap_nusd:
            return nothing_changed(f"what one person may spend in {act.place} a month is {or_none(command.nusd)}")
        change = await self.budgets.set_user_cap(act.payer, command.nusd, actor=act.actor, reason=command.reason)
        was, now = (or_none(part["user_cap_nusd"]) for part in (change.before, change.after))
        what = f"what one person may spend in {act.place} a month"
        return Changed(f"{act.actor_name} changed {what} from {was} to {now}{why(command.reason)}.")

    async def _default(self, command: said.SetAmount, act: _Act) -> Changed:
        name, what = DEFAULTS[command.name]
        workspace = act.payer.workspace
        books = await self.reports.workspace_summary(workspace)
        was_nusd = getattr(books, name)
        if command.nusd == was_nusd:
            return nothing_changed(f"{what} is {format_usd(was_nusd)}")
        await self.budgets.set_defaults(workspace, {name: command.nusd}, actor=act.actor, reason=command.reason)
        now_nusd = getattr(await self.reports.workspace_summary(workspace), name)
        if now_nusd == was_nusd:
            return nothing_changed(f"{what} is {format_usd(was_nusd)}")
        sentence = f"You changed {what} from {format_usd(was_nusd)} to {format_usd(now_nusd)}{why(command.reason)}."
        return Changed(sentence, is_public=False)

    async def _grant(self, command: said.Grant, act: _Act) -> Changed:
        change = await self.budgets.grant(act.payer, command.nusd, actor=act.actor, reason=command.reason, key=act.key)
        balance = await self.balances.balance(act.payer)
        limit_nusd = balance.limit_nusd or 0
        was, now = (format_usd(limit_nusd + part["granted_nusd"]) for part in (change.before, change.after))
        return Changed(
            f"{act.actor_name} granted {act.place} {format_usd(command.nusd)} for {month_name(balance.period)} only"
            f"{why(command.reason)}: from {was} to {now}."
        )

    async def _alerts(self, command: said.SetAlerts, act: _Act) -> Changed:
        if tuple(sorted(set(command.percents))) == tuple(act.settings.alerts_pct):
            return nothing_changed(f"people are told about {act.place} at {percents(act.settings.alerts_pct)}")
        await self.budgets.set_alerts(act.payer, command.percents, actor=act.actor)
        was, now = percents(act.settings.alerts_pct), percents(command.percents)
        return Changed(f"{act.actor_name} changed when people are told about {act.place} from {was} to {now}.")

    async def _zone(self, command: said.SetZone, act: _Act) -> Changed:
        if command.zone == (act.settings.next_zone or act.settings.zone):
            return nothing_changed(f"the months of {act.place} turn in the time zone {command.zone}")
        change = await self.budgets.set_zone(act.payer, command.zone, actor=act.actor)
        balance = await self.balances.balance(act.payer)
        ends = datetime.fromtimestamp(balance.resets_at_us / 1_000_000, UTC).astimezone(ZoneInfo(act.settings.zone))
        when = f" from {ends.day} {ends:%b} on" if change.after.get("next_zone") else ""
        return Changed(
            f"{act.actor_name} changed the time zone in which the months of {act.place} turn from {act.settings.zone}"
            f" to {command.zone}{when}."
        )

    async def _flip(self, command: said.Flip, act: _Act) -> Changed:
        reason = command.reason or f"by {act.actor_name}"
        workspace = act.payer.workspace
        summary = await self.reports.workspace_summary(workspace)
        if switch_stands(command, act.settings, summary):
            is_wide = command.switch in {"pause", "resume"}
            return nothing_changed(switch_words(command.switch, "" if is_wide else act.place))
        match command.switch:
            case "freeze":
                await self.budgets.freeze(act.payer, actor=act.actor, reason=reason)
                was, now, more = "open", "frozen", " No new call starts here until `/agents budget unfreeze`."
            case "unfreeze":
                await self.budgets.unfreeze(act.payer, actor=act.actor, reason=reason)
                was, now, more = "frozen", "open", ""
            case "pause":
                await self.budgets.pause(workspace, actor=act.actor, reason=reason)
                more = " No new call starts anywhere until `/agents budget resume`."
                return Changed(f"The whole workspace went from running to paused{why(command.reason)}.{more}", False)
            case "resume":
                await self.budgets.resume(workspace, actor=act.actor, reason=reason)
                return Changed(f"The whole workspace went from paused to running{why(command.reason)}.", False)
        if act.settings.frozen and now == "frozen":
            return Changed(f"{act.actor_name} changed why the budget of {act.place} is frozen: {reason}.")
        return Changed(
            f"{act.actor_name} changed the budget of {act.place} from {was} to {now}{why(command.reason)}.{more}"
        )

    async def _release(self, command: said.ReleaseCalls, act: _Act) -> Changed:
        """Release what is uncertain here, one after the other; what somebody else released meanwhile is told."""
        here = {row["id"] for row in await self.reports.uncertain(act.payer.workspace, act.payer.channel)}
        freed = []
        for call_id in command.call_ids:
            if call_id not in here:
                continue
            with suppress(NotUncertainError):
                change = await self.budgets.release_uncertain(
                    act.payer.workspace, call_id, actor=act.actor, reason=command.reason
                )
                freed.append(change.before["actual_nusd"])
        gone = len(command.call_ids) - len(freed)
        if not freed:
            return nothing_changed(f"{count(gone, 'call')} {'is' if gone == 1 else 'are'} released or billed")
        what = "an uncertain call" if len(freed) == 1 else f"{len(freed)} uncertain calls"
        rest = f" {count(gone, 'call')} had been released or billed before." if gone else ""
        return Changed(
            f"{act.actor_name} released {what} of {act.place}: {format_usd(sum(freed))} is free again"
            f"{why(command.reason)}.{rest}"
        )

    async def _lift(self, command: said.LiftModel, act: _Act) -> Changed:
        change = await self.budgets.lift_quarantine(
            act.payer.workspace, command.model, allowance_pct=command.percent, actor=act.actor
        )
        was, now = (part["allowance_pct"] for part in (change.before, change.after))
        held = f"For each call {now} % of our highest estimate is held; before it was {was} %."
        sentence = f"{command.model} is in use again. {held}"
        return Changed(sentence, is_public=False)

    async def _digest(self, command: said.SetDigest, act: _Act) -> Changed:
        act.check_is_channel()
        was, now = ("on" if on else "off" for on in (bool(act.settings.settings.get("digest")), command.on))
        if was == now:
            return nothing_changed(f"the Monday summary of {act.place} is {now}")
        await self._save({"digest": command.on}, act)
        return Changed(f"{act.actor_name} changed the Monday summary of {act.place} from {was} to {now}.")

    async def _owner(self, command: said.SetOwner, act: _Act) -> Changed:
        act.check_is_channel()
        where = {"workspace": act.payer.workspace, "channel": act.payer.channel}
        if command.owns and await self.access.role(command.user, **where, anew=True) not in _MAY_OWN:
            raise UserError(
                "Only members of this workspace can look after a budget, no guests and nobody else's people."
            )
        them = {command.user}
        found = await self.rules.change_rules(
            lambda rules: replace(rules, owners=rules.owners | them if command.owns else rules.owners - them),
            **where,
            actor=act.actor,
        )
        was, now = [await self._names(sorted(rules.owners), act.payer) for rules in found]
        if found[0] == found[1]:
            return nothing_changed(f"the budget of {act.place} is looked after by {now}")
        return Changed(f"{act.actor_name} changed who looks after the budget of {act.place} from {was} to {now}.")

    async def _models(self, command: said.SetModels, act: _Act) -> Changed:
        act.check_is_channel()
        known = self.models()
        for name in command.allowed:
            if not any(is_allowed(spec, (name,)) for spec in known.values()):
                there = sorted({spec.model for spec in known.values()})
                raise UserError(f"No model of the roster is or comes from {name[:60]}. There are {', '.join(there)}.")
        was, now = (
            ", ".join(names) or "all models" for names in (act.settings.settings.get("models", ()), command.allowed)
        )
        if was == now:
            return nothing_changed(f"the text of {act.place} may go to {now}")
        await self._save({"models": list(command.allowed)}, act)
        return Changed(f"{act.actor_name} changed where the text of {act.place} may go from {was} to {now}.")

    async def _save(self, changes: dict[str, Any], act: _Act) -> None:
        payer = act.payer
        await self.channels.save(changes, workspace=payer.workspace, channel=payer.channel, actor=act.actor)

    async def _whom(self, payer: Payer, owners_too: bool) -> str:  # noqa: FBT001 - private, and read at the call
        rules = await self.rules.rules(workspace=payer.workspace, channel=payer.channel)
        users = sorted(rules.owners) if owners_too else []
        users += (await self.profiles.admin_ids(payer.workspace))[:1]
        return f"Ask {await self._names(users, payer)}." if users else "Ask an admin of this workspace."

    async def _names(self, users: Iterable[str], payer: Payer) -> str:
        return ", ".join(await self.profiles.names(users, payer.workspace)) or "nobody"
