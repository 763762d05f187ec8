"""What a check of `agents doctor` found: how bad, about what, and what to do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bot.settings import VARIABLES

_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_PARAMETERS = re.compile(r"(?<=[?&])([^=&\s]*(?:password|token|key|secret)[^=&\s]*)=[^&\s]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `fail` keeps the bot from working, `warn` is worth knowing."""

    level: Literal["ok", "warn", "fail"]
    subject: str
    text: str

    def masked(self, env: Mapping[str, str]) -> "Finding":
        """The same without a secret of this environment, wherever it came from."""
        text = self.text
        for variable in VARIABLES:
            value = env.get(variable.name, "")
            if variable.secret and value:
                text = text.replace(value, "[secret]")
        return replace(self, text=_PARAMETERS.sub(r"\1=[secret]", _USERINFO.sub("[secret]@", text)))


def ok(subject: str, text: str) -> Finding:
    """As it should be."""
    return Finding("ok", subject, text)


def warn(subject: str, text: str) -> Finding:
    """It works, but."""
    return Finding("warn", subject, text)


def fail(subject: str, text: str) -> Finding:
    """It does not work until somebody does what the text says."""
    return Finding("fail", subject, text)
