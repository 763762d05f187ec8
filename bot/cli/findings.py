"""Results of `agents doctor` checks: severity, subject, and what to do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bot.settings import VARIABLES

_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_PARAMETERS = re.compile(r"(?<=[?&])([^=&\s]*(?:password|token|key|secret)[^=&\s]*)=[^&\s]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `fail` keeps the bot from working, `warn` does not."""

    level: Literal["ok", "warn", "fail"]
    subject: str
    text: str

    def masked(self, env: Mapping[str, str]) -> "Finding":
        """Return the same without any secret of this environment, wherever it came from."""
        text = self.text
        for variable in VARIABLES:
            value = env.get(variable.name, "")
            if variable.secret and value:
                text = text.replace(value, "[secret]")
        return replace(self, text=_PARAMETERS.sub(r"\1=[secret]", _USERINFO.sub("[secret]@", text)))


def ok(subject: str, text: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding("ok", subject, text)


def warn(subject: str, text: str) -> Finding:
    """Return a finding that works, with a caveat."""
    return Finding("warn", subject, text)


def fail(subject: str, text: str) -> Finding:
    """Return a finding that does not work until the text's advice is followed."""
    return Finding("fail", subject, text)
