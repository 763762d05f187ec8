"""Providers we do not speak to ourselves: litellm's `acompletion` sends one attempt, not streamed, and we read it.

Replies of a shape we know are read as strictly as over our own HTTP. Of the others litellm's translation is taken, but
never its finish reason: the provider's own word decides, and without one the answer counts as cut. Imports aiohttp.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from patterns.core.calls import Completion, PreparedCall
from patterns.core.errors import ModelError
from patterns.core.ports import OnText
from patterns.models.exchange import Exchange, reading_of
from patterns.models.faults import Failure, from_status
from patterns.models.http import Http, stopped
from patterns.models.pictures import filled, read_pictures
from patterns.models.recorder import Recording, under_way
from patterns.models.shapes import shape_of
from patterns.models.translate import Target

_SURELY_UNBILLED = frozenset({400, 401, 402, 403, 404, 413, 422, 429})
"""Where no request of litellm passed us, only these prove that nothing was billed: it makes up a 5xx of its own."""
_OWN_WORD = re.compile(r'"(?:finish_?reason|stop_?reason|done_reason)"\s*:\s*"([^"]+)"', re.IGNORECASE)


async def complete(
    litellm: ModuleType, http: Http, call: PreparedCall, target: Target, on_text: OnText | None
) -> Completion:
    """Make one attempt within the request's `timeout_s`.

    Raises:
        ModelError: with what it may have cost.
        asyncio.CancelledError: with `NEVER_SENT`, or with the bill, where that is known.
    """
    recording = Recording(http, lambda: Exchange(call, target, reading_of(call, "any", on_text)))
    reply, failure = None, None
    with under_way(recording):
        try:
            async with asyncio.timeout(call.request.timeout_s):
                pictures = await read_pictures(call.request, call.wire.pictures, http.files)
                body = await filled(call.body, pictures) if pictures else call.body
                reply = await litellm.acompletion(
                    **json.loads(body),
                    api_base=target.api_base or None,
                    api_key=target.key,
                    num_retries=0,
                    max_retries=0,
                    timeout=call.request.timeout_s,
                    _skip_mcp_handler=True,  # it would import mcp, to see that no tool is a server
                )
        except TimeoutError:
            failure = Failure("timeout")
        except ModelError:
            raise  # ours, from before anything was sent
        except asyncio.CancelledError:
            raise stopped(recording.exchange or recording.begin()) from None
        except Exception as error:  # noqa: BLE001 - litellm's exceptions share no root of their own
            failure = _failure_of(error, litellm)
    return _outcome(recording, _dumped(reply), failure)


def _outcome(recording: Recording, reply: Mapping[str, Any] | None, failure: Failure | None) -> Completion:
    """Return what came of it, by the bytes that came; litellm's own reading helps only where we have none."""
    if recording.error is not None:
        raise recording.error
    exchange = recording.exchange
    if exchange is None:  # whatever litellm did, no request of it passed us
        exchange, raw = recording.begin(), ""
        exchange.is_sent = True
    else:
        raw = b"".join(recording.pieces).decode(errors="replace")
        # What litellm says of a reply that came is its reading of it, and ours decides.
        failure = recording.failure or (None if recording.has_reply else failure)
        if exchange.reading.parts:
            found = exchange.outcome(failure, recording.cause)
            return _with_text_of(found, reply) if exchange.call.request.schema is not None else found
    data = _object(raw)
    if reply is not None and (not raw or (data and shape_of(data) is None and failure == Failure("malformed"))):
        return _as_translated(exchange, reply, raw)
    exchange.reading.take_bill(data)
    raise exchange.error(failure or Failure("malformed")) from recording.cause


def _as_translated(exchange: Exchange, reply: Mapping[str, Any], raw: str) -> Completion:
    """Return litellm's translation of a reply in a shape we do not know, with the provider's own finish reason."""
    choice = dict(reply["choices"][0])
    native = (choice.get("provider_specific_fields") or {}).get("native_finish_reason")
    words = _OWN_WORD.findall(raw)
    own = native or (words[-1] if words else None if raw else choice.get("finish_reason"))
    exchange.reading = reading_of(exchange.call, "openai", None)
    exchange.reading.take({**reply, "choices": [{**choice, "finish_reason": own}]})
    exchange.reading.end()
    return exchange.outcome()


def _with_text_of(found: Completion, reply: Mapping[str, Any] | None) -> Completion:
    """Return the answer with litellm's text: it knows how it asked for a schema, and unwraps what came."""
    message = (reply or {}).get("choices", [{}])[0].get("message") or {}
    text = message.get("content")
    return replace(found, text=text) if isinstance(text, str) and text.strip() else found


def _failure_of(error: Exception, litellm: ModuleType) -> Failure:
    """Return what an exception of litellm says, by status and by class: its own subclasses are misleading both ways."""
    kinds, status = litellm.exceptions, getattr(error, "status_code", None)
    if isinstance(error, kinds.Timeout):
        return Failure("timeout")
    if not isinstance(status, int) or isinstance(error, kinds.APIConnectionError):
        return Failure("connection")
    failure = from_status(status, json.dumps({"error": str(error)}), {})
    return failure if status in _SURELY_UNBILLED else replace(failure, status=None)


def _dumped(reply: object) -> dict[str, Any] | None:
    if reply is None:
        return None
    dumped: dict[str, Any] = json.loads(reply.model_dump_json())  # type: ignore[attr-defined] # litellm's ModelResponse
    return dumped if dumped.get("choices") else None


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
