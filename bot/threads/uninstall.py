"""Workspaces that removed the app: forget their tokens and end their open runs."""

import structlog

from bot.runs.executor import Executor
from bot.threads.presenter import SlackThreadPresenter
from storage.installations import Installations
from storage.runs import RunStore

log = structlog.get_logger()


class UninstallService:
    """Handles uninstalls; `installations` is None where SLACK_BOT_TOKEN serves the only workspace."""

    def __init__(
        self, installations: Installations | None, store: RunStore, executor: Executor[SlackThreadPresenter]
    ) -> None:
        self._installations = installations
        self._store = store
        self._executor = executor

    async def forget(self, *, enterprise_id: str, team_id: str, is_org_wide: bool) -> None:
        """Forget the install that Slack says was removed."""
        log.warning("app_uninstalled", workspace=team_id or enterprise_id)
        if self._installations is not None:
            await self._installations.uninstall(enterprise_id=enterprise_id, team_id=team_id, is_org_wide=is_org_wide)

    async def end_runs(self) -> None:
        """End open runs where the app is not installed any more; the ledger keeps their money."""
        stranded = await self._installations.stranded_runs() if self._installations is not None else []
        for run_id in stranded:
            run = await self._store.get(run_id)
            if run is not None:
                log.info("run_of_uninstalled_workspace", run=run_id, workspace=run.workspace)
                await self._executor.stop(run, by="slack")
