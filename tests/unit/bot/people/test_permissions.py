"""The table of permissions, cell by cell, against the rights written down a second time and in another form."""

from typing import Any

import pytest

from bot.people.permissions import Action, Role, Site, cell, role_of, site_of

TEAM = "T1"
GUEST_SITES = (Site.PUBLIC, Site.PRIVATE, Site.SHARED)
STRANGERS = (Role.OUTSIDER, Role.SINGLE_GUEST, Role.GUEST)
INSIDERS = (Role.MEMBER, Role.OWNER, Role.ADMIN)
ASKING = {Action.ASK, Action.LOOK, Action.READ_RUN, Action.CALL_HELP, Action.SEE_BUDGET}
LEVERS = {Action.CHANGE_BUDGET, Action.CHANGE_ACCESS, Action.SEE_AUDIT}
APPROVING = {Action.APPROVE_OTHERS, Action.APPROVE_AS_OWNER, Action.APPROVE_AS_NAMED}
WIDE = {Action.SEE_BOOKS, Action.CHANGE_WORKSPACE}


def right(action: Action, role: Role, site: Site) -> str:  # noqa: C901, PLR0911, PLR0912 - the rights, rule by rule
    """What DECISIONS.md and SECURITY.md promise, rule by rule."""
    if role is Role.NOBODY:
        return "no"
    if action in {Action.OWN_WORDS, Action.OWN_SETTINGS}:
        return "yes"
    if action is Action.STOP:
        return "yes" if role is Role.ADMIN or (role is Role.OWNER and site is not Site.DM) else "own"
    if action is Action.SEE_WORKSPACE:
        return "yes" if role in INSIDERS else "no"
    if action is Action.CHANGE_TOOLS:
        return "yes" if role is Role.ADMIN and site is not Site.DM else "no"
    if action in APPROVING:
        return approval(action, role, site)
    if action in WIDE:
        return "yes" if role is Role.ADMIN else "no"
    if action in LEVERS:
        if site is Site.DM:
            return "yes" if role is Role.ADMIN and action is not Action.CHANGE_ACCESS else "no"
        return "yes" if role in {Role.OWNER, Role.ADMIN} else "no"
    if role in STRANGERS:
        return "no" if site is Site.DM else "own opened" if action is Action.DECIDE else "opened"
    if action is Action.DECIDE:
        if site is Site.DM:
            return "own"
        alone = "own" if role is Role.MEMBER else ""
        return f"{alone} opened".strip() if site is Site.SHARED else alone or "yes"
    if action in {Action.READ_RUN, Action.CALL_HELP} and site is Site.DM:
        return "own"
    if site is Site.SHARED and not (action in {Action.LOOK, Action.SEE_BUDGET} and role is not Role.MEMBER):
        return "opened"
    return "yes"


def approval(action: Action, role: Role, site: Site) -> str:
    """Who may let a tool act: a second member, an owner, or exactly those whom the roster names."""
    opened = "opened" if site is Site.SHARED else ""
    if action is Action.APPROVE_AS_NAMED:
        if role in STRANGERS:
            return "no" if site is Site.DM else "own opened"
        return f"own {opened}".strip()
    if action is Action.APPROVE_OTHERS:
        return (opened or "yes") if role in INSIDERS and site is not Site.DM else "no"
    if site is Site.DM:
        return "own" if role is Role.ADMIN else "no"
    return (opened or "yes") if role in {Role.OWNER, Role.ADMIN} else "no"


@pytest.mark.parametrize("site", Site)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_each_cell_says_what_was_promised(action: Action, role: Role, site: Site) -> None:
    assert cell(action, role, site) == right(action, role, site)


MEMBER = {"id": "U1", "team_id": TEAM}
ADMIN_HERE: dict[str, Any] = {"is_admin": True, "is_owner": True, "is_primary_owner": True}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Role.MEMBER),
        ({"is_admin": True}, Role.ADMIN),
        ({"is_owner": True}, Role.ADMIN),
        ({"is_primary_owner": True}, Role.ADMIN),
        ({"is_restricted": True}, Role.GUEST),
        ({"is_restricted": True, "is_ultra_restricted": True}, Role.SINGLE_GUEST),
        ({"team_id": "T2"}, Role.OUTSIDER),
        ({"team_id": "T2", **ADMIN_HERE}, Role.OUTSIDER),
        ({"is_stranger": True, **ADMIN_HERE}, Role.OUTSIDER),
        ({"is_restricted": True, **ADMIN_HERE}, Role.GUEST),
        ({"team_id": "T2", "enterprise_user": {"enterprise_id": "E1", "teams": [TEAM, "T2"]}}, Role.MEMBER),
        ({"team_id": "T2", "enterprise_user": {"enterprise_id": "E1", "teams": [TEAM], "is_admin": True}}, Role.ADMIN),
        ({"team_id": "T2", "enterprise_user": {"enterprise_id": "E1", "teams": [TEAM], "is_owner": True}}, Role.ADMIN),
        (
            {"team_id": "T2", "enterprise_user": {"enterprise_id": "E2", "teams": ["T2"], "is_owner": True}},
            Role.OUTSIDER,
        ),
        ({"is_bot": True, **ADMIN_HERE}, Role.NOBODY),
        ({"is_workflow_bot": True}, Role.NOBODY),
        ({"deleted": True, **ADMIN_HERE}, Role.NOBODY),
        ({"id": "USLACKBOT"}, Role.NOBODY),
    ],
)
def test_people_are_what_slack_says_they_are_here(more: dict[str, Any], expected: Role) -> None:
    assert role_of({**MEMBER, **more}, workspace=TEAM) is expected
    with_names = role_of({**MEMBER, **more}, workspace=TEAM, is_named=True, is_owner=True)
    assert with_names is (Role.ADMIN if expected in INSIDERS else expected)


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        (None, Site.PRIVATE),
        ({"is_im": True}, Site.DM),
        ({"is_mpim": True}, Site.PRIVATE),
        ({"is_private": True}, Site.PRIVATE),
        ({"is_group": True}, Site.PRIVATE),
        ({"is_private": True, "is_ext_shared": True}, Site.SHARED),
        ({"is_pending_ext_shared": True}, Site.SHARED),
        ({"is_org_shared": True}, Site.PUBLIC),
        ({}, Site.PUBLIC),
    ],
)
def test_places_are_as_open_as_slack_says(conversation: dict[str, Any] | None, expected: Site) -> None:
    assert site_of(conversation) is expected
