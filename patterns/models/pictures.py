"""Pictures on the wire: a body holds a token for each until it is sent, and only then their base64, piece by piece.

A token is a random word that is valid base64 itself, so that translators take it, and no text can hold it by accident.
"""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from patterns.core.calls import Image, ModelRequest
from patterns.core.errors import Charge, ModelError
from patterns.core.ports import FileReader

_PIECE_BYTES = 3 * 2**16
"""A multiple of three, so that the base64 of the pieces joins to that of the whole."""


def with_tokens(request: ModelRequest) -> tuple[ModelRequest, dict[str, Image]]:
    """Return the request with a token in place of each stored image's data, and the images by their tokens."""
    pictures: dict[str, Image] = {}

    def stand_in(image: Image) -> Image:
        if not image.file:
            return image
        token = secrets.token_hex(16)
        pictures[token] = image
        return Image(image.media_type, data_base64=token)

    messages = tuple(
        replace(message, images=tuple(map(stand_in, message.images))) if message.images else message
        for message in request.messages
    )
    return (replace(request, messages=messages), pictures) if pictures else (request, {})


class WireBody:
    """A request's body as it is sent: `length` bytes, in pieces, the pictures in their places."""

    def __init__(self, body: bytes, contents: Mapping[str, bytes]) -> None:
        self._parts: list[bytes | memoryview] = []
        rest = body
        for token, data in sorted(contents.items(), key=lambda item: body.index(item[0].encode())):
            before, _, rest = rest.partition(token.encode())
            self._parts += [before, memoryview(data)]
        self._parts.append(rest)
        self.length = len(body) + sum(4 * -(-len(data) // 3) - len(token) for token, data in contents.items())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
                continue
            for at in range(0, len(part), _PIECE_BYTES):
                yield base64.b64encode(part[at : at + _PIECE_BYTES])
                await asyncio.sleep(0)  # a fast connection takes all of it without ever waiting


async def read_pictures(
    request: ModelRequest, pictures: Mapping[str, Image], reader: FileReader | None
) -> dict[str, bytes]:
    """Return the contents of a body's pictures by their tokens.

    Raises:
        ModelError: one of them is no longer kept; nothing was sent.
    """
    contents: dict[str, bytes] = {}
    for token, image in pictures.items():
        data = await reader.read(image.file) if reader is not None else None
        if data is None:
            raise ModelError(
                f"A picture for {request.model} is no longer kept.",
                reason="bad_request",
                retryable=False,
                charge=Charge.NOTHING,
            )
        contents[token] = data
    return contents


async def filled(body: bytes, contents: Mapping[str, bytes]) -> bytes:
    """Return the whole body, for what cannot send pieces."""
    return b"".join([piece async for piece in WireBody(body, contents)])
