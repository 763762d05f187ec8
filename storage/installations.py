"""Where the app is installed, so that one deployment serves many workspaces; their tokens are encrypted at rest."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from patterns.core.errors import StorageError
from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Row, Statement, Work, load, single

q = load("installations")


@dataclass(frozen=True, slots=True)
class Installation:
    """The app in a workspace, or in a whole organisation where `team_id` is empty.

    `token` and `refresh_token` are never shown, and empty where nobody has to speak with them. `expires_us` is 0 for a
    token that never does; else the refresh token is good once for the next pair.
    """

    enterprise_id: str
    team_id: str
    name: str
    bot_id: str
    bot_user_id: str
    scopes: str
    installer: str
    installed_us: int
    token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_us: int = 0

    @property
    def id(self) -> str:
        """The workspace it belongs to, or the organisation."""
        return self.team_id or self.enterprise_id


class Installations:
    """Installations by workspace. `keys` are Fernet keys: the first encrypts, all of them decrypt.

    Every look-up reads the database, so what one process learns of an uninstall or a new token holds in all of them.
    """

    def __init__(self, db: Database, clock: Clock, keys: Sequence[str]) -> None:
        self._db = db
        self._clock = clock
        # Without keys one may still look at who is there.
        self._keys = MultiFernet([Fernet(key) for key in keys]) if keys else None

    async def save(self, made: Installation) -> None:
        """Keep an install, or what a later one of the same workspace changed."""
        row = {name: getattr(made, name) for name in ("id", *_FACTS)}
        tokens = self._tokens(made.id, made.token, made.refresh_token)

        def work() -> Work[None]:
            yield q.save_installation(**row, **tokens)
            yield self._audit(made.id, actor=made.installer, action="installed", reason=f"with {made.scopes}")

        await self._db.write(work)

    async def find(self, workspace: str, *, organisation: str = "") -> Installation | None:
        """The install that speaks in a workspace; an org-wide one found by its organisation is remembered for it.

        Raises:
            StorageError: its token cannot be decrypted.
        """
        row = await self._row(workspace, organisation)
        if row is None:
            return None
        if row["id"] == organisation != workspace:
            await self._join(workspace, organisation)
        return _installation(row, **self._opened(row))

    async def installer(self, workspace: str) -> str:
        """Who installed the app there; empty when nobody has."""
        row = await self._row(workspace, "")
        return str(row["installer"]) if row else ""

    async def uninstall(self, *, enterprise_id: str, team_id: str, is_org_wide: bool) -> None:
        """Slack says that the app was taken out of a workspace, or out of a whole organisation."""
        gone = "uninstalled in Slack"
        if is_org_wide or not team_id:
            await self._remove(enterprise_id, reason=gone)
        elif not await self._remove(team_id, reason=gone):
            await self._leave(team_id, reason=gone)

    async def claim_renewal(self, of: Installation, *, for_us: int) -> bool:
        """Be the one that asks Slack for the next tokens; False while another process is, or already has them."""
        now_us = self._clock.now_us()
        claim = q.claim_renewal(**_generation(of), now_us=now_us, until_us=now_us + for_us)
        return bool(await self._db.write(lambda: single(claim)))

    async def renewed(self, of: Installation, *, token: str, refresh_token: str, expires_us: int) -> None:
        """Keep the next tokens of an install, unless it was made anew meanwhile."""
        tokens = self._tokens(of.id, token, refresh_token)
        statement = q.renew_tokens(id=of.id, installed_us=of.installed_us, expires_us=expires_us, **tokens)
        await self._db.write(lambda: single(statement))

    async def expire(self, of: Installation) -> None:
        """Slack says that its token has expired: the next who needs one renews it."""
        await self._db.write(lambda: single(q.expire_token(**_generation(of))))

    async def remove(self, installation: str, *, actor: str) -> bool:
        """The operator takes an install out; False when there is none. Open runs end as after an uninstall."""
        return await self._remove(installation, reason="taken out by the operator", actor=actor)

    async def refused(self, workspace: str, token: str, code: str) -> bool:
        """Slack does not take that token any more: forget it, unless a newer one has taken its place meanwhile."""
        row = await self._row(workspace, "")
        return row is not None and await self._remove(row["id"], reason=f"Slack refused its token: {code}", only=token)

    async def all(self) -> list[Installation]:
        """Every install, without its token."""
        return [_installation(row) for row in await self._db.read(lambda: single(q.installations()))]

    async def check(self) -> int:
        """How many installs there are; StorageError when the token of one cannot be decrypted."""
        rows = await self._db.read(lambda: single(q.tokens()))
        for row in rows:
            self._opened(row)
        return len(rows)

    async def rotate(self) -> int:
        """Encrypt every token anew under the first key; how many there are.

        Raises:
            StorageError: one cannot be decrypted; nothing was changed.
        """

        def work() -> Work[int]:
            rows = yield q.lock_tokens()
            for row in rows:
                yield q.replace_tokens(id=row["id"], **self._tokens(row["id"], **self._opened(row)))
            return len(rows)

        return await self._db.write(work)

    async def stranded_runs(self) -> list[str]:
        """Runs to be ended, of workspaces that have no install; what was delivered from there is closed."""

        def work() -> Work[list[str]]:
            yield q.close_stranded_deliveries(now_us=self._clock.now_us())
            rows = yield q.stranded_runs()
            return [str(row["id"]) for row in rows]

        return await self._db.write(work)

    # ------------------------------------------------------------ rows

    async def _row(self, workspace: str, organisation: str) -> Row | None:
        statement = q.find_installation(workspace=workspace, organisation=organisation)
        rows = await self._db.read(lambda: single(statement))
        return rows[0] if rows else None

    async def _join(self, workspace: str, organisation: str) -> None:
        known = await self._db.read(lambda: single(q.organisation_of(workspace=workspace)))
        if not known or known[0]["organisation"] != organisation:
            await self._db.write(lambda: single(q.join_organisation(workspace=workspace, organisation=organisation)))

    async def _remove(self, installation: str, *, reason: str, only: str = "", actor: str = "slack") -> bool:
        """Delete an install and say why in the audit log; with `only`, while that is still its token."""

        def work() -> Work[bool]:
            rows = yield q.lock_installation(id=installation)
            if not rows or (only and self._decrypted(installation, rows[0]["token"]) != only):
                return False
            yield q.delete_installation(id=installation)
            yield q.leave_organisation_all(organisation=installation)
            yield self._audit(installation, actor=actor, action="uninstalled", reason=reason)
            return True

        return await self._db.write(work)

    async def _leave(self, workspace: str, *, reason: str) -> None:
        def work() -> Work[None]:
            rows = yield q.leave_organisation(workspace=workspace)
            if rows:
                yield self._audit(workspace, actor="slack", action="uninstalled", reason=reason)

        await self._db.write(work)

    def _audit(self, workspace: str, *, actor: str, action: str, reason: str) -> Statement:
        return q.insert_audit(
            id=secrets.token_hex(8),
            now_us=self._clock.now_us(),
            workspace=workspace,
            actor=actor,
            action=action,
            reason=reason,
        )

    # ------------------------------------------------------------ tokens

    @property
    def _box(self) -> MultiFernet:
        if self._keys is None:
            raise StorageError("AGENTS_TOKEN_KEYS is not set. `agents installations key` makes a key.")
        return self._keys

    def _tokens(self, installation: str, token: str, refresh_token: str) -> dict[str, str]:
        """Both as they are kept."""
        refresh = self._encrypted(installation, refresh_token) if refresh_token else ""
        return {"token": self._encrypted(installation, token), "refresh_token": refresh}

    def _opened(self, row: Row) -> dict[str, str]:
        """Both as Slack gave them."""
        kept = {name: row[name] for name in ("token", "refresh_token")}
        return {name: self._decrypted(row["id"], token) if token else "" for name, token in kept.items()}

    def _encrypted(self, installation: str, token: str) -> str:
        """The token with whose it is, so that a row cannot speak with what was copied from another one."""
        return self._box.encrypt(f"{installation}:{token}".encode()).decode()

    def _decrypted(self, installation: str, kept: str) -> str:
        try:
            owner, _, token = self._box.decrypt(kept).decode().partition(":")
        except InvalidToken:
            owner, token = "", ""
        if owner != installation:
            raise StorageError(
                f"The token of {installation} cannot be decrypted with AGENTS_TOKEN_KEYS. Put the key it was encrypted "
                "with back at the end of the list, or install the app there again."
            )
        return token


_FACTS = (
    "enterprise_id",
    "team_id",
    "name",
    "bot_id",
    "bot_user_id",
    "scopes",
    "installer",
    "installed_us",
    "expires_us",
)


def _installation(row: Row, *, token: str = "", refresh_token: str = "") -> Installation:
    return Installation(**{name: row[name] for name in _FACTS}, token=token, refresh_token=refresh_token)


def _generation(of: Installation) -> dict[str, object]:
    """Which tokens of an install are meant: a later pair expires later, a later install was made later."""
    return {"id": of.id, "installed_us": of.installed_us, "expires_us": of.expires_us}
