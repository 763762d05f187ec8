"""Slack's error codes as one typed error that says who can fix it."""

from collections.abc import Mapping
from typing import Literal

from patterns.core.errors import AgentsError

Kind = Literal[
    "not_in_channel",
    "archived",
    "person_gone",
    "revoked",
    "uninstalled",
    "missing_scope",
    "gone",
    "unreachable",
    "refused",
]
"""What went wrong, sorted by who can do something about it."""
_KINDS: Mapping[str, Kind] = {
    "not_in_channel": "not_in_channel",
    "channel_not_found": "not_in_channel",
    "is_archived": "archived",
    "is_inactive": "archived",
    "user_not_found": "person_gone",
    "user_disabled": "person_gone",
    "user_not_in_channel": "person_gone",
    "cannot_dm_bot": "person_gone",
    "account_inactive": "revoked",
    "token_revoked": "revoked",
    "token_expired": "revoked",
    "invalid_auth": "revoked",
    "not_authed": "revoked",
    "missing_scope": "missing_scope",
    "restricted_action": "missing_scope",
    "no_permission": "missing_scope",
    "message_not_found": "gone",
    "thread_not_found": "gone",
    "cant_update_message": "gone",
    "edit_window_closed": "gone",
    "used_url": "gone",
    "expired_url": "gone",
    "expired_trigger_id": "gone",
}
PASSING = frozenset({"unreachable", "revoked"})
"""Kinds of trouble in which nobody can be told anything now, but later somebody can."""
UNSUPPORTED = frozenset(
    {"unknown_method", "feature_not_enabled", "method_deprecated", "not_authorized", "channel_type_not_supported"}
)
"""Codes of workspaces without streaming or agent features; the method is not called again."""
_SENTENCES: Mapping[Kind, str] = {
    "not_in_channel": "I am not in that channel. Invite me with /invite @agents, or run this in our DM.",
    "archived": "That channel is archived. Ask again in another one, or in our DM.",
    "person_gone": "That person cannot be reached in Slack any more.",
    "revoked": "Slack does not accept our token any more. Install the app again; renew SLACK_BOT_TOKEN if it is set.",
    "uninstalled": "The app is not installed in that workspace any more. An admin there can install it again.",
    "missing_scope": "The app lacks a permission for this. Reinstall it with the manifest of `agents manifest`.",
    "gone": "That message, form or link is not there any more. Ask again.",
    "unreachable": "Slack could not be reached. The message is kept and goes out with the next start.",
    "refused": "Slack refused the message. The log has the reason under the run id.",
}


class SlackError(AgentsError):
    """Slack did not do what was asked. `kind` says who can fix it, `code` is Slack's error code."""

    def __init__(self, kind: Kind, *, code: str, method: str) -> None:
        super().__init__(_SENTENCES[kind])
        self.kind = kind
        self.code = code
        self.method = method

    @classmethod
    def of(cls, code: str, method: str) -> "SlackError":
        """Return the error for Slack's error code."""
        return cls(_KINDS.get(code, "refused"), code=code, method=method)
