"""Read what is set up for the checklist of an admin's home: from Slack, the ledger, the roster and the settings."""

from dataclasses import dataclass

from bot.manifest import needed_scopes, optional_scopes
from bot.messages.checklist import Check, Facts, Limits, checks
from bot.people.profiles import ProfileLookup
from bot.runs.engine import Engine
from bot.slack.scopes import GrantedScopes
from bot.threads.welcome import Welcome
from patterns.core.holds import Payer
from storage.chores import BACKUP, Chores
from storage.ledger.reports import PayerMonth, Reports
from storage.new_channels import provisional_limit_of


@dataclass(frozen=True, slots=True)
class AdminChecklist:
    """Reads it anew each time: a checklist that remembers would show what was mended as still broken."""

    engine: Engine
    scopes: GrantedScopes
    reports: Reports
    profiles: ProfileLookup
    welcome: Welcome
    chores: Chores

    async def checks(self, workspace: str) -> tuple[Check, ...]:
        """Return the lines of the checklist."""
        books = await self.reports.workspace_summary(workspace)
        channels = [one for one in books.payers if one.settings.kind == "channel"]
        new = [one for one in channels if provisional_limit_of(one.settings.settings, one.settings.own_limit_nusd)]
        contact = await self.profiles.owner(workspace)
        kept = self.engine.settings.retention
        await self.engine.client.warm()  # it knows where the models are reached
        return checks(
            Facts(
                granted=await self.scopes.of(workspace),
                needed=needed_scopes(),
                optional=optional_scopes(),
                providers=self.welcome.providers(),
                texts_days=kept.texts,
                attachments_days=kept.attachments,
                deliveries_days=kept.deliveries,
                ratings_days=kept.ratings,
                limits=Limits(
                    books.limit_nusd,
                    books.default_channel_nusd,
                    books.dm_user_nusd,
                    self.engine.ledger.policy.person_nusd,
                ),
                on_trial=tuple([await self._name(workspace, one) for one in new]),
                owners=tuple([await self._owners(workspace, one) for one in channels if _owner_ids(one)]),
                contact=contact.name if contact else "",
                backup_us=await self.chores.done_us(BACKUP),
                makes_own_backups=self.engine.settings.is_sqlite,
                now_us=self.engine.clock.now_us(),
                play_money=self.profiles.is_play_money,
            )
        )

    async def _name(self, workspace: str, line: PayerMonth) -> str:
        return await self.profiles.place_name(Payer.of_channel(workspace, line.settings.id))

    async def _owners(self, workspace: str, line: PayerMonth) -> str:
        people = await self.profiles.names(_owner_ids(line), workspace)
        return f"{await self._name(workspace, line)}: {', '.join(people)}"


def _owner_ids(line: PayerMonth) -> list[str]:
    return list(line.settings.settings.get("owners", ()))
