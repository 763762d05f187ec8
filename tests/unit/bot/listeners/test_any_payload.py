"""Whatever somebody sends in the shape of a payload, it is read, or refused as one that is not Slack's."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.listeners.payloads import delivery_of, kept_request, sent_at_us
from tests.fakes.bot_services import BOT, TEAM, click, command, mention, message

REFUSED = (KeyError, IndexError, TypeError, AttributeError, ValueError)
"""What the inbox takes for a shape that Slack does not have."""
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["C1", "1.1", "", "\x00", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SHAPES: tuple[dict[str, Any], ...] = (
    command("budget set channel 50"),
    mention(f"<@{BOT}> use decide: a or b?"),
    message("and for two teams?", thread_ts="1700000000.000001"),
    message("a file", files=[{"id": "F1", "name": "a.pdf"}], subtype="file_share"),
    message("", subtype="message_changed", message={"text": "b", "ts": "1.1", "user": "U1"}, previous_message={}),
    message("", subtype="message_deleted", deleted_ts="1.1", previous_message={"user": "U1", "ts": "1.1"}),
    click("run_stop", "r0123456789ab"),
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a payload that can hold something else."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, value in inner for found in places(value, (*path, key)))][0 if path else 1 :]


@given(data=st.data(), shape=st.sampled_from(SHAPES))
def test_any_damage_to_a_payload_is_read_or_refused(data: st.DataObject, shape: dict[str, Any]) -> None:
    body = copy.deepcopy(shape)
    for path in data.draw(st.lists(st.sampled_from(places(body)), min_size=1, max_size=3, unique=True)):
        node: Any = body
        try:
            for key in path[:-1]:
                node = node[key]
            if data.draw(st.booleans()):
                node[path[-1]] = data.draw(VALUES)
            else:
                del node[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier damage took the place away
    _read(body)


@given(st.dictionaries(st.sampled_from(["type", "event", "command", "actions", "view", "text"]), VALUES))
def test_any_object_at_all_is_read_or_refused(body: dict[str, Any]) -> None:
    _read(body)


def _read(body: dict[str, Any]) -> None:
    try:
        delivery_of(body, workspace=TEAM, bot_user=BOT)
        sent_at_us(body)
    except REFUSED:
        return
    try:
        kept_request(body, key="k", workspace=TEAM, bot_user=BOT)
    except REFUSED:
        return
