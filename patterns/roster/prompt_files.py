"""The files prompts are written in: those beside a roster come first, and after them the ones shipped with the program.

A file is `NAME.md.j2`; one whose name starts with an underscore is only there to be included by others, with
`{% include "_shared.md.j2" %}`. A file of one's own with the name of a shipped one takes its place, also where shipped
prompts include it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SUFFIX = ".md.j2"
FOLDER = "prompts"
"""The folder of a roster's own prompts, beside the roster."""

SHIPPED_FOLDER = Path(__file__).parents[2] / "templates" / "prompts"
FILE_BYTES_MAX = 200_000
INCLUDES_DEEP = 5

_INCLUDE = re.compile(r"""\{%-?\s*include\s+["']([A-Za-z0-9_.-]+)["']\s*-?%\}""")
_NAME = re.compile(r"_?[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True)
class PromptFiles:
    """Template sources by prompt name, with their includes put in.

    `files` are the raw files, for what else includes them; `own` says which prompts stand beside the roster, with their
    file; `mistakes` are sentences about files there that cannot be used, each beginning with the file's name.
    """

    sources: Mapping[str, str]
    files: Mapping[str, str]
    own: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()

    def resolve(self, text: str) -> str:
        """Return a text with its includes put in."""
        return _with_includes(text, self.files)


def read_prompts() -> dict[str, str]:
    """Return the shipped prompts by name, with what they include."""
    return dict(prompt_files(None).sources)


def prompt_files(beside: Path | None, *, shipped: Mapping[str, str] | None = None) -> PromptFiles:
    """Return the prompts of a roster in the folder `beside`, over the shipped ones.

    Args:
        beside: the folder of the roster; None for no prompts of its own.
        shipped: raw files by file name; without them, those shipped with the program.
    """
    base = shipped_files() if shipped is None else shipped
    own, mistakes = ({}, []) if beside is None else _read_own(beside / FOLDER)
    files = {**base, **own}
    named = {name.removesuffix(SUFFIX): name for name in files if not name.startswith("_")}
    return PromptFiles(
        sources={name: _with_includes(files[file], files) for name, file in sorted(named.items())},
        files=files,
        own={name: f"{FOLDER}/{file}" for name, file in named.items() if file in own},
        mistakes=tuple(mistakes),
    )


def shipped_files() -> dict[str, str]:
    """Return the raw text of every shipped file by file name."""
    return {path.name: path.read_text("utf-8") for path in sorted(SHIPPED_FOLDER.glob(f"*{SUFFIX}"))}


def _read_own(folder: Path) -> tuple[dict[str, str], list[str]]:
    files: dict[str, str] = {}
    mistakes = []
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    except OSError as error:
        return {}, [f"{FOLDER} cannot be read: {error.strerror or error}. Let the bot's user read it"]
    for path in paths:
        shown = f"{FOLDER}/{path.name}"
        if not path.name.endswith(SUFFIX):
            if re.search(r"\.(md|j2|jinja2?|txt)$", path.name):
                mistakes.append(f"{shown} is not read; prompts are called NAME{SUFFIX}: {_better(path.name)}")
        elif path.name.startswith("inline-"):
            mistakes.append(f"{shown}: names that begin with inline- are kept for prompts in the roster; rename it")
        elif not _NAME.fullmatch(path.name.removesuffix(SUFFIX)):
            mistakes.append(f"{shown} cannot be named in a roster; call it {_better(path.name)}")
        else:
            text = _text(path)
            if text is None:
                mistakes.append(f"{shown} is no UTF-8 text of at most {FILE_BYTES_MAX // 1000} kB; save it as such")
            else:
                files[path.name] = text
    return files, mistakes


def _better(file_name: str) -> str:
    """Return the nearest file name that a prompt can have."""
    stem = re.sub(r"(\.(md|j2|jinja2?|txt))+$", "", file_name)
    name = re.sub(r"[^a-z0-9_-]+", "_", stem.casefold()).strip("-")
    return f"{name if _NAME.fullmatch(name) else 'my_prompt'}{SUFFIX}"


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8") if path.stat().st_size <= FILE_BYTES_MAX else None
    except (OSError, UnicodeDecodeError):
        return None


def _with_includes(text: str, files: Mapping[str, str], depth: int = 0) -> str:
    """Return a text with files put in; an include that leads nowhere, or in a circle, stays for the check to find."""

    def include(match: re.Match[str]) -> str:
        name = match.group(1)
        if not name.startswith("_") or name not in files or depth >= INCLUDES_DEEP:
            return match.group(0)
        return _with_includes(files[name], files, depth + 1).rstrip("\n")

    return _INCLUDE.sub(include, text)
