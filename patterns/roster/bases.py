"""What a roster can extend: the shipped one as it is now, or a version of it that stays what it was.

A version is one file, `shipped/N.json`, with the roster and its raw prompt files as they were. It is written once, by
`python -m patterns.roster.bases`, when a release changes the shipped roster or its prompts, and never changed again.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patterns.roster.prompt_files import shipped_files
from patterns.roster.suggestions import listed, nearest

SHIPPED = "shipped"
SHIPPED_ROSTER = Path(__file__).parents[1] / "roster.yml"
_VERSIONS = Path(__file__).parent / "shipped"


@dataclass(frozen=True)
class Base:
    """A roster that another one extends. `files` are its raw prompt files by file name."""

    name: str
    text: str
    files: Mapping[str, str]


class UnknownBaseError(ValueError):
    """There is nothing of that name to extend; the message says what there is."""


def shipped_now() -> Base:
    """Return the shipped roster as it is in this version of the program."""
    return Base(SHIPPED, SHIPPED_ROSTER.read_text("utf-8"), shipped_files())


def versions() -> tuple[int, ...]:
    """Return the versions that are kept, oldest first."""
    return tuple(sorted(int(path.stem) for path in _VERSIONS.glob("*.json")))


def find_base(name: object) -> Base:
    """Return what `extends` names.

    Raises:
        UnknownBaseError: with what can be written instead.
    """
    kept = [f"{SHIPPED}@{number}" for number in versions()]
    said = str(name)
    if said == SHIPPED:
        return shipped_now()
    match = re.fullmatch(rf"{SHIPPED}@([0-9]{{1,6}})", said)
    if match and said in kept:
        content = json.loads((_VERSIONS / f"{match[1]}.json").read_text("utf-8"))
        return Base(said, content["roster"], content["prompts"])
    if match:
        raise UnknownBaseError(f"there is no {said}; the versions are {listed(kept)}")
    near = nearest(said, [SHIPPED, *kept])
    meant = f"did you mean {near}?" if near else f"write {SHIPPED}, or {kept[-1]} to stay with that version"
    raise UnknownBaseError(f"{said!r} is nothing a roster can extend; {meant}")


def freeze() -> Path | None:
    """Keep the shipped roster as the next version; None when the newest one is the same already."""
    now = shipped_now()
    newest = max(versions(), default=0)
    if newest and (kept := find_base(f"{SHIPPED}@{newest}")) and (kept.text, kept.files) == (now.text, now.files):
        return None
    path = _VERSIONS / f"{newest + 1}.json"
    content = json.dumps({"roster": now.text, "prompts": now.files}, ensure_ascii=False, indent=1)
    path.write_text(f"{content}\n", "utf-8")
    return path


if __name__ == "__main__":
    print(freeze() or "nothing has changed")  # noqa: T201 - a command of the release
