"""Who may do what where: the one table that every listener, command, button, form, home and shortcut reads. Pure.

A cell says `yes`, `no`, `opened` (where an admin opened the channel to people of that kind), `own` (what they asked for
themselves, or are named to decide) or `own opened` (both). Nothing else grants anything; what is not written is `no`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal


class Role(StrEnum):
    """What somebody is in a workspace and, as an owner, in one channel of it."""

    NOBODY = "nobody"
    """Bots, workflows and deactivated accounts."""
    OUTSIDER = "outsider"
    """Belongs to another workspace or organisation, whatever they are there."""
    SINGLE_GUEST = "single-channel guest"
    GUEST = "guest"
    MEMBER = "member"
    OWNER = "owner"
    """A member whom an admin made responsible for the channel's budget."""
    ADMIN = "admin"
    """A member who administers the workspace or its organisation, or whom the operator named, or who installed us."""


class Site(StrEnum):
    """The kinds of conversations, as far as rights differ."""

    DM = "dm"
    PUBLIC = "public"
    PRIVATE = "private"
    SHARED = "shared"
    """Shared with another organisation, or about to be."""


class Action(StrEnum):
    """Everything that anybody can want of us."""

    ASK = "ask"
    """Have agents run: by command, mention, message, form, shortcut or button, and again by Retry, which also needs
    `READ_RUN`."""
    LOOK = "look"
    """Read the help, agents, flows, an estimate, one's own requests and what is left to spend here."""
    STOP = "stop"
    DECIDE = "decide"
    """Answer a price card or a review, edit its draft, ask for money; let a tool act where the asker may say so."""
    APPROVE_OTHERS = "approve_others"
    """Let a tool act for a request of somebody else, where the roster wants a second person."""
    APPROVE_AS_OWNER = "approve_as_owner"
    """The same, where it wants an owner of the channel's budget; admins count as such."""
    APPROVE_AS_NAMED = "approve_as_named"
    """The same, where it names the people; nobody else may, whatever they are."""
    READ_RUN = "read_run"
    """Open Details, run again, or say whether an answer helped."""
    CALL_HELP = "call_help"
    """Ask whoever can put it right, by a direct message of ours, about a request that failed or was refused."""
    SEE_BUDGET = "see_budget"
    """Read this conversation's month, or post it."""
    SEE_WORKSPACE = "see_workspace"
    """Read what is left of the whole workspace's month."""
    SEE_BOOKS = "see_books"
    """Read every budget of the workspace."""
    SEE_AUDIT = "see_audit"
    CHANGE_BUDGET = "change_budget"
    CHANGE_ACCESS = "change_access"
    """Change who may ask in a channel, and how agents behave there."""
    CHANGE_TOOLS = "change_tools"
    """Say which tools agents have in a channel and for whom, and which of them need not ask there."""
    CHANGE_WORKSPACE = "change_workspace"
    """Change what holds for every channel: defaults, limits, owners, models held back, a pause."""
    OWN_WORDS = "own_words"
    """List, download or erase what is stored about oneself."""
    OWN_SETTINGS = "own_settings"
    """Change how oneself is told of an answer."""


Cell = Literal["yes", "no", "opened", "own", "own opened"]

_COLUMNS = (Role.OUTSIDER, Role.SINGLE_GUEST, Role.GUEST, Role.MEMBER, Role.OWNER, Role.ADMIN)
_TABLE = """
action            place            outsider    single guest  guest       member      owner       admin

ask               dm               no          no            no          yes         yes         yes
ask               public private   opened      opened        opened      yes         yes         yes
ask               shared           opened      opened        opened      opened      opened      opened

look              dm               no          no            no          yes         yes         yes
look              public private   opened      opened        opened      yes         yes         yes
look              shared           opened      opened        opened      opened      yes         yes

stop              dm               own         own           own         own         own         yes
stop              public private   own         own           own         own         yes         yes
stop              shared           own         own           own         own         yes         yes

decide            dm               no          no            no          own         own         own
decide            public private   own opened  own opened    own opened  own         yes         yes
decide            shared           own opened  own opened    own opened  own opened  opened      opened

approve_others    dm               no          no            no          no          no          no
approve_others    public private   no          no            no          yes         yes         yes
approve_others    shared           no          no            no          opened      opened      opened

approve_as_owner  dm               no          no            no          no          no          own
approve_as_owner  public private   no          no            no          no          yes         yes
approve_as_owner  shared           no          no            no          no          opened      opened

approve_as_named  dm               no          no            no          own         own         own
approve_as_named  public private   own opened  own opened    own opened  own         own         own
approve_as_named  shared           own opened  own opened    own opened  own opened  own opened  own opened

read_run          dm               no          no            no          own         own         own
read_run          public private   opened      opened        opened      yes         yes         yes
read_run          shared           opened      opened        opened      opened      opened      opened

call_help         dm               no          no            no          own         own         own
call_help         public private   opened      opened        opened      yes         yes         yes
call_help         shared           opened      opened        opened      opened      opened      opened

see_budget        dm               no          no            no          yes         yes         yes
see_budget        public private   opened      opened        opened      yes         yes         yes
see_budget        shared           opened      opened        opened      opened      yes         yes

see_workspace     dm               no          no            no          yes         yes         yes
see_workspace     public private   no          no            no          yes         yes         yes
see_workspace     shared           no          no            no          yes         yes         yes

see_books         dm               no          no            no          no          no          yes
see_books         public private   no          no            no          no          no          yes
see_books         shared           no          no            no          no          no          yes

see_audit         dm               no          no            no          no          no          yes
see_audit         public private   no          no            no          no          yes         yes
see_audit         shared           no          no            no          no          yes         yes

change_budget     dm               no          no            no          no          no          yes
change_budget     public private   no          no            no          no          yes         yes
change_budget     shared           no          no            no          no          yes         yes

change_access     dm               no          no            no          no          no          no
change_access     public private   no          no            no          no          yes         yes
change_access     shared           no          no            no          no          yes         yes

change_tools      dm               no          no            no          no          no          no
change_tools      public private   no          no            no          no          no          yes
change_tools      shared           no          no            no          no          no          yes

change_workspace  dm               no          no            no          no          no          yes
change_workspace  public private   no          no            no          no          no          yes
change_workspace  shared           no          no            no          no          no          yes

own_words         dm               yes         yes           yes         yes         yes         yes
own_words         public private   yes         yes           yes         yes         yes         yes
own_words         shared           yes         yes           yes         yes         yes         yes

own_settings      dm               yes         yes           yes         yes         yes         yes
own_settings      public private   yes         yes           yes         yes         yes         yes
own_settings      shared           yes         yes           yes         yes         yes         yes
"""

READ_ANEW = frozenset({Action.CHANGE_BUDGET, Action.CHANGE_ACCESS, Action.CHANGE_TOOLS, Action.CHANGE_WORKSPACE})
"""Actions for which Slack is asked again who somebody is, whatever was known a minute ago."""


def cell(action: Action, role: Role, site: Site) -> Cell:
    """Return what the table allows a role at a site, such as `yes` or `own`; `no` for a role it does not list."""
    return _CELLS.get((action, role, site), "no")


def role_of(person: Mapping[str, Any], *, workspace: str, is_named: bool = False, is_owner: bool = False) -> Role:
    """Return what somebody is here, by Slack's user object.

    `is_named` says that the operator or the install makes them an admin, `is_owner` that the channel's budget is
    theirs. Both count for members only: whoever left, became a guest or belongs elsewhere has no rights by them.
    """
    if person.get("deleted") or person.get("is_bot") or person.get("is_workflow_bot") or person.get("id") == _SLACKBOT:
        return Role.NOBODY
    if is_stranger(person, workspace):
        return Role.OUTSIDER
    if person.get("is_ultra_restricted"):
        return Role.SINGLE_GUEST
    if person.get("is_restricted"):
        return Role.GUEST
    if is_named or _administers(person):
        return Role.ADMIN
    return Role.OWNER if is_owner else Role.MEMBER


def site_of(conversation: Mapping[str, Any] | None) -> Site:
    """Return the kind of a conversation, by Slack's object; what we cannot see is private."""
    if conversation is None:
        return Site.PRIVATE
    if conversation.get("is_im"):
        return Site.DM
    if any(conversation.get(f"is_{how}shared") for how in ("ext_", "pending_ext_")):
        return Site.SHARED
    is_closed = any(conversation.get(f"is_{kind}") for kind in ("private", "mpim", "group"))
    return Site.PRIVATE if is_closed else Site.PUBLIC


def is_stranger(person: Mapping[str, Any], workspace: str) -> bool:
    """Return whether somebody belongs to neither the workspace nor, in it, to its organisation."""
    if person.get("is_stranger"):
        return True
    home = person.get("team_id") or workspace
    organisation = person.get("enterprise_user") or {}
    return workspace not in {home, organisation.get("enterprise_id"), *(organisation.get("teams") or ())}


def _administers(person: Mapping[str, Any]) -> bool:
    in_organisation = person.get("enterprise_user") or {}
    return any(person.get(f"is_{role}") for role in ("admin", "owner", "primary_owner")) or any(
        in_organisation.get(f"is_{role}") for role in ("admin", "owner")
    )


_SLACKBOT = "USLACKBOT"


def _parsed(text: str) -> dict[tuple[Action, Role, Site], Cell]:
    allowed: dict[str, Cell] = {"yes": "yes", "no": "no", "opened": "opened", "own": "own", "own opened": "own opened"}
    found = {}
    for line in text.strip().splitlines()[1:]:
        action, places, *cells = (part.strip() for part in _split(line))
        for place in places.split():
            for role, written in zip(_COLUMNS, cells, strict=True):
                found[Action(action), role, Site(place)] = allowed[written]
    return found


def _split(line: str) -> list[str]:
    """Return the columns of a row: two blanks or more stand between them."""
    return [part for part in line.split("  ") if part.strip()]


_CELLS = _parsed("\n".join(line for line in _TABLE.splitlines() if line.strip()))
