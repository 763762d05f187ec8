import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from slack_bolt.async_app import AsyncApp

from bot.commands.commands import Ask, ShowHelp
from bot.commands.parser import parse
from bot.listeners import register_all
from bot.listeners.command import COMMAND
from bot.manifest import render
from patterns.core.errors import UserError
from tests.fakes.bot_services import Bot

ROOT = Path(__file__).resolve().parents[2]
NAMESPACES = "agents|assistant|auth|chat|conversations|files|reactions|users|views"
METHOD = re.compile(rf"""client\.((?:{NAMESPACES})_\w+)|"((?:{NAMESPACES})\.(?!completion)[\w.]+)\"""")
# What each Web API method needs, as Slack documents it.
SCOPES = {
    "users_info": {"users:read"},
    "users_list": {"users:read"},
    "conversations_info": {"channels:read", "groups:read", "im:read", "mpim:read"},
    "conversations_open": {"im:write"},
    "conversations_members": {"channels:read", "groups:read", "im:read", "mpim:read"},
    "conversations_history": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "conversations_replies": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "chat_postMessage": {"chat:write"},
    "chat_postEphemeral": {"chat:write"},
    "chat_update": {"chat:write"},
    "chat_delete": {"chat:write"},
    "chat_startStream": {"chat:write"},
    "chat_appendStream": {"chat:write"},
    "chat_stopStream": {"chat:write"},
    "assistant_threads_setStatus": {"chat:write"},
    "assistant_threads_setSuggestedPrompts": {"assistant:write"},
    "files_getUploadURLExternal": {"files:write"},
    "files_completeUploadExternal": {"files:write"},
    "agents_sessions_setStatus": {"assistant:write"},
    "files_info": {"files:read"},
    "assistant_search_context": {"search:read.public", "search:read.files"},
    "reactions_add": {"reactions:write"},
    "reactions_remove": {"reactions:write"},
    "views_open": set[str](),
    "views_update": set[str](),
    "views_publish": set[str](),
    "auth_test": set[str](),
    "chat_getPermalink": set[str](),
}
EVENTS = {
    "app_mention": {"app_mentions:read"},
    "app_uninstalled": set[str](),
    "tokens_revoked": set[str](),
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "message.im": {"im:history"},
    "message.mpim": {"mpim:history"},
    "app_home_opened": set[str](),
    "member_joined_channel": {"channels:read", "groups:read"},
    "reaction_added": {"reactions:read"},
    # Slack's agent view, and with it the native Stop button, comes with this scope.
    "agent_session_stopped": {"assistant:write"},
}


@pytest.fixture
def manifest() -> dict[str, Any]:
    return yaml.safe_load(render())


class Recorder:
    """Stands in for Bolt's app and notes under which names something was registered."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = {}

    def use(self, _middleware: object) -> None:
        pass

    def __getattr__(self, kind: str) -> Any:
        def register(name: object, **_more: object) -> Any:
            if isinstance(name, str):
                self.names.setdefault(kind, set()).add(name)
            return lambda listener: listener

        return register


@pytest.fixture
def registered() -> dict[str, set[str]]:
    recorder = Recorder()
    register_all(cast("AsyncApp", recorder), Bot().services)
    return recorder.names


def test_the_manifest_subscribes_to_what_the_listeners_hear(
    manifest: dict[str, Any], registered: dict[str, set[str]]
) -> None:
    subscribed = manifest["settings"]["event_subscriptions"]["bot_events"]
    assert {name.partition(".")[0] for name in subscribed} == registered["event"]
    assert set(subscribed) == set(EVENTS)
    assert sorted(subscribed) == subscribed


def test_the_manifest_names_the_command(manifest: dict[str, Any]) -> None:
    commands = manifest["features"]["slash_commands"]
    assert [command["command"] for command in commands] == [COMMAND]
    assert commands[0]["should_escape"]
    assert len(commands[0]["usage_hint"]) > 0


def test_the_manifest_names_the_shortcut(manifest: dict[str, Any], registered: dict[str, set[str]]) -> None:
    shortcuts = manifest["features"]["shortcuts"]
    assert {shortcut["callback_id"] for shortcut in shortcuts} == registered["message_shortcut"]
    assert {(shortcut["type"], len(shortcut["name"]) <= 24) for shortcut in shortcuts} == {("message", True)}


def test_buttons_and_forms_need_interactivity(manifest: dict[str, Any], registered: dict[str, set[str]]) -> None:
    assert registered["action"]
    assert registered["view"]
    assert manifest["settings"]["interactivity"]["is_enabled"]


def test_the_scopes_are_what_events_and_methods_need_and_nothing_more(manifest: dict[str, Any]) -> None:
    sources = [path.read_text("utf-8") for path in sorted((ROOT / "bot").rglob("*.py"))]
    called = {"".join(names).replace(".", "_") for text in sources for names in METHOD.findall(text)}
    assert called <= set(SCOPES), "name the scopes of new Web API methods in SCOPES"
    needed = {"commands"}.union(*EVENTS.values(), *(SCOPES[name] for name in called))
    scopes = manifest["oauth_config"]["scopes"]
    assert set(scopes["bot"]) == needed
    # Slack refuses a manifest whose optional scopes are not among the requested ones.
    assert set(scopes["bot_optional"]) == {
        "files:read", "files:write", "reactions:write", "search:read.files", "search:read.public",
    }  # fmt: skip
    assert set(scopes["bot_optional"]) < set(scopes["bot"])


def test_the_prompts_of_the_agent_view_are_within_slacks_limits(manifest: dict[str, Any]) -> None:
    view = manifest["features"]["agent_view"]
    assert len(view["agent_description"]) <= 300
    assert 1 <= len(view["suggested_prompts"]) <= 4
    assert 175 <= len(manifest["display_information"]["long_description"]) <= 4000
    assert len(manifest["display_information"]["description"]) <= 140


def test_the_prompts_of_the_agent_view_are_requests_that_work(manifest: dict[str, Any]) -> None:
    flows = set(yaml.safe_load((ROOT / "patterns" / "roster.yml").read_text("utf-8"))["flows"])
    for prompt in manifest["features"]["agent_view"]["suggested_prompts"]:
        assert isinstance(parse(prompt["message"], flows=flows, agents=()), Ask | ShowHelp)


def test_socket_mode_needs_no_address(manifest: dict[str, Any]) -> None:
    assert manifest["settings"]["socket_mode_enabled"]
    assert "url" not in render()


@pytest.mark.parametrize(
    "url", ["https://agents.example.com", "https://agents.example.com/", "https://agents.example.com/slack/events"]
)
def test_http_mode_posts_everything_to_one_address(url: str) -> None:
    manifest = yaml.safe_load(render(url))
    endpoint = "https://agents.example.com/slack/events"
    assert not manifest["settings"]["socket_mode_enabled"]
    assert manifest["settings"]["event_subscriptions"]["request_url"] == endpoint
    assert manifest["settings"]["interactivity"]["request_url"] == endpoint
    assert [command["url"] for command in manifest["features"]["slash_commands"]] == [endpoint]


@pytest.mark.parametrize(
    "url", ["agents.example.com", "http://agents.example.com", "https://", "https://a.example?b=c"]
)
def test_an_address_slack_cannot_post_to_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="no address Slack can post to"):
        render(url)


def test_http_mode_lets_workspaces_and_organisations_install_by_link() -> None:
    manifest = yaml.safe_load(render("https://agents.example.com"))
    assert manifest["oauth_config"]["redirect_urls"] == ["https://agents.example.com/slack/oauth_redirect"]
    assert manifest["settings"]["org_deploy_enabled"]
    assert not manifest["settings"]["token_rotation_enabled"]
