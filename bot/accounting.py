"""Everything that shows and changes budgets for those who answer for them, put together."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property

from bot.budgets.alerts import Alerts
from bot.budgets.changes import BudgetChanges
from bot.budgets.price_age import price_note
from bot.budgets.service import BudgetService
from bot.budgets.stats_service import StatsService
from bot.identity import Identity
from bot.messages.renderer import Renderer
from bot.runs.engine import Engine
from bot.slack.announcements import OnceOnlyAnnouncements
from bot.slack.workspaces import Slack
from bot.stores import Stores
from patterns.roster.roster import ModelSpec


class Accounting:
    """Budgets, their alerts and the statistics of runs; each part is built once, on first use."""

    def __init__(
        self,
        engine: Engine,
        stores: Stores,
        who: Identity,
        slack: Slack,
        renderer: Renderer,
        budget_raised: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._stores = stores
        self._who = who
        self._slack = slack
        self._renderer = renderer
        self._budget_raised = budget_raised

    @cached_property
    def service(self) -> BudgetService:
        """Return the service behind budget commands."""
        engine, stores = self._engine, self._stores
        changes = BudgetChanges(
            stores.budgets,
            stores.reports,
            stores.channels,
            stores.rules,
            self._who.access,
            self._who.profiles,
            engine.balances,
            self._models,
        )
        return BudgetService(
            stores.reports,
            changes,
            self._who.access,
            self._who.profiles,
            engine.balances,
            self._slack,
            self._renderer,
            engine.clock,
            lambda: price_note(engine.roster.models, engine.client, now_us=engine.clock.now_us()),
            self._budget_raised,
        )

    @cached_property
    def statistics(self) -> StatsService:
        """Return the service that compares patterns, flows, agents and models."""
        stores = self._stores
        return StatsService(stores.run_stories, stores.reports, self._who.profiles, self._engine.clock)

    def alerts(self, announcements: OnceOnlyAnnouncements) -> Alerts:
        """Return the alerts that admins receive unasked."""
        stores, clock = self._stores, self._engine.clock
        return Alerts(
            self.service, stores.reports, self._who.profiles, self._renderer, clock, announcements, stores.rules
        )

    def _models(self) -> Mapping[str, ModelSpec]:
        return self._engine.roster.models
