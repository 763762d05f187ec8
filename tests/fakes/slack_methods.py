"""Web API methods of the Slack double, with the refusals of the real one."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from tests.fakes import slack_streams
from tests.fakes.blockkit import check_message, check_view
from tests.fakes.slack_state import APP_ID, BOT_ID, BOT_USER, Channel, Refused, Workspace, visible

Arguments = Mapping[str, Any]
Method = Callable[[Workspace, Arguments], dict[str, Any]]


async def arguments_of(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        return dict(await request.json())
    return {**request.query, **dict(await request.post())}


def decoded(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Form values as their JSON: lists and objects travel as text there."""
    out = dict(arguments)
    for name in ("blocks", "chunks", "metadata", "view", "files", "users"):
        if isinstance(out.get(name), str) and out[name][:1] in {"[", "{"}:
            out[name] = json.loads(out[name])
    for name in ("include_all_metadata", "inclusive"):
        out[name] = str(out.get(name, "")).lower() in {"1", "true"}
    return out


def new_message(workspace: Workspace, args: Arguments, **more: Any) -> dict[str, Any]:
    """A checked message of the bot, not yet in any channel."""
    blocks, text = args.get("blocks") or [], args.get("text") or ""
    if problems := check_message(blocks, text):
        code = problems[0].split(":")[0]
        raise Refused(code if code in {"no_text", "msg_blocks_too_long"} else "invalid_blocks", *problems)
    for block in blocks:
        block.setdefault("block_id", workspace.number("b"))
    message = {
        "type": "message",
        "user": BOT_USER,
        "bot_id": BOT_ID,
        "app_id": APP_ID,
        "team": workspace.team,
        "text": text,
    }
    message |= {"ts": workspace.ts(), "blocks": blocks, **more}
    if args.get("thread_ts"):
        message["thread_ts"] = args["thread_ts"]
    if args.get("metadata"):
        message["metadata"] = args["metadata"]
    return message


def post_message(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    target = args["channel"]
    channel = workspace.dm(target) if target.startswith("U") else workspace.channel(target, posting=True)
    message = new_message(workspace, args)
    channel.messages.append(message)
    return {"channel": channel.id, "ts": message["ts"], "message": message}


def post_ephemeral(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    channel = workspace.channel(args["channel"], posting=True)
    if args["user"] not in channel.members:
        raise Refused("user_not_in_channel")
    message = new_message(workspace, args, channel=channel.id, to=args["user"], is_ephemeral=True)
    workspace.ephemerals.append(message)
    return {"message_ts": message["ts"]}


def update(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    workspace.channel(args["channel"], posting=True)
    old = workspace.message(args["channel"], args["ts"])
    if old.get("user") != BOT_USER:
        raise Refused("cant_update_message")
    if slack_streams.is_live(workspace, old):
        raise Refused("streaming_state_conflict")
    new = new_message(workspace, args)
    old.update(text=new["text"], blocks=new["blocks"], edited={"user": BOT_USER, "ts": new["ts"]})
    old["edits"] = old.get("edits", 0) + 1
    if "metadata" in new:
        old["metadata"] = new["metadata"]
    return {"channel": args["channel"], "ts": old["ts"], "text": old["text"], "message": old}


def delete(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    workspace.channel(args["channel"], posting=True)
    message = workspace.message(args["channel"], args["ts"])
    workspace.channel(args["channel"]).messages.remove(message)
    return {"channel": args["channel"], "ts": args["ts"]}


def permalink(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    ts = workspace.message(args["channel"], args["message_ts"])["ts"]
    return {
        "permalink": f"https://{workspace.name.lower()}.slack.example/archives/{args['channel']}/p{ts.replace('.', '')}"
    }


def history(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    channel = _readable(workspace, args)
    return _page(args, [m for m in reversed(channel.messages) if m.get("thread_ts", m["ts"]) == m["ts"]])


def replies(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    channel = _readable(workspace, args)
    found = [m for m in channel.messages if m.get("thread_ts", m["ts"]) == args["ts"]]
    if not found:
        raise Refused("thread_not_found")
    return _page(args, found)


def _readable(workspace: Workspace, args: Arguments) -> Channel:
    channel = workspace.channel(args["channel"])
    if BOT_USER not in channel.members:
        raise Refused("not_in_channel")
    return channel


def _page(args: Arguments, messages: list[dict[str, Any]]) -> dict[str, Any]:
    start, limit = int(args.get("cursor") or 0), int(args.get("limit") or 100)
    page = [visible(m, with_metadata=args["include_all_metadata"]) for m in messages[start : start + limit]]
    rest = str(start + limit) if start + limit < len(messages) else ""
    return {"messages": page, "has_more": bool(rest), "response_metadata": {"next_cursor": rest}}


def open_view(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    user = workspace.use_trigger(args["trigger_id"])
    return {"view": store_view(workspace, args["view"], user)}


def store_view(workspace: Workspace, view: dict[str, Any], user: str, view_id: str = "") -> dict[str, Any]:
    if problems := check_view(view):
        raise Refused("invalid_arguments", *problems)
    for block in view["blocks"]:
        block.setdefault("block_id", workspace.number("b"))
    view_id = view_id or workspace.number("V")
    stored = {
        **view,
        "id": view_id,
        "team_id": workspace.team,
        "user": user,
        "hash": workspace.number("hash."),
        "app_id": APP_ID,
    }
    stored |= {"bot_id": BOT_ID, "root_view_id": view_id, "previous_view_id": None, "external_id": ""}
    workspace.views[view_id] = {"private_metadata": "", "callback_id": "", **stored}
    return workspace.views[view_id]


def update_view(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    old = workspace.views.get(args.get("view_id", ""))
    if old is None:
        raise Refused("not_found")
    if args.get("hash") and args["hash"] != old["hash"]:
        raise Refused("hash_conflict")
    return {"view": store_view(workspace, args["view"], old["user"], old["id"])}


def publish(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    view = store_view(workspace, args["view"], args["user_id"])
    workspace.homes[args["user_id"]] = view
    return {"view": view}


def open_conversation(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    users = args["users"] if isinstance(args["users"], str) else args["users"][0]
    return {"channel": {"id": workspace.dm(users).id}}


def user_info(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    if args["user"] not in workspace.users:
        raise Refused("user_not_found")
    return {"user": workspace.users[args["user"]]}


def upload_url(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    file_id = workspace.number("F")
    workspace.files[file_id] = {"id": file_id, "name": args["filename"], "content": b""}
    return {"file_id": file_id, "upload_url": f"/upload/{file_id}"}


def complete_upload(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    files = [workspace.files[f["id"]] | {"title": f.get("title", "")} for f in args["files"]]
    shown = [{k: v for k, v in f.items() if k != "content"} for f in files]
    if args.get("channel_id"):
        channel = workspace.channel(args["channel_id"], posting=True)
        text = {"text": args.get("initial_comment") or "file", "thread_ts": args.get("thread_ts")}
        channel.messages.append(new_message(workspace, text, files=shown))
    return {"files": shown}


def react(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    workspace.message(args["channel"], args["timestamp"])
    workspace.reactions.append((args["channel"], args["timestamp"], args["name"]))
    return {}


def search(workspace: Workspace, args: Arguments) -> dict[str, Any]:
    """What the person behind a key can see of what was found; a key is good for a while."""
    asker = workspace.use_action_token(args["action_token"])
    words = str(args["query"]).lower().split()
    kinds = str(args.get("content_types", "messages")).split(",")
    types = set(str(args.get("channel_types", "public_channel")).split(","))
    seen = [
        entry.json()
        for entry in workspace.findable
        if entry.kind in kinds
        and entry.channel_type in types
        and (entry.readers is None or asker in entry.readers)
        and any(word in entry.content.lower() for word in words)
    ]
    found = seen[: int(args.get("limit", 20))]
    return {"results": {kind: [one for one in found if one["kind"] == kind] for kind in kinds}}


NEEDS = {
    "assistant.search.context": "search:read.public",
    "files.info": "files:read",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
    "reactions.add": "reactions:write",
    "users.info": "users:read",
}
"""The scopes of methods that may be declined, and of one that may not."""
METHODS: Mapping[str, Method] = {
    "api.test": lambda _w, _a: {},
    "auth.test": lambda w, _a: {
        "user_id": BOT_USER,
        "bot_id": BOT_ID,
        "team_id": w.team,
        "team": w.name,
        "user": "agents",
    },
    "team.info": lambda w, _a: {"team": {"id": w.team, "name": w.name, "domain": w.name.lower()}},
    "bots.info": lambda _w, _a: {"bot": {"id": BOT_ID, "app_id": APP_ID, "user_id": BOT_USER, "name": "agents"}},
    "chat.postMessage": post_message,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
    "chat.getPermalink": permalink,
    "chat.startStream": slack_streams.start,
    "chat.appendStream": slack_streams.append,
    "chat.stopStream": slack_streams.stop,
    "agents.sessions.setStatus": slack_streams.set_session,
    "conversations.info": lambda w, a: {"channel": w.channel(a["channel"]).json()},
    "conversations.list": lambda w, _a: {"channels": [c.json() for c in w.channels.values() if not c.is_im]},
    "conversations.members": lambda w, a: {"members": sorted(w.channel(a["channel"]).members)},
    "conversations.history": history,
    "conversations.replies": replies,
    "conversations.open": open_conversation,
    "users.info": user_info,
    "users.list": lambda w, _a: {"members": list(w.users.values())},
    "views.open": open_view,
    "views.push": open_view,
    "views.update": update_view,
    "views.publish": publish,
    "reactions.add": react,
    "files.getUploadURLExternal": upload_url,
    "files.completeUploadExternal": complete_upload,
    "files.info": lambda w, a: {"file": {k: v for k, v in w.files[a["file"]].items() if k != "content"}},
    "assistant.search.context": search,
    "assistant.search.info": lambda _w, _a: {"is_ai_search_enabled": True},
    "assistant.threads.setStatus": lambda _w, _a: {},
    "assistant.threads.setTitle": lambda _w, _a: {},
    "assistant.threads.setSuggestedPrompts": slack_streams.set_prompts,
}


def check_scope(workspace: Workspace, method: str) -> None:
    """Refuse a method whose scope the token lacks."""
    needed = NEEDS.get(method)
    if needed and workspace.granted is not None and needed not in workspace.granted:
        raise Refused("missing_scope", needed)
