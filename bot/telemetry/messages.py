"""Prompts and answers in the JSON of the GenAI conventions, for those who switched them on."""

import json
from collections.abc import Sequence

from patterns.core.calls import Completion, Message

NOT_KEPT = "(not kept)"
"""Stands for what may be written down nowhere."""


def input_messages(messages: Sequence[Message]) -> str:
    """Return a prompt as `gen_ai.input.messages`; pictures are named, not sent."""
    return json.dumps([_message(message) for message in messages], ensure_ascii=False)


def output_messages(completion: Completion) -> str:
    """Return an answer as `gen_ai.output.messages`."""
    said = {"role": "assistant", "parts": [_text(completion.text)], "finish_reason": completion.finish_reason}
    return json.dumps([said], ensure_ascii=False)


def _message(message: Message) -> dict[str, object]:
    pictures = [{"type": "blob", "mime_type": image.media_type} for image in message.images]
    content = NOT_KEPT if message.is_unstored else message.content
    return {"role": message.role, "parts": [_text(content), *pictures]}


def _text(content: str) -> dict[str, str]:
    return {"type": "text", "content": content}
