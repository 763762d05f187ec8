"""Several workspaces in one Slack double: each with its own people and tokens, and the OAuth steps of installing."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.slack_methods import METHODS
from tests.fakes.slack_people import People
from tests.fakes.slack_state import APP_ID, APP_TOKEN, BOT_USER, Refused, Workspace

if TYPE_CHECKING:
    from tests.fakes.slack_server import SlackServer

CLIENT_ID, CLIENT_SECRET = "111.222", "client-secret"


@dataclass(frozen=True)
class _Allowed:
    """What somebody allowed in the browser: good for one exchange."""

    workspaces: tuple[Workspace, ...]
    scopes: str
    user: str
    is_org_wide: bool


class Beside(People):
    """Another workspace on the same server. Its channels and people have the very ids of the first one's."""

    def __init__(self, server: "SlackServer", workspace: Workspace) -> None:
        super().__init__(workspace)
        self._server = server

    @property
    def base(self) -> str:  # type: ignore[override]
        return self._server.base

    async def deliver(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        return await self._server.deliver(kind, payload)


class Tokens:
    """Which token speaks where, which are revoked, and how new ones are given out."""

    def __init__(self, first: Workspace) -> None:
        self.workspaces = [first]
        self.revoked: set[str] = set()
        self.expired: set[str] = set()
        self.expires_in_s = 0
        """The app's token rotation: for how long tokens live; 0 without."""
        self._codes: dict[str, _Allowed] = {}
        self._refreshes: dict[str, _Allowed] = {}
        self._issued = 0

    def workspace(self, token: str, args: Mapping[str, Any]) -> Workspace:
        """Whose call it is. An org-wide token speaks in several workspaces: where the channel or person is."""
        found = [one for one in self.workspaces if token in one.tokens]
        wanted = args.get("channel") or args.get("channel_id")
        with_it = [one for one in found if wanted in one.channels]
        return (with_it or found or self.workspaces)[0]

    def permit(self, method: str, token: str, workspace: Workspace) -> None:
        if workspace.revoked or token in self.revoked:
            raise Refused("token_revoked")
        if token in self.expired:
            raise Refused("token_expired")
        if method == "oauth.v2.access":
            return
        if method not in METHODS and method not in {"apps.connections.open", "auth.revoke"}:
            raise Refused("unknown_method")
        if token != APP_TOKEN if method == "apps.connections.open" else token not in workspace.tokens:
            raise Refused("invalid_auth")

    def revoke(self, workspaces: tuple[Workspace, ...]) -> None:
        """Every token of those workspaces."""
        for one in workspaces:
            self.revoked |= one.tokens
            one.tokens = set()

    def allow(self, authorize_url: str, *workspaces: Workspace, user: str, is_org_wide: bool) -> dict[str, str]:
        """Somebody presses Allow on Slack's page; the query with which the browser is sent back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorize_url).query).items()}
        assert asked["client_id"] == CLIENT_ID
        self._issued += 1
        code = f"code-{self._issued}"
        self._codes[code] = _Allowed(workspaces, asked["scope"], user, is_org_wide)
        return {"code": code, "state": asked["state"]}

    def exchange(self, args: Mapping[str, Any], authorization: str) -> dict[str, Any]:
        """oauth.v2.access: a code, or a refresh token, becomes a token, once."""
        if base64.b64decode(authorization.removeprefix("Basic ")).decode() != f"{CLIENT_ID}:{CLIENT_SECRET}":
            raise Refused("bad_client_secret")
        if args.get("grant_type") == "refresh_token":
            allowed, unknown = self._refreshes.pop(args["refresh_token"], None), "invalid_refresh_token"
        else:
            allowed, unknown = self._codes.pop(args["code"], None), "invalid_code"
        if allowed is None:
            raise Refused(unknown)
        self._issued += 1
        token, first = f"xoxb-installed-{self._issued}", allowed.workspaces[0]
        for one in allowed.workspaces:
            one.tokens.add(token)
        rotation = {}
        if self.expires_in_s:
            rotation = {"refresh_token": f"xoxe-1-{self._issued}", "expires_in": self.expires_in_s}
            self._refreshes[str(rotation["refresh_token"])] = allowed
        return {
            **rotation,
            "app_id": APP_ID,
            "access_token": token,
            "token_type": "bot",
            "scope": allowed.scopes,
            "bot_user_id": BOT_USER,
            "team": None if allowed.is_org_wide else {"id": first.team, "name": first.name},
            "enterprise": {"id": first.enterprise, "name": "Org"} if first.enterprise else None,
            "is_enterprise_install": allowed.is_org_wide,
            "authed_user": {"id": allowed.user},
        }
