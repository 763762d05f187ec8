"""The app's manifest for this deployment: Socket Mode as it stands in manifest.yml, or HTTP at an address."""

from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from patterns.errors import UserError

EVENTS_PATH = "/slack/events"
"""Where HTTP mode takes everything that Slack sends."""
_CHECKOUT = Path(__file__).resolve().parent.parent / "manifest.yml"


def render(url: str | None = None) -> str:
    """The manifest as YAML. With `url`, the public address of HTTP mode, Slack posts there; without, Socket Mode.

    Raises:
        UserError: an address Slack cannot post to.
    """
    if url is None:
        return _source()
    manifest: dict[str, Any] = yaml.safe_load(_source())
    endpoint = _endpoint(url)
    for command in manifest["features"]["slash_commands"]:
        command["url"] = endpoint
    settings = manifest["settings"]
    settings["socket_mode_enabled"] = False
    settings["event_subscriptions"] = {"request_url": endpoint, **settings["event_subscriptions"]}
    settings["interactivity"]["request_url"] = endpoint
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120)


def _source() -> str:
    # A wheel carries the manifest inside the package, a checkout has it at its root.
    packaged = files("bot") / "manifest.yml"
    return packaged.read_text("utf-8") if packaged.is_file() else _CHECKOUT.read_text("utf-8")


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise UserError(f"{url!r} is no address Slack can post to. Use one like https://agents.example.com")
    return f"{url.rstrip('/').removesuffix(EVENTS_PATH)}{EVENTS_PATH}"
