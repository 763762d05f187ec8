"""What a tool server asks a person in the middle of a call, and what the person answered."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from patterns.core.context import Frozen


class Form(Frozen):
    """A message with fields, described by a JSON Schema (`fields_json`), or with an address to open (`url`).

    All of it is the server's: untrusted.
    """

    message: str
    fields_json: str = ""
    url: str = ""

    @property
    def key(self) -> str:
        """Return the hash of what is asked: an answer holds for exactly this."""
        return hashlib.sha256(json.dumps([self.message, self.fields_json, self.url]).encode()).hexdigest()


class FormAnswer(Frozen):
    """What a server is told: the values, that the person declined, or that nobody answered."""

    action: Literal["accept", "decline", "cancel"]
    values: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FormAnswers:
    """What is known when a call is sent: answers by the key of their form.

    With a `refusal`, a sentence that says why, nothing else may be asked: it is declined.
    """

    given: Mapping[str, FormAnswer] = field(default_factory=dict)
    refusal: str = ""


NOBODY_TO_ASK = FormAnswers(refusal="nobody can be asked here")
"""Where a server's questions are declined."""
