"""Streams and agent sessions of the Slack double: who may stream where, how much, and that every stream dies young."""

from collections.abc import Mapping
from typing import Any

from tests.fakes.slack_state import BOT_ID, BOT_USER, Refused, Workspace

STREAM_S = 300.0
"""Slack closes a stream after about so long, even while it is fed."""
CHARS_MAX = 12_000
TITLE_MAX = 200
PROMPTS_MAX = 4
STATUSES = {"pending", "in_progress", "complete", "error"}
SESSIONS = {"processing", "active", "suspended", "closed"}


def is_live(workspace: Workspace, message: Mapping[str, Any]) -> bool:
    """Whether a message is being streamed, so that it can be fed but not edited."""
    born_s = message.get("streaming_since_s")
    return born_s is not None and workspace.clock() - born_s < STREAM_S


def start(workspace: Workspace, args: Mapping[str, Any]) -> dict[str, Any]:
    channel = workspace.channel(args["channel"], posting=True)
    if not any(m["ts"] == args["thread_ts"] for m in channel.messages):
        raise Refused("invalid_thread_ts")
    if not channel.is_im and not (args.get("recipient_user_id") and args.get("recipient_team_id")):
        raise Refused("missing_recipient_user_id")
    message = {"type": "message", "user": BOT_USER, "bot_id": BOT_ID, "team": workspace.team, "ts": workspace.ts()}
    message |= {"thread_ts": args["thread_ts"], "text": "", "blocks": [], "tasks": {}}
    _feed(message, args)
    message["streaming_since_s"] = workspace.clock()
    channel.messages.append(message)
    return {"channel": channel.id, "ts": message["ts"]}


def append(workspace: Workspace, args: Mapping[str, Any]) -> dict[str, Any]:
    _feed(_live(workspace, args), args)
    return {"channel": args["channel"], "ts": args["ts"]}


def stop(workspace: Workspace, args: Mapping[str, Any]) -> dict[str, Any]:
    message = _live(workspace, args)
    _feed(message, args)
    message["streaming_since_s"] = None
    return {"channel": args["channel"], "ts": args["ts"], "message": message}


def set_session(workspace: Workspace, args: Mapping[str, Any]) -> dict[str, Any]:
    if args["status"] not in SESSIONS or len(args.get("title", "")) > TITLE_MAX:
        raise Refused("invalid_arguments")
    workspace.channel(args["channel_id"])
    return {}


def set_prompts(workspace: Workspace, args: Mapping[str, Any]) -> dict[str, Any]:
    prompts = args["prompts"]
    if not 1 <= len(prompts) <= PROMPTS_MAX or any(prompt.keys() != {"title", "message"} for prompt in prompts):
        raise Refused("invalid_arguments")
    workspace.channel(args["channel_id"])
    return {}


def _live(workspace: Workspace, args: Mapping[str, Any]) -> dict[str, Any]:
    message = workspace.message(args["channel"], args["ts"])
    if not is_live(workspace, message):
        raise Refused("message_not_in_streaming_state")
    return message


def _feed(message: dict[str, Any], args: Mapping[str, Any]) -> None:
    chunks = [*([{"type": "markdown_text", "text": args["markdown_text"]}] if args.get("markdown_text") else [])]
    chunks += args.get("chunks") or []
    text = "".join(chunk["text"] for chunk in chunks if chunk["type"] == "markdown_text")
    if len(text) > CHARS_MAX:
        raise Refused("msg_too_long")
    for chunk in chunks:
        if chunk["type"] == "task_update":
            if chunk["status"] not in STATUSES or not {"id", "title"} <= chunk.keys():
                raise Refused("invalid_chunks")
            message["tasks"][chunk["id"]] = (chunk["title"], chunk["status"])
        elif chunk["type"] != "markdown_text":
            raise Refused("invalid_chunks")
    message["text"] += text
