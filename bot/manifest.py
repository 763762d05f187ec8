"""The app manifest of this deployment: Socket Mode as in manifest.yml, or HTTP at a public address."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from patterns.core.errors import UserError

EVENTS_PATH = "/slack/events"
"""Path of HTTP mode's endpoint for events, commands and interactivity."""
INSTALL_PATH, REDIRECT_PATH = "/slack/install", "/slack/oauth_redirect"
"""Path where a workspace installs the app, and path where Slack sends the browser back to."""
_CHECKOUT = Path(__file__).resolve().parent.parent / "manifest.yml"


def render(url: str | None = None) -> str:
    """Return the manifest as YAML. `url` is the public address of HTTP mode; without it, Socket Mode.

    Raises:
        UserError: an address Slack cannot post to.
    """
    if url is None:
        return _source()
    manifest: dict[str, Any] = yaml.safe_load(_source())
    address = _address(url)
    endpoint = f"{address}{EVENTS_PATH}"
    manifest["oauth_config"]["redirect_urls"] = [f"{address}{REDIRECT_PATH}"]
    for command in manifest["features"]["slash_commands"]:
        command["url"] = endpoint
    settings = manifest["settings"]
    settings["socket_mode_enabled"] = False
    # An Enterprise Grid organisation may install it once for many of its workspaces.
    settings["org_deploy_enabled"] = True
    settings["event_subscriptions"] = {"request_url": endpoint, **settings["event_subscriptions"]}
    settings["interactivity"]["request_url"] = endpoint
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120)


@cache
def needed_scopes() -> frozenset[str]:
    """Return the bot scopes without which the app does not work."""
    return frozenset(_scopes()["bot"]) - optional_scopes()


@cache
def optional_scopes() -> frozenset[str]:
    """Return the bot scopes that may be declined: each switches off one feature when it is."""
    return frozenset(_scopes()["bot_optional"])


def _scopes() -> dict[str, list[str]]:
    scopes: dict[str, list[str]] = yaml.safe_load(_source())["oauth_config"]["scopes"]
    return scopes


def _source() -> str:
    # A wheel carries the manifest inside the package; a checkout has it at its root.
    packaged = files("bot") / "manifest.yml"
    return packaged.read_text("utf-8") if packaged.is_file() else _CHECKOUT.read_text("utf-8")


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise UserError(f"{url!r} is no address Slack can post to. Use one like https://agents.example.com")
    return url.rstrip("/").removesuffix(EVENTS_PATH)
