"""Installations of the app, so that one deployment serves many workspaces; tokens are encrypted at rest."""

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

    `token` and `refresh_token` are never in `repr`, and empty in reads that need no token. `expires_us` is 0 for a
    token that does not expire; otherwise the refresh token can be used once, for the next pair.
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
        """Return the workspace it belongs to, or the organisation."""
        return self.team_id or self.enterprise_id


class Installations:
    """Repository of installations by workspace. `keys` are Fernet keys: the first encrypts, all of them decrypt.

    Every look-up reads the database, so what one process learns of an uninstall or a new token holds in all of them.
    """

    def __init__(self, db: Database, clock: Clock, keys: Sequence[str]) -> None:
        self._db = db
        self._clock = clock
        # Without keys, reads that need no token still work.
        self._keys = MultiFernet([Fernet(key) for key in keys]) if keys else None

    async def save(self, made: Installation) -> None:
        """Store an install, or replace the one of the same workspace, and record it in the audit log."""
        row = {name: getattr(made, name) for name in ("id", *_FACTS)}
        tokens = self._tokens(made.id, made.token, made.refresh_token)

        def work() -> Work[None]:
            yield q.save_installation(**row, **tokens)
            yield self._audit(made.id, actor=made.installer, action="installed", reason=f"with {made.scopes}")

        await self._db.write(work)

    async def find(self, workspace: str, *, organisation: str = "") -> Installation | None:
        """Return the install that serves a workspace; remember which organisation's install that is.

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
        """Return the user who installed the app there; empty when it is not installed."""
        row = await self._row(workspace, "")
        return str(row["installer"]) if row else ""

    async def uninstall(self, *, enterprise_id: str, team_id: str, is_org_wide: bool) -> None:
        """Remove the install of a workspace, or of a whole organisation, after Slack reported it."""
        gone = "uninstalled in Slack"
        if is_org_wide or not team_id:
            await self._remove(enterprise_id, reason=gone)
        elif not await self._remove(team_id, reason=gone):
            await self._leave(team_id, reason=gone)

    async def claim_renewal(self, of: Installation, *, for_us: int) -> bool:
        """Claim the token rotation of an install; return False while another process has it, or when it is done."""
        now_us = self._clock.now_us()
        claim = q.claim_renewal(**_generation(of), now_us=now_us, until_us=now_us + for_us)
        return bool(await self._db.write(lambda: single(claim)))

    async def store_renewal(self, of: Installation, *, token: str, refresh_token: str, expires_us: int) -> None:
        """Store the next pair of tokens, unless the app was installed again meanwhile."""
        tokens = self._tokens(of.id, token, refresh_token)
        statement = q.renew_tokens(id=of.id, installed_us=of.installed_us, expires_us=expires_us, **tokens)
        await self._db.write(lambda: single(statement))

    async def expire_token(self, of: Installation) -> None:
        """Mark a token as expired after Slack refused it, so that the next user of it renews it first."""
        await self._db.write(lambda: single(q.expire_token(**_generation(of))))

    async def remove(self, installation: str, *, actor: str) -> bool:
        """Remove an install for the operator; return False when there is none. Open runs end as after an uninstall."""
        return await self._remove(installation, reason="taken out by the operator", actor=actor)

    async def remove_refused(self, workspace: str, token: str, code: str) -> bool:
        """Remove the install whose token Slack refused and return True; return False when a newer token replaced it."""
        row = await self._row(workspace, "")
        return row is not None and await self._remove(row["id"], reason=f"Slack refused its token: {code}", only=token)

    async def list_all(self) -> list[Installation]:
        """Return every install, without tokens."""
        return [_installation(row) for row in await self._db.read(lambda: single(q.installations()))]

    async def check_tokens(self) -> int:
        """Return the number of installs.

        Raises:
            StorageError: the token of one cannot be decrypted.
        """
        rows = await self._db.read(lambda: single(q.tokens()))
        for row in rows:
            self._opened(row)
        return len(rows)

    async def reencrypt_tokens(self) -> int:
        """Encrypt every token again under the first key and return how many installs there are.

        Raises:
            StorageError: one cannot be decrypted; nothing was changed.
        """

        def work() -> Work[int]:
            rows = yield q.lock_tokens()
            for row in rows:
                yield q.replace_tokens(id=row["id"], **self._tokens(row["id"], **self._opened(row)))
            return len(rows)

        return await self._db.write(work, alone=True)

    async def stranded_runs(self) -> list[str]:
        """Return the runs of workspaces without an install, to be ended, and close their open deliveries."""

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
        """Delete an install and record why in the audit log; with `only`, only while that is its token."""

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
        """Return both tokens encrypted, as the columns of a row."""
        refresh = self._encrypted(installation, refresh_token) if refresh_token else ""
        return {"token": self._encrypted(installation, token), "refresh_token": refresh}

    def _opened(self, row: Row) -> dict[str, str]:
        """Return both tokens of a row decrypted."""
        kept = {name: row[name] for name in ("token", "refresh_token")}
        return {name: self._decrypted(row["id"], token) if token else "" for name, token in kept.items()}

    def _encrypted(self, installation: str, token: str) -> str:
        """Encrypt a token together with its owner's id, so that a row copied to another owner is refused."""
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
    """Return the parameters that identify one pair of tokens: a later pair has a later expiry or install time."""
    return {"id": of.id, "installed_us": of.installed_us, "expires_us": of.expires_us}
