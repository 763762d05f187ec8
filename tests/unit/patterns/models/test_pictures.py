"""Pictures on the wire: every translator takes their stand-ins, and what is sent has their base64 and its length."""

import base64
import json
import os

import pytest

from patterns.core.calls import Image, Message, ModelRequest, PreparedCall
from patterns.core.errors import Charge, ModelError
from patterns.models.pictures import WireBody, filled, read_pictures
from tests.unit.patterns.models.test_client import FAST, SLOW, client, prepared

PICTURES = {"f1": os.urandom(300_001), "f2": os.urandom(5)}


class Stored:
    async def read(self, file_id: str) -> bytes | None:
        return PICTURES.get(file_id)


def call_of(model: str, *files: str) -> PreparedCall:
    images = tuple(Image("image/png", file=file, digest="d") for file in files)
    return prepared(model, Message("user", "See:", images), sees_images=True)


@pytest.mark.parametrize("model", FAST + SLOW)
async def test_what_is_sent_is_what_inline_pictures_would_be(model: str) -> None:
    inline = tuple(Image("image/png", data_base64=base64.b64encode(PICTURES[file]).decode()) for file in ("f1", "f2"))
    expected = prepared(model, Message("user", "See:", inline), sees_images=True)
    call = call_of(model, "f1", "f2")
    contents = await read_pictures(call.request, call.wire.pictures, Stored())

    sent = await filled(call.body, contents)
    assert json.loads(sent) == json.loads(expected.body)
    assert len(sent) == WireBody(call.body, contents).length
    assert len(call.body) < 2_000
    assert call.bound_nusd == expected.bound_nusd


def test_no_two_calls_have_the_same_stand_in() -> None:
    tokens = [token for _ in range(50) for token in call_of("openai/gpt-4o", "f1", "f2").wire.pictures]
    assert len(set(tokens)) == 100


async def test_a_picture_that_is_gone_is_said_before_anything_is_sent() -> None:
    call = call_of("openai/gpt-4o", "gone")
    with pytest.raises(ModelError) as failed:
        await client("openai/gpt-4o", sees_images=True).complete(call)
    assert (failed.value.reason, failed.value.charge) == ("bad_request", Charge.NOTHING)
    assert str(failed.value) == "A picture for m is no longer kept."


async def test_a_body_without_pictures_is_sent_as_it_is() -> None:
    request = ModelRequest("m", (Message("user", "Hi"),), 10)
    assert await filled(b"{}", await read_pictures(request, {}, None)) == b"{}"
